"""Confidence intervals by resampling test examples and seeds; all that is compared is drawn together.

Models are evaluated on the same examples, so one draw of examples serves them all: that is what pairs supervisor,
student, ceiling and every method. Examples of one group (positions of one game, questions on one passage) are drawn
together. `stats.seeds` adds seeds; with one seed an interval covers the variation of test examples only.
"""

from __future__ import annotations

from math import ceil, nan
from typing import NamedTuple

import numpy as np

from w2slab.shapes import Array, Bool, Float, Float32, Float64, Int, Shaped

DEFAULT_RESAMPLES = 2000
FEW_SEEDS = 5
# Up to here each example is drawn, so that an interval does not move when another method is evaluated beside it.
_MANY_EXAMPLES = 20_000
_MOST_WEIGHTS = 8_000_000  # at once, so that 2,000 resamples of 100,000 examples fit into memory


class Estimate(NamedTuple):
    """A number with its confidence interval; NaN if undefined."""

    value: float
    low: float
    high: float


def resample_means(
    values: Shaped[Array, "M N"],
    *,
    rng: np.random.Generator,
    groups: Shaped[Array, " N"] | None = None,
    n_resamples: int = DEFAULT_RESAMPLES,
) -> Float64[Array, "{n_resamples} M"]:
    """Return means of every row of `values` over resampled examples; a draw is shared by all rows.

    Args:
        values: For each of M models and N test examples, true if it was right (bool), or a score (float).
        rng: Source of randomness.
        groups: The group of each example; a group is drawn as a whole. `None` where each is a single example.
        n_resamples: Number of draws.
    """
    if values.shape[1] == 0:
        return np.full((n_resamples, values.shape[0]), np.nan)
    if groups is not None:
        _, members = np.unique(groups, return_inverse=True)
        sizes = np.bincount(members)
        if sizes.max(initial=1) > 1:
            order = np.argsort(members, kind="stable")
            totals = np.add.reduceat(values[:, order], np.cumsum(sizes) - sizes, axis=1, dtype=np.float32)
            return _draw_units(totals, sizes.astype(np.float32), rng, n_resamples)
    shares_cells = values.dtype == bool and values.shape[1] > _MANY_EXAMPLES
    cells, counts = _cells(values) if shares_cells else (values, values[0])
    if 2 * len(counts) > values.shape[1]:
        return _draw_units(values.astype(np.float32), np.ones(values.shape[1], np.float32), rng, n_resamples)
    drawn = rng.multinomial(values.shape[1], counts / counts.sum(), size=n_resamples)
    means: np.ndarray = drawn @ cells.T.astype(float) / values.shape[1]
    return means


def _cells(values: Bool[Array, "M N"]) -> tuple[Bool[Array, "M C"], Int[Array, " C"]]:
    """Return distinct columns (cells) and the number of times that each occurs.

    Examples with equal columns are interchangeable, so that drawing counts of *cells* is drawing the
    examples: exact, and at three models there are eight cells however many examples.
    """
    packed = np.ascontiguousarray(np.packbits(values, axis=0).T)
    _, first, counts = np.unique(
        packed.view(np.dtype((np.void, packed.shape[1]))).ravel(), return_index=True, return_counts=True
    )
    return values[:, first], counts


def _draw_units(
    totals: Float32[Array, "M U"], sizes: Float32[Array, " U"], rng: np.random.Generator, n_resamples: int
) -> Float64[Array, "{n_resamples} M"]:
    """Return means over resampled units (examples or groups), from each unit's totals and its size."""
    n_units = len(sizes)
    step = max(1, _MOST_WEIGHTS // n_units)
    means = []
    for start in range(0, n_resamples, step):
        rows = min(step, n_resamples - start)
        drawn = rng.integers(0, n_units, size=(rows, n_units)) + n_units * np.arange(rows)[:, None]
        weights = np.bincount(drawn.ravel(), minlength=rows * n_units).reshape(rows, n_units).astype(np.float32)
        means.append((weights @ totals.T).astype(float) / (weights @ sizes)[:, None])
    return np.concatenate(means)


def resample_seeds(
    n_seeds: int, *, rng: np.random.Generator, n_resamples: int = DEFAULT_RESAMPLES
) -> Float64[Array, "{n_resamples} {n_seeds}"]:
    """Draw the difference of each seed's weight from 1/S in each resample; rows sum to zero.

    Weights are normal rather than counts of draws from S seeds: a handful of seeds has few distinct draws, and they
    spread too little by (S - 1) / S. The weighted sum of the seeds' metrics has their variance over S.
    """
    if n_seeds == 1:
        return np.zeros((n_resamples, 1))
    weights = rng.normal(size=(n_resamples, n_seeds))
    weights -= weights.mean(axis=1, keepdims=True)
    centred: np.ndarray = weights / np.sqrt(n_seeds * (n_seeds - 1))
    return centred


def interval(draws: Float[Array, " R"], level: float) -> tuple[float, float]:
    """Return the middle `level` of the draws, by order statistics, so that infinite draws stay at their end."""
    # What np.quantile's "inverted_cdf" gives, in a fraction of its time; NaN sorts to the end and makes both ends NaN.
    last = len(draws) - 1
    places = [max(0, ceil(len(draws) * tail - 1)) for tail in ((1 - level) / 2, (1 + level) / 2)]
    ordered = np.partition(draws, [*places, last])
    low, high = ordered[places] if ordered[last] == ordered[last] else (nan, nan)
    return float(low), float(high)


def percentile_estimate(value: float, draws: Float[Array, " R"], level: float) -> Estimate:
    """Return a number with the middle `level` of its draws as confidence interval."""
    return Estimate(value, *interval(draws, level))


def largest_unseen(n_units: int, level: float) -> float:
    """Return the exact upper bound of the rate of an event that none of n units showed (Clopper & Pearson 1934)."""
    return float(1 - ((1 - level) / 2) ** (1 / n_units))


def mean_estimate(
    value: float,
    draws: Float[Array, " R"],
    *,
    level: float,
    n_units: int,
    lowest: float = 0.0,
    highest: float = 1.0,
) -> Estimate:
    """Return a mean with its confidence interval, clipped to its bounds.

    Where all draws are equal (all right, all wrong, two methods that never differ) resampling cannot see that another
    sample would have differed; the exact bound for an event that n units never showed stands in its place: that share
    of examples might have been as far off as the mean's bounds are.

    Args:
        value: The observed mean.
        draws: Resampled means.
        level: Coverage of the confidence interval.
        n_units: Independent examples, or groups of them.
        lowest: Smallest possible mean.
        highest: Largest possible mean.
    """
    if n_units == 0 or np.isnan(value) or len(draws) == 0:
        return Estimate(float("nan"), float("nan"), float("nan"))
    low, high = interval(draws, level)
    if low == high:
        unseen = largest_unseen(n_units, level)
        low, high = value - unseen * (value - lowest), value + unseen * (highest - value)
    return Estimate(min(max(float(value), lowest), highest), max(lowest, low), min(highest, high))


def covers(n_seeds: int) -> str:
    """Describe in words the variation that an interval over that many seeds covers."""
    if n_seeds == 1:
        return "test examples only: there is one seed"
    few = f", fewer than {FEW_SEEDS}" if n_seeds < FEW_SEEDS else ""
    return f"test examples and seeds ({n_seeds} seeds{few})"
