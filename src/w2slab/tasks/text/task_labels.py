"""Labels of a task's examples from a file, found by their ids; its rows are those of `weak_labels`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from w2slab.data.examples import Examples
from w2slab.data.readers.files import read_rows
from w2slab.data.readers.row import MOST_SHOWN, converted
from w2slab.errors import DataError
from w2slab.tasks.text.weak_labels import converter, in_order


@dataclass(frozen=True)
class OfTask:
    """All examples of a task, as what labels are read for."""

    examples: Examples
    where: str = "the examples of the task"

    @cached_property
    def row(self) -> dict[str, int]:
        """Position by id."""
        return {name: index for index, name in enumerate(self.examples.ids)}

    @cached_property
    def n_candidates(self) -> np.ndarray | None:
        """Candidates of each example, int64 [N]; `None` where there are classes."""
        return None if self.examples.classes is not None else self.examples.n_candidates

    def called(self, index: int) -> list[str]:
        """The texts of one example's candidates."""
        return [text.strip() for text in self.examples.table.column("candidates")[index].as_py()]


@dataclass(frozen=True)
class TaskLabels:
    """Labels of some examples of a task.

    Args:
        path: Their file.
        row: Position by id.
        probs: float32 [M, K], rows that sum to one over the example's own candidates.
        annotators: Names of those who voted; empty where there are no single votes.
    """

    path: Path
    row: Mapping[str, int]
    probs: np.ndarray
    annotators: list[str]

    def of(self, wanted: Mapping[str, Sequence[str]]) -> dict[str, np.ndarray]:
        """The labels of each split's examples, by split, float32 [N, K].

        Args:
            wanted: Ids by split.

        Raises:
            DataError: Some have no label; names the first five, and how many there are in each split.
        """
        missing = {split: [name for name in ids if name not in self.row] for split, ids in wanted.items()}
        if any(missing.values()):
            raise DataError(_unlabelled(self.path, {split: names for split, names in missing.items() if names}))
        return {split: self.probs[[self.row[name] for name in ids]] for split, ids in wanted.items()}


def read_task_labels(path: Path, examples: Examples) -> TaskLabels:
    """Labels of some of a task's examples.

    Args:
        path: The file of labels.
        examples: All examples of the task.

    Raises:
        DataError: A row is malformed, an id is unknown or stands twice; names file and line of the first five, and how
            many there are.
    """
    known = OfTask(examples)
    rows = converted(read_rows(path), converter(path, known, examples.classes))
    place = {name: index for index, name in enumerate(dict.fromkeys(label.id for label in rows))}
    probs, names, _ = in_order(rows, known, place, examples.classes)
    return TaskLabels(path, place, probs, names)


def _unlabelled(path: Path, missing: Mapping[str, Sequence[str]]) -> str:
    """What is said of examples without a label, by split."""
    n = sum(map(len, missing.values()))
    each = ", ".join(f"{split} {len(names):,}" for split, names in missing.items())
    first = f", the first {MOST_SHOWN}" if n > MOST_SHOWN else ""
    named = [f'{split}: "{name}"' for split, names in missing.items() for name in names][:MOST_SHOWN]
    advice = "What is to be labelled is written by: w2slab examples"
    if "test" in missing:
        advice = "Test is labelled as well, since there the labels are judged as a supervisor. " + advice
    return "\n  ".join([f"{path}: {n:,} examples have no label ({each}){first}:", *named, advice])
