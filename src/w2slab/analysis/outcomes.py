"""Test examples and predictions of a task, read from the folders of jobs: the only place of the analysis that reads."""

from __future__ import annotations

from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from w2slab.data import layout
from w2slab.data.artifacts import read_predictions, read_stopping, stopping_points
from w2slab.data.labels import Labels
from w2slab.data.task_data import TaskData
from w2slab.errors import DataError
from w2slab.jobs.spec import LearningSpec

if TYPE_CHECKING:
    from w2slab.graph.job import Job
    from w2slab.jobs.comparison import Comparison


class Reading(Protocol):
    """The part of a store that the analysis uses."""

    def has(self, key: str) -> bool:
        """Return True if the result is there."""
        ...

    def check(self, job: Job) -> bool:
        """Return True if the job's result is there, is the one asked for, and is whole."""
        ...

    def folder(self, key: str) -> Path:
        """Return the folder of the result."""
        ...

    def record(self, key: str) -> dict[str, Any]:
        """Return the record of how the result was made."""
        ...


class TestSet:
    """The test examples of a task, the same under every seed.

    Attributes:
        ids: Stable names, in order.
        positions: Their rows in the task's table, int64 [N].
        examples: The part that a model may read.
        right: The candidates of each that count as right.
        table: Everything that is known of them, a row each.
        has_classes: Whether all have the same candidates.
        is_right: Which candidates count as right, bool [N, K].
        n_candidates: How many each has, int64 [N].
        chances: The probability that a random candidate of each is right, [N].
        groups: The group of each, drawn as a whole, int [N].
        n_groups: How many groups.
    """

    __test__ = False  # not a test case, whatever its name says to pytest

    def __init__(self, data: TaskData) -> None:
        truth, examples = data.truth("test"), data.examples("test")
        self.positions, self.examples, self.right = data.positions("test"), examples, truth.right
        n_candidates = examples.n_candidates
        self.ids, self.table, self.has_classes = truth.ids, examples.table, examples.classes is not None
        self.n_candidates = n_candidates
        self.is_right = np.zeros((len(truth.ids), int(n_candidates.max(initial=1))), dtype=bool)
        lengths = np.fromiter(map(len, truth.right), np.int64, len(truth.right))
        self.is_right[np.repeat(np.arange(len(lengths)), lengths), [r for row in truth.right for r in row]] = True
        self.chances = lengths / np.maximum(n_candidates, 1)
        _, self.groups = np.unique(examples.groups, return_inverse=True)
        self.n_groups = len(np.unique(self.groups))

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def chance(self) -> float:
        """Accuracy of choosing candidates at random."""
        return float(self.chances.mean()) if len(self) else float("nan")

    def part(self, places: np.ndarray) -> TestSet:
        """Some of the examples alone."""
        own = copy(self)
        own.ids, own.table = [self.ids[place] for place in places], self.table.take(places)
        own.positions, own.examples = self.positions[places], self.examples.take(places)
        own.right = [self.right[place] for place in places]
        own.is_right, own.chances = self.is_right[places], self.chances[places]
        own.n_candidates = self.n_candidates[places]
        _, own.groups = np.unique(self.groups[places], return_inverse=True)
        own.n_groups = len(np.unique(own.groups))
        return own


def test_set(data: Job, store: Reading) -> TestSet:
    """Read the test examples of a data job."""
    return TestSet(TaskData.made_by(data, store.folder))


def read_test(task: str, store: Reading, comparisons: list[Comparison]) -> TestSet:
    """Read the test examples of a task.

    Raises:
        DataError: They differ between seeds.
    """
    first, *others = {c.data.key: c.data for c in comparisons}.values()
    test = test_set(first, store)
    for job in others:
        ids = TaskData.made_by(job, store.folder).truth("test").ids
        if ids != test.ids:
            raise DataError(
                f"{store.folder(job.key)}: its {len(ids)} test examples are not the {len(test)} of the other seeds of "
                f"task {task}. The test split must not depend on the seed; run the data jobs again."
            )
    return test


def read_outcome(test: TestSet, store: Reading, key: str, task: str, point: str = "") -> Labels:
    """Read a model's predictions for the test examples of a task.

    Args:
        test: The test examples.
        store: Where the jobs' results are.
        key: The model's job.
        task: The task's name, for messages.
        point: A stopping point other than that of the model's recipe.

    Raises:
        DataError: They are of other examples.
    """
    return predictions_for(test, store.folder(key), task, point)


def predictions_for(test: TestSet, folder: Path, task: str, point: str = "") -> Labels:
    """Read a model's predictions for the test examples of a task from its job's folder; see `read_outcome`."""
    predictions = read_stopping(folder, point) if point else read_predictions(folder, "test")
    if not np.array_equal(predictions.positions, test.positions) or predictions.probs.shape[1] > test.is_right.shape[1]:
        path = layout.stopping(folder, point) if point else layout.predictions(folder, "test")
        raise DataError(
            f"{path}: these are not predictions for the test examples of task {task}. "
            "Remove its folder and run the study again."
        )
    return predictions


def other_points(store: Reading, student: Job) -> list[str]:
    """Stopping points at which predictions of a student are stored, besides the one that counts."""
    own = stopping_point(student)
    return [point for point in stopping_points(store.folder(student.key)) if point != own]


def stopping_point(job: Job) -> str:
    """The stopping point at which a model's predictions count."""
    return job.spec.recipe.stop_at if isinstance(job.spec, LearningSpec) else "last"
