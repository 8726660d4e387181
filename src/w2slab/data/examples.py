"""Examples of a task and their ground truth: every example is a choice among candidates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Examples:
    """What a model may read: no true label is in here.

    Args:
        table: One row per example. `id` (string, stable, from content) and `group` (examples of one passage,
            question or game; never split over two splits) are always there. Where candidates differ by example
            they stand in `candidates` (list of strings). The other columns are the task's own: `features`, `fen`, or
            `text` and, read after it and never cut, `answer` (in its place each of the `candidates`, where there are
            such); and what a report can show: `difficulty`, `setup`.
        classes: The candidates common to all examples, or `None` where each example has its own.
    """

    table: pa.Table
    classes: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return self.table.num_rows

    @cached_property
    def ids(self) -> list[str]:
        """Stable names of the examples, in order."""
        return self.table.column("id").to_pylist()

    @cached_property
    def n_candidates(self) -> np.ndarray:
        """How many candidates each example has, int64 of shape [N]."""
        if self.classes is not None:
            return np.full(len(self), len(self.classes), dtype=np.int64)
        import pyarrow.compute as pc

        return pc.list_value_length(self.table.column("candidates")).to_numpy().astype(np.int64)

    def take(self, indices: np.ndarray) -> Examples:
        """The examples at these positions, in this order."""
        return Examples(self.table.take(indices), self.classes)


@dataclass(frozen=True)
class Truth:
    """True labels: which candidates of each example count as right; usually one, the first is *the* label."""

    ids: list[str]
    right: list[list[int]]

    def is_right(self, choices: np.ndarray) -> np.ndarray:
        """Whether each choice [N] counts as right, bool of shape [N]."""
        return np.fromiter((int(c) in r for c, r in zip(choices, self.right, strict=True)), bool, len(self.right))

    def probs(self, n_candidates: np.ndarray) -> np.ndarray:
        """The true labels as rows that sum to one, spread evenly over right candidates: float32 [N, max K]."""
        probs = np.zeros((len(self.right), int(n_candidates.max(initial=0))), dtype=np.float32)
        for row, right in zip(probs, self.right, strict=True):
            row[right] = 1.0 / len(right)
        return probs


@dataclass(frozen=True)
class Labelled:
    """All examples of a task with their true labels, before they are split.

    Args:
        in_test: Bool [N] where the task comes with its own test part; `None` lets the group's digest decide.
        dropped: How many rows of the data gave no example, by reason.
    """

    examples: Examples
    truth: Truth
    in_test: np.ndarray | None = None
    dropped: Mapping[str, int] = field(default_factory=dict)
