"""Confidence intervals by resampling test examples and seeds; all that is compared is drawn together.

Models are evaluated on the same examples, so one draw of examples serves them all: that is what pairs supervisor,
student, ceiling and every method. Examples of one group (positions of one game, questions on one passage) are drawn
together. `stats.seeds` adds seeds; with one seed an interval covers the variation of test examples only.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from math import ceil, nan
from typing import Any, NamedTuple

import numpy as np

from w2slab.shapes import Array, Bool, Float, Float32, Float64, Int, Num, Shaped

DEFAULT_RESAMPLES = 2000
FEW_SEEDS = 5
# Up to here each example is drawn, so that an interval does not move when another method is evaluated beside it.
_MANY_EXAMPLES = 20_000
_SMALL_PRODUCT = 2_000_000  # multiplications, up to which a library may take another way
_MOST_BESIDE = 2048
_MOST_WEIGHTS = 8_000_000  # at once, so that 2,000 resamples of 100,000 examples fit into memory


class Estimate(NamedTuple):
    """A number with its confidence interval, or arrays of them; NaN if undefined."""

    value: Any
    low: Any
    high: Any


class ExampleResamples:
    """Resamples of test examples (or groups of them), drawn once and shared by everything that is compared.

    Args:
        n_examples: Number of examples.
        rng: Source of randomness.
        groups: The group of each example; a group is drawn as a whole. `None` where each is a single example.
        n_resamples: Number of draws.
    """

    def __init__(
        self, n_examples: int, *, rng: np.random.Generator, groups: Shaped[Array, " N"] | None = None, n_resamples: int
    ) -> None:
        self._n_resamples = n_resamples
        self._order: np.ndarray | None = None
        self._sizes = np.ones(n_examples, np.float32)
        if groups is not None:
            _, members = np.unique(groups, return_inverse=True)
            sizes = np.bincount(members)
            if sizes.max(initial=1) > 1:
                self._order = np.argsort(members, kind="stable")
                self._starts = np.cumsum(sizes) - sizes
                self._sizes = sizes.astype(np.float32)
        self._step = max(1, _MOST_WEIGHTS // max(1, len(self._sizes)))
        self._weights = self._drawn(rng) if n_examples else np.empty((n_resamples, 0), np.uint8)

    def _drawn(self, rng: np.random.Generator) -> Num[Array, "R U"]:
        """Draw the count of each unit in each resample, in as few bytes as hold it."""
        n_units = len(self._sizes)
        weights = np.empty((self._n_resamples, n_units), np.uint8 if n_units > 1 else np.int64)
        for start in range(0, self._n_resamples, self._step):
            rows = min(self._step, self._n_resamples - start)
            drawn = rng.integers(0, n_units, size=(rows, n_units)) + n_units * np.arange(rows)[:, None]
            counts = np.bincount(drawn.ravel(), minlength=rows * n_units).reshape(rows, n_units)
            if counts.max() > np.iinfo(weights.dtype).max:
                weights = weights.astype(np.int64)
            weights[start : start + rows] = counts
        return weights

    @cached_property
    def sizes(self) -> Float64[Array, " R"]:
        """The number of examples of each resample."""
        found = np.empty(self._n_resamples)
        for start in range(0, self._n_resamples, self._step):
            found[start : start + self._step] = self._part(start) @ self._sizes
        return found

    def sums(self, values: Shaped[Array, "M N"]) -> Float32[Array, "M R"]:
        """Return sums of every row of `values` in the resamples."""
        if self._order is None:
            totals = values.astype(np.float32)
        else:
            totals = np.add.reduceat(values[:, self._order], self._starts, axis=1, dtype=np.float32)
        found = np.empty((len(values), self._n_resamples), np.float32)
        # Small products add up in another order than large ones: sums must not depend on what stands beside them.
        fewest = min(_MOST_BESIDE, _SMALL_PRODUCT // max(1, self._n_resamples * len(self._sizes)) + 2)
        beside = np.pad(totals, ((0, max(0, fewest - len(totals))), (0, 0)))
        for start in range(0, self._n_resamples, self._step):
            found[:, start : start + self._step] = (self._part(start) @ beside.T).T[: len(values)]
        return found

    def means(self, values: Shaped[Array, "M N"]) -> Float64[Array, "M R"]:
        """Return means of every row of `values` over the resamples."""
        if not len(self._sizes):
            return np.full((len(values), self._n_resamples), np.nan)
        return self.sums(values) / self.sizes

    def _part(self, start: int) -> Float32[Array, "P U"]:
        return self._weights[start : start + self._step].astype(np.float32)


class CellResamples:
    """Resamples of very many examples, drawn as counts of the distinct columns of yes and no.

    Args:
        first: The place of an example of each column.
        counts: Number of examples of each column.
        rng: Source of randomness.
        n_resamples: Number of draws.
    """

    def __init__(
        self, first: Int[Array, " C"], counts: Int[Array, " C"], *, rng: np.random.Generator, n_resamples: int
    ) -> None:
        self._first, n_examples = first, int(counts.sum())
        self._drawn = rng.multinomial(n_examples, counts / counts.sum(), size=n_resamples)
        self.sizes = np.full(n_resamples, float(n_examples))

    def sums(self, values: Bool[Array, "M N"]) -> Float64[Array, "M R"]:
        """Count the yes of every row of `values` in the resamples."""
        counts: np.ndarray = (self._drawn @ values[:, self._first].T.astype(float)).T
        return counts

    def means(self, values: Bool[Array, "M N"]) -> Float64[Array, "M R"]:
        """Return means of every row of `values` over the resamples."""
        return self.sums(values) / self.sizes


def example_resamples(
    n_examples: int,
    *,
    rng: np.random.Generator,
    groups: Shaped[Array, " N"] | None = None,
    n_resamples: int = DEFAULT_RESAMPLES,
    yes_or_no: Callable[[], Bool[Array, "M N"]] | None = None,
) -> ExampleResamples | CellResamples:
    """Draw resamples of test examples.

    Args:
        n_examples: Number of examples.
        rng: Source of randomness.
        groups: The group of each example; a group is drawn as a whole. `None` where each is a single example.
        n_resamples: Number of draws.
        yes_or_no: Makes all that will be resampled, where it is yes or no: of very many examples those that are alike
            are then drawn together.
    """
    has_groups = groups is not None and len(np.unique(groups)) < n_examples
    if yes_or_no is not None and n_examples > _MANY_EXAMPLES and not has_groups:
        first, counts = _cells(yes_or_no())
        if 2 * len(counts) <= n_examples:
            return CellResamples(first, counts, rng=rng, n_resamples=n_resamples)
    return ExampleResamples(n_examples, rng=rng, groups=groups if has_groups else None, n_resamples=n_resamples)


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
    drawn = example_resamples(
        values.shape[1],
        rng=rng,
        groups=groups,
        n_resamples=n_resamples,
        yes_or_no=(lambda: values) if values.dtype == bool else None,
    )
    return drawn.means(values).T


def _cells(values: Bool[Array, "M N"]) -> tuple[Int[Array, " C"], Int[Array, " C"]]:
    """Return the place of one example of each distinct column (cell), and the number of its examples.

    Examples with equal columns are interchangeable, so that drawing counts of *cells* is drawing the
    examples: exact, and at three models there are eight cells however many examples.
    """
    packed = np.ascontiguousarray(np.packbits(values, axis=0).T)
    _, first, counts = np.unique(
        packed.view(np.dtype((np.void, packed.shape[1]))).ravel(), return_index=True, return_counts=True
    )
    return first, counts


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


def interval(draws: Float[Array, "*C R"], level: float) -> tuple[Any, Any]:
    """Return the middle `level` of the draws, by order statistics, so that infinite draws stay at their end.

    Args:
        draws: Resampled numbers.
        level: The share of them that lies between the ends.
    """
    # What np.quantile's "inverted_cdf" gives, in a fraction of its time; NaN sorts to the end and makes both ends NaN.
    last = draws.shape[-1] - 1
    places = [max(0, ceil(draws.shape[-1] * tail - 1)) for tail in ((1 - level) / 2, (1 + level) / 2)]
    ordered = np.partition(draws, [*places, last], axis=-1)
    is_number = ordered[..., last] == ordered[..., last]
    low, high = (np.where(is_number, ordered[..., place], nan) for place in places)
    return (low, high) if low.ndim else (float(low), float(high))


def percentile_estimate(value: Any, draws: Float[Array, "*C R"], level: float) -> Estimate:
    """Return a number with the middle `level` of its draws as confidence interval."""
    return Estimate(value, *interval(draws, level))


def largest_unseen(n_units: Any, level: float) -> Any:
    """Return the exact upper bound of the rate of an event that none of n units showed (Clopper & Pearson 1934)."""
    share = 1 - ((1 - level) / 2) ** (1 / np.asarray(n_units, dtype=float))
    return share if share.ndim else float(share)


def mean_estimate(
    value: Any, draws: Float[Array, "*C R"], *, level: float, n_units: Any, lowest: float = 0.0, highest: float = 1.0
) -> Estimate:
    """Return a mean with its confidence interval, clipped to its bounds.

    Where all draws are equal (all right, all wrong, two methods that never differ) resampling cannot see that another
    sample would have differed; the exact bound for an event that n units never showed stands in its place: that share
    of examples might have been as far off as the mean's bounds are.

    Args:
        value: The observed mean, or an array of means.
        draws: Resampled means.
        level: Coverage of the confidence interval.
        n_units: Independent examples, or groups of them; a number for all means, or one for each.
        lowest: Smallest possible mean.
        highest: Largest possible mean.
    """
    values = np.asarray(value, dtype=float)
    if np.all(np.equal(n_units, 0)) or draws.shape[-1] == 0:
        low = high = values = np.full(values.shape, nan)
    else:
        low, high = interval(draws, level)
        unseen = largest_unseen(n_units, level)
        is_point = np.equal(low, high)
        low = np.where(is_point, values - unseen * (values - lowest), low)
        high = np.where(is_point, values + unseen * (highest - values), high)
        # An end that is no number is as far off as it can be.
        low, high = np.fmax(lowest, low), np.fmin(highest, high)
        low, high = (np.where(np.isnan(values), nan, end) for end in (low, high))
        values = values.clip(lowest, highest)
    return Estimate(values, low, high) if values.ndim else Estimate(float(values), float(low), float(high))


def covers(n_seeds: int) -> str:
    """Sources of error that an interval over that many seeds covers, in words."""
    if n_seeds == 1:
        return "test examples only (one seed)"
    few = f"; {FEW_SEEDS} or more recommended" if n_seeds < FEW_SEEDS else ""
    return f"test examples and seeds ({n_seeds} seeds{few})"
