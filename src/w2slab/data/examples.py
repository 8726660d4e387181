"""Examples of a task and their ground truth: every example is a choice among candidates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa


_READ = ("text", "answer", "setup", "fen", "candidates", "features")
_READ_OR_IDENTITY = {"id", "group", *_READ}


@dataclass(frozen=True)
class Examples:
    """Examples as a model may read them: without labels.

    Args:
        table: One row per example. `id` (string, stable, from content) and `group` (examples of one passage,
            question or game; never split over two splits) are always there. Where candidates differ by example
            they stand in `candidates` (list of strings). What models read stands in `features`; in `fen`, a chess
            position; or in `text` and, read after it and never cut, `answer` (in its place each of the `candidates`,
            where there are such). Any other column is the task's own, for reports alone: `difficulty`, `setup`.
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
        """Number of candidates of each example, int64 of shape [N]."""
        if self.classes is not None:
            return np.full(len(self), len(self.classes), dtype=np.int64)
        import pyarrow.compute as pc

        return pc.list_value_length(self.table.column("candidates")).to_numpy().astype(np.int64)

    def take(self, indices: np.ndarray) -> Examples:
        """Return the examples at these positions, in this order."""
        return Examples(self.table.take(indices), self.classes)

    @property
    def groups(self) -> list[str]:
        """Examples that are kept in the same split share one."""
        return self.table.column("group").to_pylist()

    @property
    def candidates(self) -> list[list[str]] | None:
        """The candidates of each example, where each has its own."""
        return self._column("candidates")

    @cached_property
    def features(self) -> np.ndarray | None:
        """The numbers of each example, float32 [N, F]; `None` where the task has none."""
        if "features" not in self.table.column_names:
            return None
        lists = self.table.column("features").combine_chunks()
        return np.asarray(lists.flatten(), dtype=np.float32).reshape(len(self), -1)

    @property
    def texts(self) -> list[str] | None:
        """The text of each example that is read first; `None` where the task is not read as text."""
        return self._column("text")

    def with_texts(self, texts: list[str] | None) -> Examples:
        """Return the same examples with what is read of them as text; unchanged where that is known, or `None`."""
        if texts is None or self.texts is not None:
            return self
        import pyarrow as pa

        return Examples(self.table.append_column("text", pa.array(texts, pa.string())), self.classes)

    @property
    def answers(self) -> list[list[str]]:
        """The texts of each example that may follow: its candidates, or its one answer, empty where it has none."""
        if self.classes is None:
            return self.candidates or []
        return [[answer] for answer in self._column("answer") or [""] * len(self)]

    @property
    def chess_positions(self) -> list[str] | None:
        """The chess position of each example in FEN; `None` where the task is no chess."""
        return self._column("fen")

    @property
    def columns_to_label(self) -> list[str]:
        """Names of the columns that a person reads who labels examples; all but groups where no model reads any."""
        names = self.table.column_names
        read = [name for name in _READ if name in names and not (name == "text" and "fen" in names)]
        return read or [name for name in names if name not in ("id", "group", "difficulty")]

    @property
    def own_columns(self) -> list[str]:
        """Names of the columns that no model reads and that are no identity: what a report may tell examples by."""
        return [name for name in self.table.column_names if name not in _READ_OR_IDENTITY]

    def _column(self, name: str) -> list[Any] | None:
        return self.table.column(name).to_pylist() if name in self.table.column_names else None


@dataclass(frozen=True)
class Truth:
    """Ground truth: which candidates of each example count as right; usually one, the first is *the* label."""

    ids: list[str]
    right: list[list[int]]

    def take(self, indices: np.ndarray) -> Truth:
        """Return the labels at these positions, in this order."""
        return Truth([self.ids[i] for i in indices], [list(self.right[i]) for i in indices])

    def is_right(self, choices: np.ndarray) -> np.ndarray:
        """Return true for each choice [N] that counts as right, bool of shape [N]."""
        return np.fromiter((int(c) in r for c, r in zip(choices, self.right, strict=True)), bool, len(self.right))

    def probs(self, n_candidates: np.ndarray) -> np.ndarray:
        """The ground truth as rows that sum to one, spread evenly over right candidates: float32 [N, max K]."""
        probs = np.zeros((len(self.right), int(n_candidates.max(initial=0))), dtype=np.float32)
        for row, right in zip(probs, self.right, strict=True):
            row[right] = 1.0 / len(right)
        return probs


@dataclass(frozen=True)
class Labelled:
    """All examples of a task with their ground truth, before they are split.

    Args:
        in_test: Bool [N] where the task comes with its own test part; `None` lets the group's digest decide.
        dropped: How many rows of the data gave no example, by reason.
    """

    examples: Examples
    truth: Truth
    in_test: np.ndarray | None = None
    dropped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class TaskTable:
    """The examples of a task that are kept, in a fixed order.

    Args:
        name: Of the task, for messages.
        examples: They themselves.
        truth: Their ground truth.
        parts: Where the task comes with a test part of its own, `test` or `train` for each, or `apart` for what is not
            of the test part but shares a group with it; else `None`.
        facts: Counts of what was loaded and of what was left out.
    """

    name: str
    examples: Examples
    truth: Truth
    parts: np.ndarray | None
    facts: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.examples)

    @property
    def chances(self) -> np.ndarray:
        """Probability that a random candidate of each example is right, [N]."""
        return np.array([len(right) for right in self.truth.right]) / self.examples.n_candidates
