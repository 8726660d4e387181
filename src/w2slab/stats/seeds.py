"""Seeds and test examples together: the error of the mean of a metric over seeds.

A metric y of S seeds on one test set of n examples varies for three reasons: seeds differ, test examples differ, and
each seed errs on examples of its own. Their variances are those of a two-way layout with random rows and columns
(Searle, Casella & McCulloch 1992, chapter 4); the last one is part of what seeds seem to differ by, and part of what
resampled examples show, and must not be counted twice:

    variance of the mean = variance over examples + (variance over seeds - own part) / S

Its degrees of freedom are Satterthwaite's (1946): those of S - 1 seeds where seeds matter, many where they do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import inf, sqrt
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtri, stdtrit

from w2slab.shapes import Array, Float, Float64
from w2slab.stats.resampling import Estimate, mean_estimate


@dataclass(frozen=True)
class BySeed:
    """A metric under each of S seeds: metrics add, subtract and scale.

    Several metrics over the same seeds may be stacked along leading axes; every number that follows from them is then
    an array over those axes.

    Args:
        observed: On the test examples.
        draws: In each of R resamples of test examples, which all seeds share.
    """

    observed: Float[Array, "*C S"]
    draws: Float64[Array, "*C R S"]

    @cached_property
    def value(self) -> Any:
        """The mean over seeds: a number, or an array of them."""
        return plain(self.observed.mean(axis=-1))

    @cached_property
    def pooled(self) -> Float64[Array, "*C R"]:
        """The mean over seeds in each resample."""
        mean: np.ndarray = self.draws[..., 0] if self.observed.shape[-1] == 1 else self.draws.mean(axis=-1)
        return mean

    def __add__(self, other: BySeed) -> BySeed:
        return BySeed(self.observed + other.observed, self.draws + other.draws)

    def __sub__(self, other: BySeed) -> BySeed:
        return BySeed(self.observed - other.observed, self.draws - other.draws)

    def __rsub__(self, number: float) -> BySeed:
        return BySeed(number - self.observed, number - self.draws)

    def __mul__(self, factor: Any) -> BySeed:
        factor = np.asarray(factor)
        return BySeed(self.observed * factor[..., None], self.draws * factor[..., None, None])


class Noise(NamedTuple):
    """The error of a mean over seeds: numbers, or arrays of them over stacked metrics.

    Args:
        examples: Its variance from test examples.
        seeds: Its variance from seeds, without the part that comes from each erring on its own examples.
        degrees: Degrees of freedom of the sum.
        seed_scale: Factor of draws of seeds that gives them that variance.
    """

    examples: Any
    seeds: Any
    degrees: Any
    seed_scale: Any

    @property
    def standard_error(self) -> Any:
        """Of the mean over seeds."""
        return plain(np.sqrt(np.asarray(self.examples) + self.seeds))

    def stretch(self, level: float) -> Any:
        """Return Student's quantile over the normal one, the factor by which few degrees widen an interval."""
        tail = (1 + level) / 2
        degrees = np.asarray(self.degrees, dtype=float)
        is_finite = np.isfinite(degrees)
        return plain(np.where(is_finite, stdtrit(np.where(is_finite, degrees, 1.0), tail) / ndtri(tail), 1.0))


def noise(metric: BySeed, *, n_units: int) -> Noise:
    """Estimate the components of a metric's error.

    Args:
        metric: Of S seeds, or several such metrics stacked.
        n_units: Independent test examples, or groups of them; at least 2, or all is infinite.
    """
    shape, n_seeds = metric.observed.shape[:-1], metric.observed.shape[-1]
    if n_units < 2:
        return Noise(*(plain(np.full(shape, number)) for number in (inf, 0.0, 1.0, 0.0)))
    examples = _variance(metric.pooled) * n_units / (n_units - 1)
    if n_seeds == 1:
        return Noise(plain(examples), *(plain(np.full(shape, number)) for number in (0.0, n_units - 1.0, 0.0)))
    over_seeds = metric.observed.var(axis=-1, ddof=1)
    own = _variance(metric.draws.swapaxes(-1, -2) - metric.pooled[..., None, :]).sum(axis=-1) / (n_seeds - 1)
    between = np.maximum(0.0, over_seeds - own)
    total = examples + between / n_seeds
    uncertain = examples**2 / (n_units - 1) + (over_seeds / n_seeds) ** 2 / (n_seeds - 1)
    degrees = np.divide(total**2, uncertain, out=np.full(shape, inf), where=uncertain > 0)
    scale = np.sqrt(np.divide(between, over_seeds, out=np.zeros(shape), where=over_seeds > 0))
    return Noise(*map(plain, (examples, between / n_seeds, np.maximum(1.0, degrees), scale)))


def mean_draws(
    metric: BySeed, seed_draws: Float64[Array, "R S"], error: Noise, *, level: float, n_units: int
) -> Float64[Array, "*C R"]:
    """Return resampled means over seeds, whose order statistics make a confidence interval at `level`.

    Args:
        metric: Whose mean is resampled.
        seed_draws: Made by `resample_seeds`.
        error: The `noise` of the metric, or of the linear combination of metrics that it is part of.
        level: Coverage of the confidence interval.
        n_units: As for `noise`.
    """
    correction = sqrt(n_units / (n_units - 1)) if n_units > 1 else 1.0
    value = np.asarray(metric.value)[..., None]
    off = metric.pooled - value
    off *= correction
    scale = np.asarray(error.seed_scale)[..., None]
    if (scale > 0).any():
        off += scale * (metric.observed @ seed_draws.T)
    off *= np.asarray(error.stretch(level))[..., None]
    off += value
    return off


def _variance(draws: Float64[Array, "*C R"]) -> Any:
    """Return the variance over resamples, with few passes over the memory."""
    off = draws - draws.mean(axis=-1, keepdims=True)
    off *= off
    variance: np.ndarray = np.asarray(off.sum(axis=-1) / draws.shape[-1])
    return variance


def mean_over_seeds(
    metric: BySeed,
    seed_draws: Float64[Array, "R S"],
    *,
    level: float,
    n_units: int,
    lowest: float = 0.0,
    highest: float = 1.0,
) -> Estimate:
    """Return the mean over seeds with its confidence interval, clipped to its bounds.

    Args:
        metric: Under each seed.
        seed_draws: Made by `resample_seeds`.
        level: Coverage of the confidence interval.
        n_units: As for `noise`.
        lowest: Smallest possible mean.
        highest: Largest possible mean.
    """
    draws = mean_draws(metric, seed_draws, noise(metric, n_units=n_units), level=level, n_units=n_units)
    return mean_estimate(metric.value, draws, level=level, n_units=n_units, lowest=lowest, highest=highest)


def plain(number: Any) -> Any:
    """Return an array, or where it has no axes its number as a float."""
    array = np.asarray(number)
    return array if array.ndim else float(array)
