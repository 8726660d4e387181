"""Confidence intervals of a ratio of two means, such as PGR: percentile, BCa, and Fieller's as a check on both.

To first order a ratio N / D errs as (N - ratio * D) / D does: that combination says how many degrees of freedom count,
and how much of what seeds differ by is theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import nan
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from w2slab.shapes import Array, Float, Float64
from w2slab.stats.resampling import Estimate, interval, largest_unseen
from w2slab.stats.seeds import BySeed, Noise, mean_draws, noise, plain

_MOST_BIAS = 0.5  # of BCa, in standard deviations; beyond it the correction is a guess
_ROUNDING = 1e-12


def ratio_draws(numerator: Float[Array, "*C R"], denominator: Float[Array, "*C R"]) -> Float64[Array, "*C R"]:
    """Return ratios of resampled numbers.

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

    @cached_property
    def value(self) -> Any:
        """The ratio of the means; NaN where the denominator is 0."""
        return plain(_divided(self.numerator.value, self.denominator.value))

    @cached_property
    def linear(self) -> BySeed:
        """(N - ratio * D) / D, the error of the ratio to first order."""
        return (self.numerator - self.denominator * self.value) * _divided(1.0, self.denominator.value)

    @cached_property
    def error(self) -> Noise:
        """The error of the ratio to first order."""
        return noise(self.linear, n_units=self.n_units)

    def draws(self, seed_draws: Float64[Array, "R S"], error: Noise | None = None) -> Float64[Array, "*C R"]:
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

    def estimate(self, draws: Float64[Array, "*C R"]) -> Estimate:
        """Return the ratio with its percentile interval.

        Where all draws are equal (a student that never differs from its supervisor, or never from its ceiling) the
        exact bound for a difference that n units never showed stands in its place, over the denominator.
        """
        low, high = interval(draws, self.level)
        is_point = np.equal(low, high) & np.isfinite(low)
        unseen = _divided(largest_unseen(self.n_units, self.level), self.denominator.value)
        low, high = (np.where(is_point, self.value + way * unseen, end) for way, end in ((-1, low), (1, high)))
        return Estimate(self.value, plain(low), plain(high))

    def bca(self, draws: Float64[Array, "*C R"], unit_scores: Float64[Array, "*C U"]) -> tuple[Any, Any]:
        """Return the bias-corrected and accelerated interval (Efron 1987); NaN where it is not well behaved.

        The bias is read off the draws, the acceleration is that of the influence of units and of seeds (Efron &
        Tibshirani 1993, equation 14.15, over both samples). It is well behaved where no draw is infinite, the bias is
        below half a standard deviation, and both ends lie inside the draws.

        Args:
            draws: Made by `draws`.
            unit_scores: The first-order error `linear` of each unit, summed over its examples and averaged over seeds,
                or any multiple of it.
        """
        n = draws.shape[-1]
        if n == 0:
            nothing = plain(np.full(draws.shape[:-1], nan))
            return nothing, nothing
        ordered = np.sort(draws, axis=-1)
        value = np.asarray(self.value)[..., None]
        is_good = np.isfinite(draws).all(axis=-1) & (ordered[..., 0] != ordered[..., -1])
        below = (draws < value).mean(axis=-1) + (draws == value).mean(axis=-1) / 2
        bias = ndtri(below)
        is_good &= np.isfinite(bias) & (np.abs(bias) <= _MOST_BIAS)
        bias = np.where(is_good, bias, 0.0)
        acceleration = np.where(is_good, self._acceleration(unit_scores), 0.0)
        ends = []
        for tail in ((1 - self.level) / 2, (1 + self.level) / 2):
            reach = bias + float(ndtri(tail))
            room = 1 - acceleration * reach
            is_good &= room > 0
            place = ndtr(bias + reach / np.where(room > 0, room, 1.0))
            is_good &= (1 / n < place) & (place < 1 - 1 / n)
            at = np.ceil(n * np.where(is_good, place, 0.5) - 1).astype(int)  # the quantile's "inverted_cdf"
            ends.append(np.take_along_axis(ordered, at[..., None], axis=-1)[..., 0])
        return plain(np.where(is_good, ends[0], nan)), plain(np.where(is_good, ends[1], nan))

    def _acceleration(self, unit_scores: Float64[Array, "*C U"]) -> Any:
        units = unit_scores - unit_scores.mean(axis=-1, keepdims=True)
        spread = np.asarray((units**2).sum(axis=-1))
        examples = np.asarray(self.error.examples)
        # On the scale of the ratio: the influences of all units make up the variance from examples.
        scale = np.divide(examples, spread, out=np.zeros(spread.shape), where=(spread > 0) & (examples >= 0))
        units = units * np.sqrt(scale)[..., None]
        linear, n_seeds = self.linear, self.linear.observed.shape[-1]
        off = linear.observed - np.asarray(linear.value)[..., None]
        seeds = np.asarray(self.error.seed_scale)[..., None] * off / n_seeds
        influences = np.concatenate([units, seeds], axis=-1)
        squares = influences**2
        variance, skew = np.asarray(squares.sum(axis=-1)), np.asarray((squares * influences).sum(axis=-1))
        return np.divide(skew, 6 * variance**1.5, out=np.zeros(variance.shape), where=variance > 0)

    def fieller(self) -> tuple[Any, Any]:
        """Return Fieller's interval (1954), the ratios r for which N - r D does not differ from 0; NaN without ends.

        It rests on the covariance of N and D and on no draw of the ratio. It has two ends only where D differs from 0,
        and none where the ratio has no error that could be seen.
        """
        v_n, v_d, v_nd = self._covariance()
        n, d = np.asarray(self.numerator.value), np.asarray(self.denominator.value)
        is_good = ~(np.asarray(self.error.standard_error) < _ROUNDING) & np.isfinite(v_n + v_d + v_nd)
        v_n, v_d, v_nd = (np.where(is_good, each, 0.0) for each in (v_n, v_d, v_nd))
        degrees = np.where(is_good, self.error.degrees, 1.0)
        t = stdtrit(degrees, (1 + self.level) / 2) ** 2
        square, middle, constant = d * d - t * v_d, n * d - t * v_nd, n * n - t * v_n
        inside = middle * middle - square * constant
        is_good &= ~((square <= 0) | (inside < 0))
        root, square = np.sqrt(np.where(is_good, inside, 0.0)), np.where(is_good, square, 1.0)
        low, high = (middle - root) / square, (middle + root) / square
        return plain(np.where(is_good, low, nan)), plain(np.where(is_good, high, nan))

    def _covariance(self) -> tuple[Any, Any, Any]:
        """Return variances of N and D and their covariance, by polarisation of the components of `noise`."""
        parts = (self.numerator + self.denominator, self.numerator, self.denominator)
        both, n, d = (noise(part, n_units=self.n_units) for part in parts)
        total_n, total_d, total = (np.asarray(each.examples) + each.seeds for each in (n, d, both))
        if self.n_units < 2:
            return total_n, total_d, total
        limit = np.sqrt(total_n * total_d)
        return total_n, total_d, ((total - total_n - total_d) / 2).clip(-limit, limit)


def _divided(a: Any, b: Any) -> Any:
    """Divide, with NaN where b is 0."""
    a, b = np.broadcast_arrays(np.asarray(a, dtype=float), np.asarray(b, dtype=float))
    return np.divide(a, b, out=np.full(b.shape, nan), where=b != 0)
