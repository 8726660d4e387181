"""Estimates from one task's evidence: accuracies, gap, PGR and agreement of many students in one pass.

Students that differ only in their seed are a *cell*. Cells of the same seeds are stacked into a *batch*, whose numbers
are arrays with an entry for each of them; a table is a function that makes columns of a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from w2slab.analysis.evidence import Evidence, Metric
from w2slab.analysis.outcomes import stopping_point
from w2slab.stats.pgr import undefined_reason
from w2slab.stats.ratio import Ratio
from w2slab.stats.resampling import Estimate, mean_estimate
from w2slab.stats.seeds import BySeed, mean_draws, noise

if TYPE_CHECKING:
    from w2slab.jobs.comparison import Comparison

Row = dict[str, Any]
Columns = dict[str, Any]  # by name: an array or a list with an entry for each cell, or one value for all
ROLES = ("supervisor", "student", "ceiling")
IDENTITY = ("task", "weak", "strong", "method", "control")
_ROUNDING = 1e-12
_MOST_DRAWS = 200_000  # of a metric at a time


class Seeded(Protocol):
    """Models of one or more roles under several seeds."""

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds, rising."""
        ...

    @property
    def rows(self) -> Mapping[str, tuple[int, ...]]:
        """By role, the numbers of its models in the evidence, one for each seed."""
        ...


@dataclass(frozen=True)
class Cell:
    """Students that differ only in their seed, at one stopping point.

    Args:
        identity: Task, weak, strong, method, control, stopping point, and whether that point is the one that counts.
        comparisons: One for each seed, rising.
        rows: By role, the numbers of its models in the evidence, one for each seed.
    """

    identity: Row
    comparisons: tuple[Comparison, ...]
    rows: Mapping[str, tuple[int, ...]]

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds, rising."""
        return tuple(comparison.seed for comparison in self.comparisons)

    @property
    def ids(self) -> Row:
        """Task, weak, strong, method and control."""
        return {name: self.identity[name] for name in IDENTITY}

    @property
    def is_reported(self) -> bool:
        """True for the stopping point that counts."""
        return bool(self.identity["is_reported"])

    def on(self, seeds: Collection[int]) -> Cell:
        """The same on some of its seeds alone."""
        kept = [place for place, seed in enumerate(self.seeds) if seed in seeds]
        rows = {role: tuple(numbers[place] for place in kept) for role, numbers in self.rows.items()}
        return Cell(self.identity, tuple(self.comparisons[place] for place in kept), rows)


def cells_of(evidence: Evidence, comparisons: Sequence[Comparison]) -> list[Cell]:
    """Gather comparisons of one task over seeds, a cell for each stopping point.

    Args:
        evidence: Of the task.
        comparisons: Those that were read, in the order of `evidence.trios`.
    """
    members: dict[tuple[Any, ...], list[tuple[Comparison, int, int, int]]] = {}
    identities: dict[tuple[Any, ...], Row] = {}
    for comparison, trio in zip(comparisons, evidence.trios, strict=True):
        points = [(stopping_point(comparison.student), trio.student, True)]
        points += [(name, row, False) for name, row in trio.points.items()]
        for name, student, is_reported in points:
            identity = {field: getattr(comparison, field) for field in IDENTITY}
            identity |= {"stopping_point": name, "is_reported": is_reported}
            key = tuple(identity.values())
            identities.setdefault(key, identity)
            members.setdefault(key, []).append((comparison, trio.supervisor, student, trio.ceiling))
    cells = []
    for key, own in members.items():
        own.sort(key=lambda member: member[0].seed)
        found, *numbers = zip(*own, strict=True)
        cells.append(Cell(identities[key], found, dict(zip(ROLES, numbers, strict=True))))
    return cells


@dataclass(frozen=True)
class Pgr:
    """PGR of a batch of C cells.

    Args:
        estimate: With its percentile interval, arrays [C]; NaN where undefined.
        gap: Ceiling minus supervisor.
        reasons: Why it is undefined, or `None`, of each cell.
        ratio: Recovered over gap.
        draws: Resampled PGRs, [C, R]; meaningless where undefined.
    """

    estimate: Estimate
    gap: Estimate
    reasons: list[str | None]
    ratio: Ratio
    draws: np.ndarray

    @cached_property
    def is_defined(self) -> np.ndarray:
        """Mask of the cells that have one, bool [C]."""
        return np.array([reason is None for reason in self.reasons])


@dataclass(frozen=True, eq=False)
class Estimator:
    """Estimates from one task's evidence.

    Args:
        evidence: Outcomes of the task's models.
        level: Coverage of the intervals.
        min_gap: The smallest gap between supervisor and ceiling, as a fraction, for which PGR is defined.
    """

    evidence: Evidence
    level: float
    min_gap: float

    @property
    def n_units(self) -> int:
        """Independent test examples: groups, where examples come in groups."""
        return self.evidence.test.n_groups

    def rows(self, columns: Callable[..., Columns], *cells: Sequence[Seeded]) -> list[Row]:
        """A row for each cell, from columns that are made of many cells at a time.

        Args:
            columns: Makes columns of as many batches as there are lists of cells.
            cells: Lists of the same length; their first cells make the first row, and so on.
        """
        rows: list[Row] = [{} for _ in cells[0]]
        for places, batches in self.batches(*cells):
            for place, row in zip(places, assembled(columns(*batches), len(places)), strict=True):
                rows[place] = row
        return rows

    def batches(self, *cells: Sequence[Seeded]) -> Iterator[tuple[list[int], tuple[Batch, ...]]]:
        """Batches of cells of the same seeds, with their places in the lists; see `rows`."""
        groups: dict[tuple[tuple[int, ...], ...], list[int]] = {}
        for place, each in enumerate(zip(*cells, strict=True)):
            groups.setdefault(tuple(cell.seeds for cell in each), []).append(place)
        for seeds, places in groups.items():
            step = max(1, _MOST_DRAWS // (self.evidence.n_resamples * max(map(len, seeds))))
            for start in range(0, len(places), step):
                few = places[start : start + step]
                yield few, tuple(Batch(self, [of[place] for place in few]) for of in cells)


@dataclass(frozen=True, eq=False)
class Batch:
    """C cells of the same S seeds; every number is an array [C].

    Args:
        estimator: Of their task.
        cells: The cells.
    """

    estimator: Estimator
    cells: Sequence[Any]
    _known: dict[Metric, BySeed] = field(default_factory=dict, repr=False)
    _pooled: Batch | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.cells)

    @cached_property
    def seeds(self) -> tuple[int, ...]:
        """The seeds, rising."""
        seeds: tuple[int, ...] = self.cells[0].seeds
        return seeds

    @cached_property
    def rows(self) -> dict[str, np.ndarray]:
        """By role, the numbers of the models in the evidence: int [C, S]."""
        return {role: np.array([cell.rows[role] for cell in self.cells]) for role in self.cells[0].rows}

    @property
    def n_units(self) -> int:
        """Independent test examples."""
        return self.estimator.n_units

    @property
    def level(self) -> float:
        """Coverage of the intervals."""
        return self.estimator.level

    @property
    def seed_draws(self) -> np.ndarray:
        """Weights of the seeds in each resample, [R, S]."""
        return self.estimator.evidence.seed_draws(self.seeds)

    # --- metrics ------------------------------------------------------------------------------------------------------

    def metric(self, name: str, role: str = "student") -> BySeed:
        """A metric under each seed; see `Metric`."""
        metric = Metric(name, role)
        if metric not in self._known:
            self._known[metric] = self._measured(metric)
        return self._known[metric]

    def _measured(self, metric: Metric) -> BySeed:
        if self._pooled is None:
            return self.estimator.evidence.by_seed(metric, self.rows)
        pooled = self._pooled.metric(*metric)
        draws = pooled.draws.swapaxes(-1, -2).reshape(len(self), -1)
        return BySeed(pooled.observed.reshape(-1, 1), draws[:, :, None])

    def by_seed(self) -> Batch:
        """The same students, each seed as a cell of its own: those of the first cell, then of the second, and so on."""
        if len(self.seeds) == 1:
            return self
        return Batch(self.estimator, [cell.on({seed}) for cell in self.cells for seed in cell.seeds], _pooled=self)

    def values(self, name: str, role: str = "student") -> np.ndarray:
        """Every example's value of a metric, [C, S, N]."""
        flat = {each: numbers.ravel() for each, numbers in self.rows.items()}
        found = self.estimator.evidence.values(Metric(name, role), flat)
        return found.reshape(len(self), len(self.seeds), -1)

    @cached_property
    def roles(self) -> tuple[BySeed, BySeed, BySeed]:
        """Accuracy of supervisor, student and ceiling under each seed."""
        supervisor, student, ceiling = (self.metric("right", role) for role in ROLES)
        return supervisor, student, ceiling

    # --- estimates ----------------------------------------------------------------------------------------------------

    def estimate(self, metric: BySeed, *, lowest: float = 0.0, highest: float = 1.0) -> Estimate:
        """A mean over seeds with its interval inside its bounds."""
        return mean_estimate(
            metric.value, self.draws(metric), level=self.level, n_units=self.n_units, lowest=lowest, highest=highest
        )

    def draws(self, metric: BySeed) -> np.ndarray:
        """Resampled means over seeds, [C, R]."""
        error = noise(metric, n_units=self.n_units)
        return mean_draws(metric, self.seed_draws, error, level=self.level, n_units=self.n_units)

    def share(self, part: BySeed, whole: BySeed) -> Estimate:
        """The share that one thing is of another, with its interval; NaN where there is nothing of the other."""
        ratio = Ratio(part, whole, self.n_units, self.level)
        draws = ratio.draws(self.seed_draws).clip(0.0, 1.0)
        # Only examples of the whole can show anything of the part.
        n_units = np.maximum(1, (np.nan_to_num(whole.value) * self.n_units).round())
        return where(whole.value >= _ROUNDING, mean_estimate(ratio.value, draws, level=self.level, n_units=n_units))

    @cached_property
    def pgr(self) -> Pgr:
        """Performance gap recovered, and the draws of it."""
        supervisor, student, ceiling = self.roles
        ratio = Ratio(student - supervisor, ceiling - supervisor, self.n_units, self.level)
        gap = self.estimate(ratio.denominator, lowest=-1.0)
        gaps = [Estimate(*ends) for ends in zip(*(end.tolist() for end in gap), strict=True)]
        reasons = [undefined_reason(each, min_gap=self.estimator.min_gap, n_units=self.n_units) for each in gaps]
        draws = ratio.draws(self.seed_draws)
        is_defined = np.array([reason is None for reason in reasons])
        return Pgr(where(is_defined, ratio.estimate(draws)), gap, reasons, ratio, draws)

    # --- columns ------------------------------------------------------------------------------------------------------

    def accuracies(self) -> Columns:
        """Accuracy of the three roles."""
        found: Columns = {}
        for role, metric in zip(ROLES, self.roles, strict=True):
            found |= columns(f"{role}_accuracy", self.estimate(metric))
        return found


def columns(name: str, estimate: Estimate) -> Columns:
    """A number and the ends of its interval as columns."""
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


def assembled(found: Columns, n: int) -> list[Row]:
    """N rows from columns."""
    listed = {name: column.tolist() if isinstance(column, np.ndarray) else column for name, column in found.items()}
    whole = {name: column if isinstance(column, list) else [column] * n for name, column in listed.items()}
    return [dict(zip(whole, row, strict=True)) for row in zip(*whole.values(), strict=True)]


def where(is_known: np.ndarray, estimate: Estimate, otherwise: float = float("nan")) -> Estimate:
    """Estimates, and another number in place of some of them."""
    return Estimate(*(np.where(is_known, end, otherwise) for end in estimate))


def undefined(n: int) -> Estimate:
    """An estimate of nothing, n times."""
    return Estimate(*(np.full(n, np.nan) for _ in range(3)))
