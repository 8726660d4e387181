"""Predictions of a task read once, and everything that can be asked of them resampled together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from w2slab.data import layout
from w2slab.data.artifacts import read_predictions, read_stopping, stopping_points
from w2slab.data.labels import Labels
from w2slab.data.task_data import TaskData
from w2slab.errors import DataError
from w2slab.randomness import rng
from w2slab.stats.calibration import brier_scores, log_losses
from w2slab.stats.capa import agreement_by_accuracy, agreement_by_number, agreement_by_share, observed_agreement
from w2slab.stats.misfit import kl_misfits, squared_misfits
from w2slab.stats.resampling import resample_means, resample_seeds
from w2slab.stats.seeds import BySeed

if TYPE_CHECKING:
    from w2slab.graph.job import Job
    from w2slab.jobs.comparison import Comparison


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


# Predictions kept at a time: a supervisor and a ceiling serve many students, which come one after the other.
_MOST_READ = 4


class Asked(NamedTuple):
    """One question put to every test example of a task.

    Args:
        question: `right`: is the model right? `agrees`: does the student choose as its supervisor? `agrees-right`:
            does it, and is the supervisor right? `both-right`: are student and supervisor right? `reachable`: is the
            supervisor wrong and the ceiling right? `reached`: are they, and is the student right? Others are
            answered by numbers: `brier`, `nll`, the model's scores; `misfit`, `kl-misfit`, how far it is from its
            supervisor; `observed`, how probably both draw the same candidate, and `by-accuracy`, `by-share`, how
            probably by chance.
        key: The model's job; for `reachable` the ceiling's; empty for what is the same of all models.
        other: Its supervisor's job, for all but `right` and the scores.
        point: A stopping point, where it is not the one of the model's recipe.
        ceiling: The ceiling's job, for `reached`.
    """

    question: str
    key: str
    other: str = ""
    point: str = ""
    ceiling: str = ""


class TestSet:
    """The test examples of a task, the same under every seed.

    Attributes:
        ids: Stable names, in order.
        positions: Their rows in the task's table, int64 [N].
        examples: What a model may read.
        table: What can be read of them, a row each.
        has_classes: Whether all have the same candidates.
        is_right: Which candidates count as right, bool [N, K].
        n_candidates: How many each has, int64 [N].
        chances: How probable a random candidate of each is to be right, [N].
        groups: Which are drawn together, int [N].
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


def predictions_for(test: TestSet, folder: Path, task: str, point: str = "") -> Labels:
    """A model's predictions for the test examples of a task, perhaps at another stopping point than its own.

    Raises:
        DataError: They are of other examples.
    """
    path = layout.stopping(folder, point) if point else layout.predictions(folder, "test")
    predictions = read_stopping(folder, point) if point else read_predictions(folder, "test")
    if not np.array_equal(predictions.positions, test.positions) or predictions.probs.shape[1] > test.is_right.shape[1]:
        raise DataError(
            f"{path}: these are not predictions for the test examples of task {task}. "
            "Remove its folder and run the study again."
        )
    return predictions


class Judgement:
    """All models of one task, judged on its test examples.

    Questions are `ask`ed first; `mean` and `draws` answer them, all from the same resamples.
    """

    def __init__(self, task: str, store: Reading, *, n_resamples: int, part: str = "") -> None:
        self._task, self._store, self._part = task, store, part
        self._n_resamples = n_resamples
        self._test: TestSet | None = None
        self._seen: set[str] = set()
        self._last: dict[str, Labels] = {}
        self._choices: dict[tuple[str, str], np.ndarray] = {}
        self._confidence: dict[str, np.ndarray] = {}
        self._rows: dict[Asked, int] = {}
        self._values: list[np.ndarray] = []
        self._seed_draws: dict[tuple[int, ...], np.ndarray] = {}

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
        self._read_test(comparison.data)
        supervisor, student, ceiling = comparison.supervisor.key, comparison.student.key, comparison.ceiling.key
        asked = {
            "supervisor": self._right(supervisor),
            "student": self._right(student),
            "ceiling": self._right(ceiling),
            "agrees": Asked("agrees", student, supervisor),
            "agrees-right": Asked("agrees-right", student, supervisor),
            "both-right": Asked("both-right", student, supervisor),
            "reachable": Asked("reachable", ceiling, supervisor),
            "reached": Asked("reached", student, supervisor, ceiling=ceiling),
        }
        same = self.choices(student) == self.choices(supervisor)
        roles = ("supervisor", "student", "ceiling")
        taught, learned, known = (self._values[self._rows[asked[role]]] for role in roles)
        self._put(asked["agrees"], lambda: same)
        self._put(asked["agrees-right"], lambda: same & taught)
        self._put(asked["both-right"], lambda: taught & learned)
        self._put(asked["reachable"], lambda: known & ~taught)
        self._put(asked["reached"], lambda: known & ~taught & learned)
        asked |= {
            "misfit": self._of_both("misfit", student, supervisor, squared_misfits),
            "kl-misfit": self._of_both("kl-misfit", student, supervisor, kl_misfits),
            **self._alike(student, supervisor),
        }
        asked |= {f"ceiling-{name}": each for name, each in self._alike(ceiling, supervisor).items()}
        own = stopping_point(comparison.student)
        for point in stopping_points(self._store.folder(student)):
            if point != own:
                asked[point] = self._right(student, point)
        return asked

    def _alike(self, key: str, supervisor: str) -> dict[str, Asked]:
        """How probably a model and a supervisor draw the same candidate, and by chance."""
        test = self.test

        def by_accuracy(one: np.ndarray, other: np.ndarray) -> np.ndarray:
            return agreement_by_accuracy(one, other, test.is_right, test.n_candidates)

        asked = {
            "observed": self._of_both("observed", key, supervisor, observed_agreement),
            "by-accuracy": self._of_both("by-accuracy", key, supervisor, by_accuracy),
        }
        if test.has_classes:
            return asked | {"by-share": self._of_both("by-share", key, supervisor, agreement_by_share)}
        by_number = Asked("by-share", "")
        self._put(by_number, lambda: agreement_by_number(test.n_candidates).astype(np.float32))
        return asked | {"by-share": by_number}

    def _of_both(
        self, question: str, key: str, supervisor: str, answer: Callable[[np.ndarray, np.ndarray], np.ndarray]
    ) -> Asked:
        """Ask what follows from the probabilities of a model and its supervisor."""
        asked = Asked(question, key, supervisor)
        self._put(asked, lambda: answer(self._probs(key), self._probs(supervisor)).astype(np.float32))
        return asked

    def _probs(self, key: str) -> np.ndarray:
        """A model's probabilities, [N, K]."""
        probs = self._read(key).probs
        missing = self.test.is_right.shape[1] - probs.shape[1]
        return np.pad(probs, ((0, 0), (0, missing))) if missing else probs

    def _read(self, key: str) -> Labels:
        """A model's predictions; those that were read last are kept."""
        known = self._last.pop(key, None)
        if known is None:
            known = predictions_for(self.test, self._store.folder(key), self._task)
        self._last[key] = known
        while len(self._last) > _MOST_READ:
            del self._last[next(iter(self._last))]
        return known

    def _read_test(self, data: Job) -> None:
        if data.key in self._seen:
            return
        test = TestSet(TaskData.made_by(data, self._store.folder))
        if self._test is None:
            self._test = test
        elif test.ids != self._test.ids:
            raise DataError(
                f"{self._store.folder(data.key)}: its {len(test)} test examples are not the {len(self._test)} of the "
                f"other seeds of task {self._task}. The test split must not depend on the seed; run the data jobs "
                "again."
            )
        self._seen.add(data.key)

    def choices(self, key: str, point: str = "") -> np.ndarray:
        """The candidate a model chooses for each test example, int [N]."""
        if (key, point) not in self._choices:
            folder = self._store.folder(key)
            predictions = predictions_for(self.test, folder, self._task, point) if point else self._read(key)
            self._choices[key, point] = predictions.choices
            if not point:
                self._score(key, predictions.probs)
        return self._choices[key, point]

    def confidence(self, key: str) -> np.ndarray:
        """The probability that a model gives to the candidate it chooses, [N]."""
        return self._confidence[key]

    def _score(self, key: str, probs: np.ndarray) -> None:
        is_right = self.test.is_right[:, : probs.shape[1]]
        self._confidence[key] = probs.max(axis=1, initial=0.0)
        self._put(Asked("brier", key), lambda: brier_scores(probs, is_right).astype(np.float32))
        self._put(Asked("nll", key), lambda: log_losses(probs, is_right).astype(np.float32))

    def part(self, name: str, places: np.ndarray, asked: Iterable[Asked]) -> Judgement:
        """Some questions put to some of the test examples alone, with resamples of their own.

        Args:
            name: Which examples these are; names the generator of the resamples.
            places: Their places, int [n].
            asked: The questions.
        """
        own = Judgement(self._task, self._store, n_resamples=self._n_resamples, part=name)
        own._test = self.test.part(places)
        for each in dict.fromkeys(asked):
            own._rows[each] = len(own._values)
            own._values.append(self._values[self._rows[each]][places])
        return own

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
        return np.array([row.mean(dtype=float) if len(row) else np.nan for row in self._values])

    @cached_property
    def _draws(self) -> np.ndarray:
        groups = self.test.groups if self.test.n_groups < len(self.test) else None
        draws = np.empty((len(self._values), self._n_resamples))
        for kind in {row.dtype for row in self._values}:  # yes or no costs less to resample than numbers
            places = [place for place, row in enumerate(self._values) if row.dtype == kind]
            of_kind = np.array([self._values[place] for place in places])
            own = rng(0, self._task, "test examples", *([self._part] if self._part else []))
            draws[places] = resample_means(of_kind, rng=own, groups=groups, n_resamples=self._n_resamples).T
        return draws

    def mean(self, asked: Asked | Iterable[Asked]) -> Any:
        """Share of yes, or mean of scores; or an array of them."""
        return self._means[self._places(asked)]

    def draws(self, asked: Asked | Iterable[Asked]) -> np.ndarray:
        """The same in each resample of test examples: [R], or [R, S] for several questions."""
        return self._draws[self._places(asked)].T

    def by_seed(self, asked: Sequence[Asked]) -> BySeed:
        """The same question to the models of several seeds."""
        return BySeed(self.mean(asked), self.draws(asked))

    def values(self, asked: Iterable[Asked]) -> np.ndarray:
        """Each example's answers, [S, N]."""
        return np.array([self._values[self._rows[each]] for each in asked])

    def _places(self, asked: Asked | Iterable[Asked]) -> int | list[int]:
        return self._rows[asked] if isinstance(asked, Asked) else [self._rows[a] for a in asked]

    def seed_draws(self, seeds: tuple[int, ...]) -> np.ndarray:
        """How seeds are drawn; the same for everything that is compared over these seeds."""
        if seeds not in self._seed_draws:
            draws = rng(0, self._task, "seeds", *map(str, seeds))
            self._seed_draws[seeds] = resample_seeds(len(seeds), rng=draws, n_resamples=self._n_resamples)
        return self._seed_draws[seeds]


def stopping_point(job: Job) -> str:
    """The stopping point at which a model's predictions count."""
    return str(getattr(getattr(job.spec, "recipe", None), "stop_at", "last"))
