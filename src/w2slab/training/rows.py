"""Examples by their frozen features: which rows are whose, and rows on one scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from w2slab.training.logistic import Scale

_BLOCK = 1 << 14  # rows put on a scale at a time


@dataclass(frozen=True, eq=False)
class Rows:
    """Examples, and where their features stand.

    Args:
        ids: Stable names of the examples.
        values: float32 [R, D], of these examples and perhaps others; may be mapped from disk.
        firsts: The first row of each example, int64 [N].
        n_candidates: int64 [N].
        shared_candidates: Whether candidates are common classes: then an example has one row, else one per candidate.
    """

    ids: Sequence[str]
    values: NDArray[np.float32]
    firsts: NDArray[np.int64]
    n_candidates: NDArray[np.int64]
    shared_candidates: bool

    def __len__(self) -> int:
        return len(self.firsts)

    @property
    def counts(self) -> NDArray[np.int64]:
        """Rows of each example, [N]."""
        return np.ones(len(self), dtype=np.int64) if self.shared_candidates else self.n_candidates

    def part(self, n: int | None) -> Rows:
        """The first n examples; `None` is all."""
        if n is None or n >= len(self):
            return self
        return replace(self, ids=self.ids[:n], firsts=self.firsts[:n], n_candidates=self.n_candidates[:n])

    def scale(self) -> Scale:
        """The scale on which their features have mean 0 and standard deviation 1; a constant one becomes 0."""
        return Scale.of(self.values[rows_of(self.firsts, self.counts)].astype(np.float64))

    def on_scale(self, scale: Scale, *, constant: bool) -> NDArray[np.float32]:
        """Their features on a scale, example by example, with a last column of ones if `constant`: [R, D (+ 1)]."""
        rows, width = rows_of(self.firsts, self.counts), self.values.shape[1]
        found = np.ones((len(rows), width + constant), dtype=np.float32)
        for start in range(0, len(rows), _BLOCK):
            block = slice(start, start + _BLOCK)
            found[block, :width] = scale(self.values[rows[block]].astype(np.float64))
        return found


def rows_of(firsts: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows of some examples, one after the other: int64 [sum(counts)]."""
    before = np.cumsum(counts) - counts
    rows: NDArray[np.int64] = np.arange(int(counts.sum())) + np.repeat(firsts - before, counts)
    return rows
