"""Test examples and predictions of a task, read from the folders of jobs: the only place of the analysis that reads."""

from __future__ import annotations

from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from w2slab.data.artifacts import STOPPING_POINTS, Predictions, read_examples, read_predictions, read_truth
from w2slab.errors import DataError

if TYPE_CHECKING:
    from w2slab.graph.job import Job
    from w2slab.specs import Comparison


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
        table: Everything that is known of them, a row each.
        has_classes: Whether all have the same candidates.
        is_right: Which candidates count as right, bool [N, K].
        n_candidates: How many each has, int64 [N].
        chances: The probability that a random candidate of each is right, [N].
        groups: The group of each, drawn as a whole, int [N].
        n_groups: How many groups.
    """

    __test__ = False  # not a test case, whatever its name says to pytest

    def __init__(self, folder: Path) -> None:
        truth = read_truth(folder, "test")
        examples = read_examples(folder, "test")
        n_candidates = examples.n_candidates
        self.ids, self.table, self.has_classes = truth.ids, examples.table, examples.classes is not None
        self.n_candidates = n_candidates
        self.is_right = np.zeros((len(truth.ids), int(n_candidates.max(initial=1))), dtype=bool)
        lengths = np.fromiter(map(len, truth.right), np.int64, len(truth.right))
        self.is_right[np.repeat(np.arange(len(lengths)), lengths), [r for row in truth.right for r in row]] = True
        self.chances = lengths / np.maximum(n_candidates, 1)
        _, self.groups = np.unique(examples.table.column("group").to_pylist(), return_inverse=True)
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
        own.is_right, own.chances = self.is_right[places], self.chances[places]
        own.n_candidates = self.n_candidates[places]
        _, own.groups = np.unique(self.groups[places], return_inverse=True)
        own.n_groups = len(np.unique(own.groups))
        return own


def read_test(task: str, store: Reading, comparisons: list[Comparison]) -> TestSet:
    """Read the test examples of a task.

    Raises:
        DataError: They differ between seeds.
    """
    folders = [store.folder(key) for key in dict.fromkeys(c.data.key for c in comparisons)]
    test = TestSet(folders[0])
    for folder in folders[1:]:
        ids = read_truth(folder, "test").ids
        if ids != test.ids:
            raise DataError(
                f"{folder}: its {len(ids)} test examples are not the {len(test)} of the other seeds of task {task}. "
                "The test split must not depend on the seed; run the data jobs again."
            )
    return test


def read_outcome(test: TestSet, store: Reading, key: str, task: str, point: str = "") -> Predictions:
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
    return predictions_for(test, _path(store, key, point), task)


def _path(store: Reading, key: str, point: str) -> Path:
    name = f"stopping/{point}.parquet" if point else "predictions/test.parquet"
    return store.folder(key) / name


def predictions_for(test: TestSet, path: Path, task: str) -> Predictions:
    """Read a file of predictions for the test examples of a task.

    Raises:
        DataError: They are of other examples.
    """
    predictions = read_predictions(path)
    if predictions.ids != test.ids or predictions.probs.shape[1] > test.is_right.shape[1]:
        raise DataError(
            f"{path}: these are not predictions for the test examples of task {task}. "
            "Remove its folder and run the study again."
        )
    return predictions


def other_points(store: Reading, student: Job) -> list[str]:
    """Stopping points at which predictions of a student are stored, besides the one that counts."""
    own = stopping_point(student)
    return [p for p in STOPPING_POINTS if p != own and _path(store, student.key, p).exists()]


def stopping_point(job: Job) -> str:
    """The stopping point at which a model's predictions count."""
    return str(getattr(getattr(job.spec, "recipe", None), "stop_at", "last"))
