"""Confidence intervals of a ratio of two means, such as PGR: percentile, BCa, and Fieller's as a check on both.

To first order a ratio N / D errs as (N - ratio * D) / D does: that combination says how many degrees of freedom count,
and how much of what seeds differ by is theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import isfinite, nan, sqrt

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from w2slab.shapes import Array, Float, Float64
from w2slab.stats.resampling import Estimate, interval, largest_unseen
from w2slab.stats.seeds import BySeed, Noise, mean_draws, noise

_MOST_BIAS = 0.5  # of BCa, in standard deviations; beyond it the correction is a guess
_NOTHING = (nan, nan)
_ROUNDING = 1e-12


def ratio_draws(numerator: Float[Array, " R"], denominator: Float[Array, " R"]) -> Float64[Array, " R"]:
    """Divide resampled numbers.

    A resample without a gap says that the ratio is beyond any number on the side of its numerator; a plain division
    would put it on the other side of 0 and make the interval look narrow.
    """
    beyond = np.where(numerator > 0, np.inf, np.where(numerator < 0, -np.inf, 0.0))
    ratios: np.ndarray = np.divide(numerator, denominator, out=beyond, where=denominator > 0)
    return ratios


@dataclass(frozen=True)
class Ratio:
    """A ratio of two means over seeds and examples.

    Args:
        numerator: The mean above the line.
        denominator: The mean below the line.
        n_units: Independent test examples, or groups of them.
        level: Coverage of confidence intervals.
    """

    numerator: BySeed
    denominator: BySeed
    n_units: int
    level: float

    @property
    def value(self) -> float:
        """The ratio of the means; NaN where the denominator is 0."""
        return self.numerator.value / self.denominator.value if self.denominator.value else nan

    @cached_property
    def linear(self) -> BySeed:
        """(N - ratio * D) / D, the error of the ratio to first order."""
        return (self.numerator - self.denominator * self.value) * (1 / (self.denominator.value or nan))

    @cached_property
    def error(self) -> Noise:
        """The error of the ratio to first order."""
        return noise(self.linear, n_units=self.n_units)

    def draws(self, seed_draws: Float64[Array, "R S"], error: Noise | None = None) -> Float64[Array, " R"]:
        """Return resampled ratios, whose order statistics make a confidence interval.

        Args:
            seed_draws: Made by `resample_seeds`.
            error: The error of a larger quantity that the ratio is part of; `None` is its own.
        """
        of = error or self.error
        numerator, denominator = (
            mean_draws(part, seed_draws, of, level=self.level, n_units=self.n_units)
            for part in (self.numerator, self.denominator)
        )
        return ratio_draws(numerator, denominator)

    def estimate(self, draws: Float64[Array, " R"]) -> Estimate:
        """Return the ratio with its percentile interval.

        Where all draws are equal (a student that never differs from its supervisor, or never from its ceiling) the
        exact bound for a difference that n units never showed stands in its place, over the denominator.
        """
        low, high = interval(draws, self.level)
        if low == high and isfinite(low):
            unseen = largest_unseen(self.n_units, self.level) / self.denominator.value
            low, high = self.value - unseen, self.value + unseen
        return Estimate(self.value, low, high)

    def bca(self, draws: Float64[Array, " R"], unit_scores: Float64[Array, " U"]) -> tuple[float, float]:
        """Return the bias-corrected and accelerated interval (Efron 1987); NaN where it is not well behaved.

        The bias is read off the draws, the acceleration is that of the influence of units and of seeds (Efron &
        Tibshirani 1993, equation 14.15, over both samples). It is well behaved where no draw is infinite, the bias is
        below half a standard deviation, and both ends lie inside the draws.

        Args:
            draws: Made by `draws`.
            unit_scores: The first-order error `linear` of each unit, summed over its examples and averaged over seeds,
                or any multiple of it.
        """
        if len(draws) == 0 or not np.isfinite(draws).all() or np.ptp(draws) == 0:
            return _NOTHING
        below = float((draws < self.value).mean() + (draws == self.value).mean() / 2)
        bias = float(ndtri(below))
        if not isfinite(bias) or abs(bias) > _MOST_BIAS:
            return _NOTHING
        acceleration = self._acceleration(unit_scores)
        ends = []
        for tail in ((1 - self.level) / 2, (1 + self.level) / 2):
            reach = bias + float(ndtri(tail))
            if 1 - acceleration * reach <= 0:
                return _NOTHING
            place = float(ndtr(bias + reach / (1 - acceleration * reach)))
            if not 1 / len(draws) < place < 1 - 1 / len(draws):
                return _NOTHING
            ends.append(float(np.quantile(draws, place, method="inverted_cdf")))
        return ends[0], ends[1]

    def _acceleration(self, unit_scores: Float64[Array, " U"]) -> float:
        units = unit_scores - unit_scores.mean()
        spread = float((units**2).sum())
        # On the scale of the ratio: the influences of all units make up the variance from examples.
        units = units * sqrt(self.error.examples / spread) if spread > 0 else units * 0.0
        seeds = self.error.seed_scale * (self.linear.observed - self.linear.value) / len(self.linear.observed)
        influences = np.concatenate([units, seeds])
        variance = float((influences**2).sum())
        return float((influences**3).sum()) / (6 * variance**1.5) if variance > 0 else 0.0

    def fieller(self) -> tuple[float, float]:
        """Return Fieller's interval (1954), the ratios r for which N - r D does not differ from 0; NaN without ends.

        It rests on the covariance of N and D and on no draw of the ratio. It has two ends only where D differs from 0,
        and none where the ratio has no error that could be seen.
        """
        if self.error.standard_error < _ROUNDING:
            return _NOTHING
        v_n, v_d, v_nd = self._covariance()
        n, d = self.numerator.value, self.denominator.value
        if not all(map(isfinite, (v_n, v_d, v_nd))):
            return _NOTHING
        t = float(stdtrit(self.error.degrees, (1 + self.level) / 2)) ** 2
        square, middle, constant = d * d - t * v_d, n * d - t * v_nd, n * n - t * v_n
        inside = middle * middle - square * constant
        if square <= 0 or inside < 0:
            return _NOTHING
        return (middle - sqrt(inside)) / square, (middle + sqrt(inside)) / square

    def _covariance(self) -> tuple[float, float, float]:
        """Return variances of N and D and their covariance, by polarisation of the components of `noise`."""
        parts = (self.numerator + self.denominator, self.numerator, self.denominator)
        both, n, d = (noise(part, n_units=self.n_units) for part in parts)
        total_n, total_d, total = (each.examples + each.seeds for each in (n, d, both))
        limit = sqrt(total_n * total_d)
        return total_n, total_d, float(np.clip((total - total_n - total_d) / 2, -limit, limit))
