"""Predictions of a task read once, and everything that can be asked of them resampled together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from w2slab.artifacts import STOPPING_POINTS, Predictions, read_examples, read_predictions, read_truth
from w2slab.errors import DataError
from w2slab.randomness import rng
from w2slab.stats.resampling import Estimate, mean_estimate, resample_means, resample_seeds

if TYPE_CHECKING:
    from w2slab.graph.job import Job
    from w2slab.specs import Comparison


class Reading(Protocol):
    """What is asked of a store."""

    def has(self, key: str) -> bool:
        """Whether the result is there."""
        ...

    def check(self, job: Job) -> bool:
        """Whether the job's result is there, is what was asked for, and is whole."""
        ...

    def folder(self, key: str) -> Path:
        """Where the result is."""
        ...

    def record(self, key: str) -> dict[str, Any]:
        """How the result was made."""
        ...


class Asked(NamedTuple):
    """One yes-or-no question put to every test example of a task.

    Args:
        question: `right`: is the model right? `agrees`: does the student choose as its supervisor? `agrees-right`:
            does it, and is the supervisor right?
        key: The model's job.
        other: Its supervisor's job, for the last two.
        point: A stopping point, where it is not the one of the model's recipe.
    """

    question: str
    key: str
    other: str = ""
    point: str = ""


class TestSet:
    """The test examples of a task, the same under every seed."""

    __test__ = False  # not a test case, whatever its name says to pytest

    def __init__(self, folder: Path) -> None:
        truth = read_truth(folder, "test")
        examples = read_examples(folder, "test")
        n_candidates = examples.n_candidates
        self.ids = truth.ids
        self.is_right = np.zeros((len(truth.ids), int(n_candidates.max(initial=1))), dtype=bool)
        lengths = np.fromiter(map(len, truth.right), np.int64, len(truth.right))
        self.is_right[np.repeat(np.arange(len(lengths)), lengths), [r for row in truth.right for r in row]] = True
        self.chance = float((lengths / np.maximum(n_candidates, 1)).mean()) if len(lengths) else float("nan")
        _, self.groups = np.unique(examples.table.column("group").to_pylist(), return_inverse=True)
        self.n_groups = len(np.unique(self.groups))

    def __len__(self) -> int:
        return len(self.ids)


class Judgement:
    """All models of one task, judged on its test examples.

    Questions are `ask`ed first; `mean` and `draws` answer them, all from the same resamples.
    """

    def __init__(self, task: str, store: Reading, *, n_resamples: int, level: float) -> None:
        self._task, self._store = task, store
        self._n_resamples, self._level = n_resamples, level
        self._test: TestSet | None = None
        self._seen: set[str] = set()
        self._choices: dict[tuple[str, str], np.ndarray] = {}
        self._rows: dict[Asked, int] = {}
        self._values: list[np.ndarray] = []
        self._seed_draws: dict[tuple[int, ...], np.ndarray] = {}
        self._estimates: dict[Asked, Estimate] = {}

    @property
    def test(self) -> TestSet:
        """The test examples."""
        assert self._test is not None, "a comparison is taken in before anything is asked"
        return self._test

    def take_in(self, comparison: Comparison) -> dict[str, Asked]:
        """Read a comparison's models; the question for each of its roles, and for the student at each stopping point.

        Raises:
            DataError: Test examples differ between seeds, or predictions are of other examples.
        """
        self._read_test(comparison.data.key)
        supervisor, student, ceiling = comparison.supervisor.key, comparison.student.key, comparison.ceiling.key
        asked = {
            "supervisor": self._right(supervisor),
            "student": self._right(student),
            "ceiling": self._right(ceiling),
            "agrees": Asked("agrees", student, supervisor),
            "agrees-right": Asked("agrees-right", student, supervisor),
        }
        same = self.choices(student) == self.choices(supervisor)
        self._put(asked["agrees"], lambda: same)
        self._put(asked["agrees-right"], lambda: same & self._values[self._rows[asked["supervisor"]]])
        folder = self._store.folder(student) / "stopping"
        if folder.is_dir():
            own = stopping_point(comparison.student)
            for point in STOPPING_POINTS:
                if point != own and (folder / f"{point}.parquet").exists():
                    asked[point] = self._right(student, point)
        return asked

    def _read_test(self, key: str) -> None:
        if key in self._seen:
            return
        test = TestSet(self._store.folder(key))
        if self._test is None:
            self._test = test
        elif test.ids != self._test.ids:
            raise DataError(
                f"{self._store.folder(key)}: its {len(test)} test examples are not the {len(self._test)} of the other "
                f"seeds of task {self._task}. The test split must not depend on the seed; run the data jobs again."
            )
        self._seen.add(key)

    def choices(self, key: str, point: str = "") -> np.ndarray:
        """The candidate a model chooses for each test example, int [N]."""
        if (key, point) not in self._choices:
            path = self._store.folder(key) / (f"stopping/{point}.parquet" if point else "predictions/test.parquet")
            predictions: Predictions = read_predictions(path)
            if predictions.ids != self.test.ids:
                raise DataError(
                    f"{path}: these are not predictions for the test examples of task {self._task}. "
                    "Remove its folder and run the study again."
                )
            self._choices[key, point] = predictions.choices
        return self._choices[key, point]

    def _right(self, key: str, point: str = "") -> Asked:
        asked = Asked("right", key, point=point)
        self._put(asked, lambda: self.test.is_right[np.arange(len(self.test)), self.choices(key, point)])
        return asked

    def _put(self, asked: Asked, value: Callable[[], np.ndarray]) -> None:
        if asked not in self._rows:
            self._values.append(value())
            self._rows[asked] = len(self._values) - 1

    @cached_property
    def _means(self) -> np.ndarray:
        return np.array([row.mean() if len(row) else np.nan for row in self._values])

    @cached_property
    def _draws(self) -> np.ndarray:
        draws = rng(0, self._task, "test examples")
        groups = self.test.groups if self.test.n_groups < len(self.test) else None
        return resample_means(np.array(self._values), rng=draws, groups=groups, n_resamples=self._n_resamples)

    def mean(self, asked: Asked | Iterable[Asked]) -> Any:
        """Share of yes, or an array of them."""
        return self._means[self._places(asked)]

    def draws(self, asked: Asked | Iterable[Asked]) -> np.ndarray:
        """The same in each resample of test examples: [R], or [R, S] for several questions."""
        return self._draws[:, self._places(asked)]

    def _places(self, asked: Asked | Iterable[Asked]) -> int | list[int]:
        return self._rows[asked] if isinstance(asked, Asked) else [self._rows[a] for a in asked]

    def estimate(self, asked: Asked) -> Estimate:
        """Share of yes with its interval over test examples."""
        if asked not in self._estimates:
            self._estimates[asked] = mean_estimate(
                float(self.mean(asked)), self.draws(asked), level=self._level, n_units=self.test.n_groups
            )
        return self._estimates[asked]

    def seed_draws(self, seeds: tuple[int, ...]) -> np.ndarray:
        """How seeds are drawn; the same for everything that is compared over these seeds."""
        if seeds not in self._seed_draws:
            draws = rng(0, self._task, "seeds", *map(str, seeds))
            self._seed_draws[seeds] = resample_seeds(
                len(seeds), rng=draws, n_resamples=self._n_resamples, level=self._level
            )
        return self._seed_draws[seeds]


def stopping_point(job: Job) -> str:
    """The stopping point at which a model's predictions count."""
    return str(getattr(getattr(job.spec, "recipe", None), "stop_at", "last"))
