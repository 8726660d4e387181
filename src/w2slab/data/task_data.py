"""The examples of a task as one seed splits them: a table, its ground truth apart, and positions by split."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from w2slab.data import artifacts
from w2slab.data.examples import Examples, Truth
from w2slab.errors import JobError

if TYPE_CHECKING:
    from w2slab.graph.job import Job


@dataclass(frozen=True)
class TaskData:
    """A task as jobs and reports read it; nothing is read before it is asked for, nor is the ground truth.

    Args:
        task: Folder of the job that left the table of examples.
        splits: Folder of the job that left the positions of each split.
    """

    task: Path
    splits: Path

    @classmethod
    def of(cls, inputs: Mapping[str, Path]) -> TaskData:
        """Return what a job was given as its inputs `task` and `data`."""
        return cls(inputs["task"], inputs["data"])

    @classmethod
    def made_by(cls, data: Job, folder: Callable[[str], Path]) -> TaskData:
        """Return what a job that splits a task left in a store.

        Args:
            data: The job.
            folder: Gives the folder of a key.
        """
        return cls(folder(data.inputs["task"].key), folder(data.key))

    @cached_property
    def classes(self) -> tuple[str, ...] | None:
        """The candidates common to all examples; `None` where each has its own."""
        classes = artifacts.read_task_facts(self.task)["classes"]
        return None if classes is None else tuple(classes)

    @cached_property
    def chance(self) -> float:
        """Accuracy of choosing among the candidates of test examples at random."""
        chance: float = artifacts.read_split_facts(self.splits)["chance"]
        return chance

    @property
    def names(self) -> tuple[str, ...]:
        """The splits that there are."""
        return tuple(self._positions)

    @cached_property
    def all_examples(self) -> Examples:
        """Every example of the task."""
        return artifacts.read_examples(self.task)

    def has(self, split: str) -> bool:
        """Return true if there is such a split."""
        return split in self._positions

    def positions(self, split: str) -> np.ndarray:
        """Return the rows of a split in the task's table, in order: int64 [N].

        Raises:
            JobError: There is no such split.
        """
        if split not in self._positions:
            raise JobError(f"{self.splits}: there is no split {split}; there are {', '.join(self._positions)}")
        return self._positions[split]

    def examples(self, split: str) -> Examples:
        """Return the examples of a split, without their labels."""
        if split not in self._examples:
            self._examples[split] = self.all_examples.take(self.positions(split))
        return self._examples[split]

    def truth(self, split: str) -> Truth:
        """Return the ground truth of a split."""
        return artifacts.read_truth(self.task).take(self.positions(split))

    @cached_property
    def _positions(self) -> dict[str, np.ndarray]:
        return artifacts.read_positions(self.splits)

    @cached_property
    def _examples(self) -> dict[str, Examples]:
        return {}
