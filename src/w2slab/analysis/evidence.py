"""Evidence: per-example outcomes of every model of a task as arrays over models and test examples.

A model has one row however many students it serves. Choices and outcomes are kept; probabilities are large and are read
when they are asked for. A *metric* is a number that every test example has, of one model or of several; its means and
their resamples follow from the same draws of examples whatever is asked, so that everything is paired.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from w2slab.analysis.outcomes import Reading, TestSet, other_points, read_outcome, read_test
from w2slab.randomness import rng
from w2slab.stats.calibration import brier_scores, log_losses
from w2slab.stats.capa import agreement_by_accuracy, agreement_by_number, agreement_by_share, observed_agreement
from w2slab.stats.misfit import kl_misfits, squared_misfits
from w2slab.stats.resampling import CellResamples, ExampleResamples, example_resamples, resample_seeds
from w2slab.stats.seeds import BySeed

if TYPE_CHECKING:
    from w2slab.jobs.comparison import Comparison

Rows = Mapping[str, np.ndarray]  # by role, numbers of models
_MOST_BYTES_OF_PROBS = 24_000_000  # that are kept at a time
_AT_ONCE = 256  # models whose outcomes are resampled together


class Metric(NamedTuple):
    """A number that every test example has, of the model of one role.

    Args:
        name: A name of `MEASURES`.
        role: `supervisor`, `student` or `ceiling`. Agreement and misfit are those with the supervisor.
    """

    name: str
    role: str = "student"


class ModelId(NamedTuple):
    """A model: its job, and a stopping point where it is not the one of the model's recipe."""

    key: str
    point: str = ""


class Trio(NamedTuple):
    """Numbers of the models of one comparison.

    Args:
        supervisor: The supervisor.
        student: The student at the stopping point that counts.
        ceiling: The ceiling.
        points: The student at other stopping points, by name.
    """

    supervisor: int
    student: int
    ceiling: int
    points: Mapping[str, int]


@dataclass(frozen=True, eq=False)
class Evidence:
    """Outcomes of every model of one task on its test examples.

    Args:
        task: The task's name; it names the generator of the resamples.
        test: The test examples.
        models: The M models.
        right: Which models are right on which examples, bool [M, N].
        choices: The candidate that each chooses, uint [M, N].
        confidence: The probability that it gives to it, float32 [N], of each model at the point that counts, by number.
        read_probs: Reads a model's probabilities, float32 [N, K], by its number.
        n_resamples: How often examples and seeds are drawn.
        trios: The comparisons, in order.
        part: A name of these examples, where they are not the whole test set; it names the generator, too.
    """

    task: str
    test: TestSet
    models: tuple[ModelId, ...]
    right: np.ndarray
    choices: np.ndarray
    confidence: Mapping[int, np.ndarray]
    read_probs: Callable[[int], np.ndarray]
    n_resamples: int
    trios: tuple[Trio, ...] = ()
    part: str = ""
    _probs: OrderedDict[int, np.ndarray] = field(default_factory=OrderedDict, repr=False)
    _seed_draws: dict[tuple[int, ...], np.ndarray] = field(default_factory=dict, repr=False)

    def on(self, name: str, places: np.ndarray) -> Evidence:
        """The same models on some of the test examples, with resamples of their own.

        Args:
            name: A name of these examples; it names the generator of the resamples.
            places: Their places, int [n].
        """
        right, choices = self.right[:, places], self.choices[:, places]
        confidence = {row: each[places] for row, each in self.confidence.items()}
        test = self.test.part(places)
        return Evidence(
            self.task, test, self.models, right, choices, confidence, lambda row: self.probs(row)[places],
            self.n_resamples, self.trios, name,
        )  # fmt: skip

    # --- per example --------------------------------------------------------------------------------------------------

    def values(self, metric: Metric, rows: Rows) -> np.ndarray:
        """Every example's value of a metric: bool or float32 [m, N].

        Args:
            metric: The metric.
            rows: Numbers of the models of each role, int [m].
        """
        return MEASURES[metric.name](self, metric.role, rows)

    def probs(self, row: int) -> np.ndarray:
        """A model's probabilities, float32 [N, K]; those that were read last are kept."""
        known = self._probs.pop(row, None)
        if known is None:
            known = self.read_probs(row)
            missing = self.test.is_right.shape[1] - known.shape[1]
            known = np.pad(known, ((0, 0), (0, missing))) if missing else known
        self._probs[row] = known
        while len(self._probs) > 2 and len(self._probs) * known.nbytes > _MOST_BYTES_OF_PROBS:
            self._probs.popitem(last=False)
        return known

    # --- means and resamples ------------------------------------------------------------------------------------------

    def by_seed(self, metric: Metric, rows: Rows) -> BySeed:
        """A metric's mean over examples under each seed, and in each resample of examples.

        Args:
            metric: The metric.
            rows: Numbers of the models of each role, int [C, S].
        """
        shape = next(iter(rows.values())).shape
        flat = {role: numbers.ravel() for role, numbers in rows.items()}
        if metric.name == "right":
            means, draws = self._right_means[flat[metric.role]], self._right_draws(flat[metric.role])
        else:
            # Models that several cells share are measured once.
            names = _USES.get(metric.name, ()) or (metric.role,)
            stacked = np.stack([flat[role] for role in dict.fromkeys((metric.role, *names))])
            _, first, back = np.unique(stacked, axis=1, return_index=True, return_inverse=True)
            values = self.values(metric, {role: numbers[first] for role, numbers in flat.items()})
            means, draws = _means(values)[back], self._resamples(values).means(values)[back]
        return BySeed(means.reshape(shape), draws.reshape(*shape, -1).swapaxes(-1, -2))

    def _resamples(self, values: np.ndarray) -> ExampleResamples | CellResamples:
        return self._resamples_of_outcomes if values.dtype == bool else self._resamples_of_numbers

    def _generator(self) -> np.random.Generator:
        return rng(0, self.task, "test examples", *([self.part] if self.part else []))

    @cached_property
    def _resamples_of_outcomes(self) -> ExampleResamples | CellResamples:
        groups = self.test.groups if self.test.n_groups < len(self.test) else None
        return example_resamples(
            len(self.test),
            rng=self._generator(),
            groups=groups,
            n_resamples=self.n_resamples,
            yes_or_no=self._outcomes,
        )

    @cached_property
    def _resamples_of_numbers(self) -> ExampleResamples | CellResamples:
        if isinstance(self._resamples_of_outcomes, ExampleResamples):
            return self._resamples_of_outcomes  # the same generator: the same resamples
        return example_resamples(len(self.test), rng=self._generator(), n_resamples=self.n_resamples)

    def _outcomes(self) -> np.ndarray:
        """All outcomes of the comparisons that are yes or no, bool [M, N]."""
        found: dict[tuple[str, tuple[int, ...]], np.ndarray] = {}
        for trio in self.trios:
            rows = {role: np.array([getattr(trio, role)]) for role in ("supervisor", "student", "ceiling")}
            for role in rows:
                found["right", tuple(rows[role])] = self.right[rows[role]][0]
            if not self.part:
                for name in ("agrees", "agrees-right", "both-right", "reachable", "reached"):
                    key = tuple(int(rows[role][0]) for role in _USES[name])
                    found.setdefault((name, key), self.values(Metric(name), rows)[0])
                for row in trio.points.values():
                    found["right", (row,)] = self.right[row]
        return np.array(list(found.values()))

    @cached_property
    def _right_means(self) -> np.ndarray:
        return _means(self.right)

    @cached_property
    def _right_sums(self) -> np.ndarray:
        """Count of right answers of each model in each resample, in as few bytes as hold it: [M, R]."""
        resamples = self._resamples_of_outcomes
        largest = int(resamples.sizes.max(initial=0.0))
        sums = np.empty((len(self.models), self.n_resamples), np.min_scalar_type(largest))
        for start in range(0, len(sums), _AT_ONCE):
            sums[start : start + _AT_ONCE] = resamples.sums(self.right[start : start + _AT_ONCE])
        return sums

    def _right_draws(self, rows: np.ndarray) -> np.ndarray:
        if not len(self.test):
            return np.full((len(rows), self.n_resamples), np.nan)
        return self._right_sums[rows] / self._resamples_of_outcomes.sizes

    def seed_draws(self, seeds: tuple[int, ...]) -> np.ndarray:
        """Weights of seeds in each resample, the same for everything that is compared over these seeds: [R, S]."""
        if seeds not in self._seed_draws:
            draws = rng(0, self.task, "seeds", *map(str, seeds))
            self._seed_draws[seeds] = resample_seeds(len(seeds), rng=draws, n_resamples=self.n_resamples)
        return self._seed_draws[seeds]


def read_evidence(task: str, store: Reading, comparisons: Sequence[Comparison], *, n_resamples: int) -> Evidence:
    """Read the test examples of a task and the predictions of all its models.

    Args:
        task: The task's name.
        store: Where the jobs' results are.
        comparisons: Those of the task whose jobs are in the store.
        n_resamples: How often examples and seeds are drawn.

    Raises:
        DataError: Test examples differ between seeds, or predictions are of other examples.
    """
    test = read_test(task, store, list(comparisons))
    numbers: dict[ModelId, int] = {}
    trios = []
    for c in comparisons:
        supervisor, student, ceiling = (
            numbers.setdefault(ModelId(job.key), len(numbers)) for job in (c.supervisor, c.student, c.ceiling)
        )
        ids = {point: ModelId(c.student.key, point) for point in other_points(store, c.student)}
        points = {point: numbers.setdefault(id_, len(numbers)) for point, id_ in ids.items()}
        trios.append(Trio(supervisor, student, ceiling, points))
    models = tuple(numbers)
    shape = len(models), len(test)
    confidence: dict[int, np.ndarray] = {}
    evidence = Evidence(
        task, test, models,
        right=np.empty(shape, bool),
        choices=np.empty(shape, np.min_scalar_type(test.is_right.shape[1])),
        confidence=confidence,
        read_probs=lambda row: read_outcome(test, store, models[row].key, task, models[row].point).probs,
        n_resamples=n_resamples,
        trios=tuple(trios),
    )  # fmt: skip
    everyone = np.arange(len(test))
    for row, model in enumerate(models):
        # Probabilities of other stopping points are never asked for again.
        probs = evidence.read_probs(row) if model.point else evidence.probs(row)
        chosen = probs.argmax(axis=1) if len(test) else np.empty(0, int)
        evidence.choices[row], evidence.right[row] = chosen, test.is_right[everyone, chosen]
        if not model.point:
            confidence[row] = probs.max(axis=1, initial=0.0)
    return evidence


def _means(values: np.ndarray) -> np.ndarray:
    """Means over examples, float64 [m]; NaN where there is none."""
    if not values.shape[1]:
        return np.full(len(values), np.nan)
    means: np.ndarray = values.mean(axis=1, dtype=float)
    return means


# --- measures: every example's value, [m, N], of the models of a role -------------------------------------------------

_Measure = Callable[[Evidence, str, Rows], np.ndarray]


def _agrees(evidence: Evidence, role: str, rows: Rows) -> np.ndarray:
    agrees: np.ndarray = evidence.choices[rows[role]] == evidence.choices[rows["supervisor"]]
    return agrees


def _of_probs(score: Callable[[np.ndarray, Evidence], np.ndarray]) -> _Measure:
    """A measure of a model's probabilities."""

    def measure(evidence: Evidence, role: str, rows: Rows) -> np.ndarray:
        found = np.empty((len(rows[role]), len(evidence.test)), np.float32)
        for place, row in enumerate(rows[role]):
            found[place] = score(evidence.probs(int(row)), evidence)
        return found

    return measure


def _of_both(answer: Callable[[np.ndarray, np.ndarray, Evidence], np.ndarray]) -> _Measure:
    """A measure of the probabilities of a model and of its supervisor."""

    def measure(evidence: Evidence, role: str, rows: Rows) -> np.ndarray:
        found = np.empty((len(rows[role]), len(evidence.test)), np.float32)
        for place, pair in enumerate(zip(rows[role], rows["supervisor"], strict=True)):
            model, supervisor = (evidence.probs(int(row)) for row in pair)
            found[place] = answer(model, supervisor, evidence)
        return found

    return measure


def _by_share(one: np.ndarray, other: np.ndarray, evidence: Evidence) -> np.ndarray:
    """Agreement by chance: by how often each class is chosen, or, where candidates differ, of any candidate alike."""
    if evidence.test.has_classes:
        return agreement_by_share(one, other)
    return agreement_by_number(evidence.test.n_candidates)


def _by_accuracy(one: np.ndarray, other: np.ndarray, evidence: Evidence) -> np.ndarray:
    return agreement_by_accuracy(one, other, evidence.test.is_right, evidence.test.n_candidates)


MEASURES: dict[str, _Measure] = {
    # yes or no
    "right": lambda e, role, rows: e.right[rows[role]],
    "agrees": _agrees,  # chooses as its supervisor
    "agrees-right": lambda e, role, rows: _agrees(e, role, rows) & e.right[rows["supervisor"]],
    "both-right": lambda e, role, rows: e.right[rows[role]] & e.right[rows["supervisor"]],
    "reachable": lambda e, role, rows: e.right[rows["ceiling"]] & ~e.right[rows["supervisor"]],
    "reached": lambda e, role, rows: e.right[rows["ceiling"]] & ~e.right[rows["supervisor"]] & e.right[rows["student"]],
    # scores
    "brier": _of_probs(lambda probs, e: brier_scores(probs, e.test.is_right)),
    "nll": _of_probs(lambda probs, e: log_losses(probs, e.test.is_right)),
    # with the supervisor: how far from it, how probably both draw one candidate, and how probably by chance
    "misfit": _of_both(lambda one, other, e: squared_misfits(one, other)),
    "kl-misfit": _of_both(lambda one, other, e: kl_misfits(one, other)),
    "observed": _of_both(lambda one, other, e: observed_agreement(one, other)),
    "by-accuracy": _of_both(_by_accuracy),
    "by-share": _of_both(_by_share),
}
_WITH_SUPERVISOR = (
    "agrees",
    "agrees-right",
    "both-right",
    "misfit",
    "kl-misfit",
    "observed",
    "by-accuracy",
    "by-share",
)
_USES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_WITH_SUPERVISOR, ("student", "supervisor")),
    "reachable": ("ceiling", "supervisor"),
    "reached": ("student", "supervisor", "ceiling"),
}
