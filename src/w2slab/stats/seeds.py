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
from math import inf, isfinite, sqrt
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri, stdtrit

from w2slab.shapes import Array, Float64
from w2slab.stats.resampling import Estimate, mean_estimate


@dataclass(frozen=True)
class BySeed:
    """A metric under each of S seeds: metrics add, subtract and scale.

    Args:
        observed: On the test examples.
        draws: In each of R resamples of test examples, which all seeds share.
    """

    observed: Float64[Array, " S"]
    draws: Float64[Array, "R S"]

    @cached_property
    def value(self) -> float:
        """The mean over seeds."""
        return float(self.observed.mean())

    @cached_property
    def pooled(self) -> Float64[Array, " R"]:
        """The mean over seeds in each resample."""
        mean: np.ndarray = self.draws[:, 0] if len(self.observed) == 1 else self.draws.mean(axis=1)
        return mean

    def __add__(self, other: BySeed) -> BySeed:
        return BySeed(self.observed + other.observed, self.draws + other.draws)

    def __sub__(self, other: BySeed) -> BySeed:
        return BySeed(self.observed - other.observed, self.draws - other.draws)

    def __rsub__(self, number: float) -> BySeed:
        return BySeed(number - self.observed, number - self.draws)

    def __mul__(self, factor: float) -> BySeed:
        return BySeed(self.observed * factor, self.draws * factor)


class Noise(NamedTuple):
    """The error of a mean over seeds.

    Args:
        examples: Its variance from test examples.
        seeds: Its variance from seeds, without the part that comes from each erring on its own examples.
        degrees: Degrees of freedom of the sum.
        seed_scale: Factor of draws of seeds that gives them that variance.
    """

    examples: float
    seeds: float
    degrees: float
    seed_scale: float

    @property
    def standard_error(self) -> float:
        """Of the mean over seeds."""
        return sqrt(self.examples + self.seeds)

    def stretch(self, level: float) -> float:
        """Return Student's quantile over the normal one, the factor by which few degrees widen an interval."""
        tail = (1 + level) / 2
        return float(stdtrit(self.degrees, tail) / ndtri(tail)) if isfinite(self.degrees) else 1.0


def noise(metric: BySeed, *, n_units: int) -> Noise:
    """Estimate the components of a metric's error.

    Args:
        metric: Of S seeds.
        n_units: Independent test examples, or groups of them; at least 2, or all is infinite.
    """
    n_seeds = len(metric.observed)
    if n_units < 2:
        return Noise(inf, 0.0, 1.0, 0.0)
    examples = float(metric.pooled.var()) * n_units / (n_units - 1)
    if n_seeds == 1:
        return Noise(examples, 0.0, n_units - 1.0, 0.0)
    over_seeds = float(metric.observed.var(ddof=1))
    own = float((metric.draws - metric.pooled[:, None]).var(axis=0).sum()) / (n_seeds - 1)
    between = max(0.0, over_seeds - own)
    total = examples + between / n_seeds
    uncertain = examples**2 / (n_units - 1) + (over_seeds / n_seeds) ** 2 / (n_seeds - 1)
    degrees = total**2 / uncertain if uncertain > 0 else inf
    scale = sqrt(between / over_seeds) if over_seeds > 0 else 0.0
    return Noise(examples, between / n_seeds, max(1.0, degrees), scale)


def mean_draws(
    metric: BySeed, seed_draws: Float64[Array, "R S"], error: Noise, *, level: float, n_units: int
) -> Float64[Array, " R"]:
    """Return resampled means over seeds, whose order statistics make a confidence interval at `level`.

    Args:
        metric: Whose mean is resampled.
        seed_draws: Made by `resample_seeds`.
        error: The `noise` of the metric, or of the linear combination of metrics that it is part of.
        level: Coverage of the confidence interval.
        n_units: As for `noise`.
    """
    correction = sqrt(n_units / (n_units - 1)) if n_units > 1 else 1.0
    off = correction * (metric.pooled - metric.value)
    if error.seed_scale > 0:
        off += error.seed_scale * (seed_draws @ metric.observed)
    draws: np.ndarray = metric.value + error.stretch(level) * off
    return draws


def mean_over_seeds(
    metric: BySeed,
    seed_draws: Float64[Array, "R S"],
    *,
    level: float,
    n_units: int,
    lowest: float = 0.0,
    highest: float = 1.0,
) -> Estimate:
    """Return the mean of a metric over seeds with its confidence interval over seeds and test examples.

    Args:
        metric: Under each of S seeds.
        seed_draws: Made by `resample_seeds`.
        level: Coverage of the confidence interval.
        n_units: As for `noise`.
        lowest: Smallest possible mean.
        highest: Largest possible mean.
    """
    draws = mean_draws(metric, seed_draws, noise(metric, n_units=n_units), level=level, n_units=n_units)
    return mean_estimate(metric.value, draws, level=level, n_units=n_units, lowest=lowest, highest=highest)
