"""Estimates from one task's predictions: accuracies, gap, PGR and agreement of students that differ in their seed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from w2slab.analysis.outcomes import Asked, Judgement, stopping_point
from w2slab.data.layout import STOPPING_POINTS
from w2slab.stats.comparing import minimum_detectable_effect
from w2slab.stats.pgr import UNDEFINED, undefined_reason
from w2slab.stats.ratio import Ratio
from w2slab.stats.resampling import Estimate, mean_estimate
from w2slab.stats.seeds import BySeed, mean_draws, noise

if TYPE_CHECKING:
    from w2slab.jobs.comparison import Comparison

Row = dict[str, Any]
ROLES = ("supervisor", "student", "ceiling")
IDENTITY = ("task", "weak", "strong", "method", "control")
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Cell:
    """Students that differ only in their seed, at one stopping point.

    Args:
        identity: Task, weak, strong, method, control, stopping point, and whether that point is the one that counts.
        comparisons: One for each seed, rising.
        asked: What was asked of each comparison's models, by role.
        point: The stopping point's name in `asked`, or `None` for the one that counts.
    """

    identity: Row
    comparisons: tuple[Comparison, ...]
    asked: tuple[dict[str, Asked], ...]
    point: str | None

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
        """Whether this is the stopping point that counts."""
        return self.point is None

    def of(self, role: str) -> list[Asked]:
        """The questions put to one role's models."""
        name = (self.point or role) if role == "student" else role
        return [asked[name] for asked in self.asked]

    def on(self, seeds: Collection[int]) -> Cell:
        """The same on some of its seeds alone."""
        kept = [place for place, seed in enumerate(self.seeds) if seed in seeds]
        comparisons = tuple(self.comparisons[place] for place in kept)
        return Cell(self.identity, comparisons, tuple(self.asked[place] for place in kept), self.point)


def cells_of(students: Sequence[tuple[Comparison, dict[str, Asked]]]) -> list[Cell]:
    """Comparisons of one task gathered over seeds, a cell for each stopping point."""
    members: dict[tuple[Any, ...], list[tuple[Comparison, dict[str, Asked], str | None]]] = {}
    identities: dict[tuple[Any, ...], Row] = {}
    for comparison, asked in students:
        points: list[tuple[str, str | None]] = [(stopping_point(comparison.student), None)]
        points += [(name, name) for name in asked if name in STOPPING_POINTS]
        for name, point in points:
            identity = {field: getattr(comparison, field) for field in IDENTITY}
            identity |= {"stopping_point": name, "is_reported": point is None}
            key = tuple(identity.values())
            identities.setdefault(key, identity)
            members.setdefault(key, []).append((comparison, asked, point))
    cells = []
    for key, own in members.items():
        own.sort(key=lambda member: member[0].seed)
        cells.append(Cell(identities[key], tuple(c for c, _, _ in own), tuple(asked for _, asked, _ in own), own[0][2]))
    return cells


@dataclass(frozen=True)
class Pgr:
    """PGR of a cell.

    Args:
        estimate: With its percentile interval; NaN where undefined.
        gap: Ceiling minus supervisor.
        reason: Why it is undefined, or `None`.
        ratio: Recovered over gap.
        draws: Resampled PGRs, [R].
    """

    estimate: Estimate
    gap: Estimate
    reason: str | None
    ratio: Ratio
    draws: np.ndarray


@dataclass(frozen=True)
class Judge:
    """Estimates from one task's predictions."""

    judgement: Judgement
    level: float
    min_gap: float
    _pgrs: dict[tuple[Any, ...], Pgr] = field(default_factory=dict, repr=False, compare=False)

    @property
    def n_units(self) -> int:
        """Independent test examples: groups, where examples come in groups."""
        return self.judgement.test.n_groups

    def estimate(
        self, metric: BySeed, seeds: tuple[int, ...], *, lowest: float = 0.0, highest: float = 1.0
    ) -> Estimate:
        """A mean over seeds with its interval inside its bounds."""
        return mean_estimate(
            metric.value, self.draws(metric, seeds), level=self.level, n_units=self.n_units, lowest=lowest,
            highest=highest,
        )  # fmt: skip

    def draws(self, metric: BySeed, seeds: tuple[int, ...]) -> np.ndarray:
        """Resampled means over seeds, [R]."""
        error = noise(metric, n_units=self.n_units)
        seed_draws = self.judgement.seed_draws(seeds)
        return mean_draws(metric, seed_draws, error, level=self.level, n_units=self.n_units)

    def roles(self, cell: Cell) -> tuple[BySeed, BySeed, BySeed]:
        """Accuracy of supervisor, student and ceiling under each seed."""
        supervisor, student, ceiling = (self.judgement.by_seed(cell.of(role)) for role in ROLES)
        return supervisor, student, ceiling

    def pgr(self, cell: Cell) -> Pgr:
        """Performance gap recovered, and the draws of it; made once, however many tables ask for it."""
        key = (cell.seeds, *(asked for role in ROLES for asked in cell.of(role)))
        if key not in self._pgrs:
            self._pgrs[key] = self._pgr(cell)
        return self._pgrs[key]

    def _pgr(self, cell: Cell) -> Pgr:
        supervisor, student, ceiling = self.roles(cell)
        ratio = Ratio(student - supervisor, ceiling - supervisor, self.n_units, self.level)
        gap = self.estimate(ratio.denominator, cell.seeds, lowest=-1.0)
        reason = undefined_reason(gap, min_gap=self.min_gap, n_units=self.n_units)
        draws = np.empty(0) if reason else ratio.draws(self.judgement.seed_draws(cell.seeds))
        return Pgr(UNDEFINED if reason else ratio.estimate(draws), gap, reason, ratio, draws)

    def accuracies(self, cell: Cell) -> Row:
        """Accuracy of the three roles as columns."""
        row: Row = {}
        for role, metric in zip(ROLES, self.roles(cell), strict=True):
            row |= columns(f"{role}_accuracy", self.estimate(metric, cell.seeds))
        return row

    def row(self, cell: Cell) -> Row:
        """Accuracies, gap, PGR and agreement of a cell."""
        row = self.accuracies(cell)
        pgr = self.pgr(cell)
        row |= {"chance": self.judgement.test.chance} | columns("gap", pgr.gap) | columns("pgr", pgr.estimate)
        row |= {"pgr_reason": pgr.reason} | self._checks(cell, pgr) | self._detectable(pgr)
        row["level"] = self.level
        row |= self._agreement(cell) if cell.is_reported else _NO_AGREEMENT
        return row

    def _checks(self, cell: Cell, pgr: Pgr) -> Row:
        """The other two intervals of PGR."""
        low, high = (float("nan"),) * 2 if pgr.reason else pgr.ratio.bca(pgr.draws, self._unit_scores(cell, pgr.ratio))
        row: Row = {"pgr_bca_low": low, "pgr_bca_high": high}
        low, high = (float("nan"),) * 2 if pgr.reason else pgr.ratio.fieller()
        return row | {"pgr_fieller_low": low, "pgr_fieller_high": high}

    def _unit_scores(self, cell: Cell, ratio: Ratio) -> np.ndarray:
        """The first-order error of PGR of each group of examples, meaned over seeds: float64 [U]."""
        supervisor, student, ceiling = (self.judgement.values(cell.of(role)).mean(axis=0) for role in ROLES)
        scores = (student - supervisor) - ratio.value * (ceiling - supervisor)
        # Of a mean over examples a group's influence is its sum about the overall mean, whatever its size.
        return np.bincount(self.judgement.test.groups, weights=scores - scores.mean())

    def _detectable(self, pgr: Pgr) -> Row:
        error = noise(pgr.ratio.numerator, n_units=self.n_units)
        smallest = minimum_detectable_effect(
            error.standard_error, degrees=error.degrees, level=self.level, n_units=self.n_units
        )
        of_gap = float("nan") if pgr.reason else smallest / pgr.gap.value
        return {"detectable_accuracy": smallest, "detectable_pgr": of_gap}

    def _agreement(self, cell: Cell) -> Row:
        agrees, agrees_right, right = (
            self.judgement.by_seed(cell.of(name)) for name in ("agrees", "agrees-right", "supervisor")
        )
        return (
            columns("agreement_all", self.estimate(agrees, cell.seeds))
            | columns("agreement_right", self.share(agrees_right, right, cell.seeds))
            | columns("agreement_wrong", self.share(agrees - agrees_right, 1 - right, cell.seeds))
        )

    def share(self, part: BySeed, whole: BySeed, seeds: tuple[int, ...]) -> Estimate:
        """Which share one thing is of another, with its interval; NaN where there is nothing of the other."""
        if not whole.value >= _ROUNDING:
            return UNDEFINED
        ratio = Ratio(part, whole, self.n_units, self.level)
        draws = ratio.draws(self.judgement.seed_draws(seeds)).clip(0.0, 1.0)
        n_units = max(1, round(whole.value * self.n_units))  # only examples of the whole can show anything of the part
        return mean_estimate(ratio.value, draws, level=self.level, n_units=n_units)


def columns(name: str, estimate: Estimate) -> Row:
    """A number and the ends of its interval as columns."""
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


_NO_AGREEMENT = {
    f"agreement_{of}{end}": float("nan") for of in ("all", "right", "wrong") for end in ("", "_low", "_high")
}
