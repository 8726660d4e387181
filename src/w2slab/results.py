"""Graph and store in, one tidy table out: predictions become accuracies, PGR, agreement, each with its interval.

Rows are plain dicts with these columns; shares are fractions, never percent:

    task weak strong method control seed stopping_point is_reported     which student this is, stopped where
    supervisor_accuracy student_accuracy ceiling_accuracy chance        on test; `_low`, `_high` beside them
    pgr pgr_low pgr_high pgr_reason level                               NaN with the reason where undefined
    agreement_all agreement_right agreement_wrong                       student with supervisor, at the reported point
    n_test n_groups weak_parameters strong_parameters seconds           size of things; seconds of the student's job
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from w2slab.results_reading import Asked, Judgement, Reading, stopping_point
from w2slab.results_table import render, write_csv
from w2slab.stats.agreement import agreement_of_shares
from w2slab.stats.pgr import performance_gap_recovered, pgr_estimate, ratio_draws, undefined_reason
from w2slab.stats.resampling import (
    DEFAULT_RESAMPLES,
    Estimate,
    covers,
    holm,
    interval,
    mean_estimate,
    p_value,
    pool,
    verdict,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from w2slab.specs import Comparison

__all__ = ["Missing", "Results", "collect", "render", "write_csv"]

Row = dict[str, Any]
ROLES = ("supervisor", "student", "ceiling")


class Planned(Protocol):
    """What is asked of a plan."""

    @property
    def comparisons(self) -> Sequence[Comparison]:
        """Students beside their supervisors and ceilings."""
        ...

    @property
    def baseline(self) -> str:
        """The method that others are held against."""
        ...


class Missing(NamedTuple):
    """A comparison that cannot be judged yet, and the titles of the jobs that are not in the store."""

    comparison: Comparison
    absent: list[str]


@dataclass(frozen=True)
class Results:
    """What a study shows so far.

    Args:
        rows: A row per task, pair, method, control, seed and stopping point; intervals over test examples.
        summary: Seeds pooled: a row per task, pair, method, control and stopping point; `interval_covers` says in
            words what the intervals speak of.
        differences: Each method against the naive one on each pair, paired over seeds and examples; `p_adjusted` is
            corrected (Holm) over all of them, `verdict` is better, worse or no difference shown.
        over_tasks: The median over tasks of per-task PGRs, with how many were undefined.
        missing: Comparisons whose jobs are not all in the store.
        baseline: The method that others are held against: the plan's, or the first that was judged.
        told_truth: Methods whose students were told true labels of `student_train`: references, no students of weak
            labels.
        own_references: Methods held against a supervisor or a ceiling that is not the baseline's.
    """

    rows: list[Row]
    summary: list[Row]
    differences: list[Row]
    over_tasks: list[Row]
    missing: list[Missing]
    level: float
    min_gap: float
    n_resamples: int
    baseline: str
    told_truth: tuple[str, ...] = ()
    own_references: tuple[str, ...] = ()

    @property
    def n_judged(self) -> int:
        """How many comparisons could be judged: each counts once, whatever its stopping points."""
        return sum(row["is_reported"] for row in self.rows)

    def notes(self) -> list[str]:
        """What must be known of single methods before their numbers are held against those of others."""
        notes = [
            f"{method} is told true labels of student_train: it is a reference, and no method that learns from weak "
            "labels alone."
            for method in self.told_truth
        ]
        notes += [
            f"{method} is held against a supervisor or a ceiling of its own, to which its PGR refers."
            for method in self.own_references
        ]
        return notes

    def table(self) -> pa.Table:
        """The rows as an Arrow table."""
        import pyarrow as pa

        return pa.Table.from_pylist(self.rows)

    def to_csv(self, path: Path | str) -> Path:
        """Write the rows as CSV; undefined numbers stand empty, their reason beside them."""
        return write_csv(self.rows, Path(path))

    def reported(self, *, control: bool = False) -> list[Row]:
        """Summary rows at the stopping point that counts, of the methods or of the controls."""
        return [r for r in self.summary if r["is_reported"] and (r["control"] is not None) == control]


def collect(
    plan: Planned, store: Reading, *, resamples: int = DEFAULT_RESAMPLES, level: float = 0.95, min_gap: float = 0.01
) -> Results:
    """Judge every comparison of a plan whose jobs are in the store.

    Args:
        plan: What `experiment.plan` gave.
        store: Where the jobs' results are.
        resamples: How often test examples and seeds are drawn again.
        level: Coverage of the intervals.
        min_gap: The smallest gap between supervisor and ceiling, as a fraction, for which PGR is defined.

    Raises:
        DataError: What is stored for two jobs does not fit together; the message names the file.
    """
    present, missing = _present(plan.comparisons, store)
    judged = [c.method for c in present if c.control is None]
    baseline = plan.baseline if plan.baseline in judged or not judged else judged[0]
    told_truth = tuple(dict.fromkeys(c.method for c in plan.comparisons if c.uses_truth))
    own = _own_references(plan.comparisons, baseline)
    results = Results([], [], [], [], missing, level, min_gap, resamples, baseline, told_truth, own)
    pgr_draws: dict[tuple[str, ...], list[np.ndarray]] = {}
    for task in dict.fromkeys(c.task for c in present):
        judgement = Judgement(task, store, n_resamples=resamples, level=level)
        students = [(c, judgement.take_in(c)) for c in present if c.task == task]
        judge = _Judge(judgement, level, min_gap)
        results.rows.extend(_rows(judge, students, store))
        _summarize(judge, students, results, pgr_draws)
    adjusted = holm([row["p"] for row in results.differences])
    for row, p_adjusted in zip(results.differences, adjusted, strict=True):
        row |= {"p_adjusted": p_adjusted, "verdict": verdict(row["accuracy_difference"], p_adjusted, level)}
    results.over_tasks.extend(_over_tasks(results, pgr_draws))
    return results


def _present(comparisons: Iterable[Comparison], store: Reading) -> tuple[list[Comparison], list[Missing]]:
    present, missing, known = [], [], dict[str, bool]()
    for comparison in comparisons:
        jobs = (comparison.data, comparison.supervisor, comparison.student, comparison.ceiling)
        for job in jobs:
            if job.key not in known:
                known[job.key] = store.check(job)
        absent = list(dict.fromkeys(job.title or job.key for job in jobs if not known[job.key]))
        if absent:
            missing.append(Missing(comparison, absent))
        else:
            present.append(comparison)
    return present, missing


def _own_references(comparisons: Iterable[Comparison], baseline: str) -> tuple[str, ...]:
    """Methods whose supervisor or ceiling is not the baseline's on the same pair."""
    judged = [((c.task, c.weak, c.strong, c.seed), (c.supervisor, c.ceiling), c.method) for c in comparisons]
    usual = {cell: ends for cell, ends, method in judged if method == baseline}
    return tuple(dict.fromkeys(method for cell, ends, method in judged if usual.get(cell, ends) != ends))


Students = list[tuple["Comparison", dict[str, Asked]]]


@dataclass(frozen=True)
class _Judge:
    """Estimates from one task's predictions."""

    judgement: Judgement
    level: float
    min_gap: float

    def mean(self, value: float, draws: np.ndarray, *, lowest: float = 0.0) -> Estimate:
        n_units = self.judgement.test.n_groups
        return mean_estimate(value, draws, level=self.level, n_units=n_units, lowest=lowest)

    def recovered(
        self, observed: tuple[float, float, float], draws: tuple[np.ndarray, np.ndarray, np.ndarray]
    ) -> tuple[Estimate, str | None]:
        gap = self.mean(observed[2] - observed[0], draws[2] - draws[0], lowest=-1.0)
        reason = undefined_reason(gap, min_gap=self.min_gap, n_units=self.judgement.test.n_groups)
        return pgr_estimate(observed, draws, reason=reason, level=self.level), reason

    def pooled(self, asked: Sequence[Asked], seeds: tuple[int, ...]) -> tuple[float, np.ndarray]:
        observed = self.judgement.mean(asked)
        return float(observed.mean()), pool(self.judgement.draws(asked), observed, self.judgement.seed_draws(seeds))

    def row(
        self, asked: Sequence[dict[str, Asked]], point: str | None, seeds: tuple[int, ...]
    ) -> tuple[Row, np.ndarray]:
        """Accuracies, PGR and agreement of students that differ only in their seed; and the draws of PGR."""
        student = point or "student"
        parts = {
            name: self.pooled([a[key] for a in asked], seeds)
            for name, key in zip(ROLES, ("supervisor", student, "ceiling"), strict=True)
        }
        row: Row = {}
        for role, (value, draws) in parts.items():
            if len(seeds) == 1:
                estimate = self.judgement.estimate(asked[0][student if role == "student" else role])
            else:
                estimate = self.mean(value, draws)
            row |= _columns(f"{role}_accuracy", estimate)
        values, draws_of_roles = zip(*parts.values(), strict=True)
        pgr, reason = self.recovered(values, draws_of_roles)
        row |= (
            {"chance": self.judgement.test.chance} | _columns("pgr", pgr) | {"pgr_reason": reason, "level": self.level}
        )
        row |= self._agreement(asked, seeds, parts["supervisor"]) if point is None else _NO_AGREEMENT
        return row, _pgr_draws(draws_of_roles)

    def _agreement(
        self, asked: Sequence[dict[str, Asked]], seeds: tuple[int, ...], right: tuple[float, np.ndarray]
    ) -> Row:
        agrees, agrees_draws = self.pooled([a["agrees"] for a in asked], seeds)
        both, both_draws = self.pooled([a["agrees-right"] for a in asked], seeds)
        observed = agreement_of_shares(agrees, both, right[0])
        resampled = agreement_of_shares(agrees_draws, both_draws, right[1])
        row: Row = {}
        for of, value, draws in zip(("all", "right", "wrong"), observed, resampled, strict=True):
            row |= _columns(f"agreement_{of}", self.mean(float(value), draws[~np.isnan(draws)]))
        return row


def _columns(name: str, estimate: Estimate) -> Row:
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


_NO_AGREEMENT = {
    f"agreement_{of}{end}": float("nan") for of in ("all", "right", "wrong") for end in ("", "_low", "_high")
}


def _points(comparison: Comparison, asked: dict[str, Asked]) -> list[tuple[str, str | None]]:
    """Stopping points of a student, the one that counts first, with the name under which it was asked."""
    fixed = {*ROLES, "agrees", "agrees-right"}
    return [(stopping_point(comparison.student), None), *((name, name) for name in asked if name not in fixed)]


def _identity(comparison: Comparison, point: str, is_reported: bool) -> Row:
    names = {name: getattr(comparison, name) for name in ("task", "weak", "strong", "method", "control")}
    return names | {"stopping_point": point, "is_reported": is_reported}


def _rows(judge: _Judge, students: Students, store: Reading) -> list[Row]:
    rows, test = [], judge.judgement.test
    records = {key: store.record(key) for c, _ in students for key in (c.supervisor.key, c.student.key, c.ceiling.key)}
    for comparison, asked in students:
        size = {
            "n_test": len(test),
            "n_groups": test.n_groups,
            "weak_parameters": _number(records[comparison.supervisor.key].get("facts", {}), "n_parameters"),
            "strong_parameters": _number(records[comparison.ceiling.key].get("facts", {}), "n_parameters"),
            "seconds": _number(records[comparison.student.key], "seconds"),
        }
        for point, name in _points(comparison, asked):
            identity = _identity(comparison, point, name is None)
            row, _ = judge.row([asked], name, (comparison.seed,))
            rows.append({**identity, "seed": comparison.seed, **row, **size})
    return rows


def _number(record: Row, name: str) -> float | None:
    value = record.get(name)
    return value if isinstance(value, int | float) else None


def _summarize(
    judge: _Judge, students: Students, results: Results, pgr_draws: dict[tuple[str, ...], list[np.ndarray]]
) -> None:
    task = students[0][0].task
    sizes = {(r["weak"], r["strong"]): r for r in results.rows if r["task"] == task}
    cells: dict[tuple[Any, ...], list[tuple[int, dict[str, Asked], str | None]]] = {}
    identities: dict[tuple[Any, ...], Row] = {}
    for comparison, asked in students:
        for point, name in _points(comparison, asked):
            identity = _identity(comparison, point, name is None)
            identities.setdefault(tuple(identity.values()), identity)
            cells.setdefault(tuple(identity.values()), []).append((comparison.seed, asked, name))
    for key, identity in identities.items():
        members = sorted(cells[key], key=lambda member: member[0])
        seeds = tuple(seed for seed, _, _ in members)
        row, draws = judge.row([asked for _, asked, _ in members], members[0][2], seeds)
        first = sizes[identity["weak"], identity["strong"]]
        size = {name: first[name] for name in ("n_test", "n_groups", "weak_parameters", "strong_parameters")}
        results.summary.append({**identity, "seeds": seeds, **row, "interval_covers": covers(len(seeds)), **size})
        if identity["is_reported"] and identity["control"] is None and row["pgr_reason"] is None:
            pgr_draws.setdefault((identity["weak"], identity["strong"], identity["method"]), []).append(draws)
    _compare(judge, students, results)


def _compare(judge: _Judge, students: Students, results: Results) -> None:
    """Each method against the baseline, seed by seed."""
    by_method: dict[tuple[str, str], dict[str, dict[int, dict[str, Asked]]]] = {}
    for c, asked in students:
        if c.control is None:
            by_method.setdefault((c.weak, c.strong), {}).setdefault(c.method, {})[c.seed] = asked
    against = results.baseline
    for (weak, strong), methods in by_method.items():
        for method, own in methods.items():
            seeds = tuple(sorted(own.keys() & methods.get(against, {}).keys()))
            if method == against or not seeds:
                continue
            identity = {
                "task": students[0][0].task,
                "weak": weak,
                "strong": strong,
                "method": method,
                "against": against,
            }
            base = methods[against]
            row = _difference(judge, [own[s] for s in seeds], [base[s] for s in seeds], seeds)
            results.differences.append({**identity, "seeds": seeds, **row, "interval_covers": covers(len(seeds))})


def _difference(
    judge: _Judge, own: list[dict[str, Asked]], base: list[dict[str, Asked]], seeds: tuple[int, ...]
) -> Row:
    parts = [{role: judge.pooled([a[role] for a in each], seeds) for role in ROLES} for each in (own, base)]
    difference, draws = (a - b for a, b in zip(*(part["student"] for part in parts), strict=True))
    (values, role_draws), (base_values, base_draws) = (zip(*part.values(), strict=True) for part in parts)
    ends = ("supervisor", "ceiling")
    is_same = all(a[end] == b[end] for a, b in zip(own, base, strict=True) for end in ends)
    reason = judge.recovered(values, role_draws)[1] or judge.recovered(base_values, base_draws)[1]
    pgr = Estimate(float("nan"), float("nan"), float("nan"))
    if reason is None and is_same:
        gap = values[2] - values[0]
        pgr = Estimate(difference / gap, *interval(ratio_draws(draws, role_draws[2] - role_draws[0]), judge.level))
    elif reason is None:
        value = performance_gap_recovered(*values) - performance_gap_recovered(*base_values)
        pgr = Estimate(value, *interval(_minus(_pgr_draws(role_draws), _pgr_draws(base_draws)), judge.level))
    return (
        _columns("accuracy_difference", judge.mean(difference, draws, lowest=-1.0))
        | _columns("pgr_difference", pgr)
        | {
            "pgr_reason": reason,
            "level": judge.level,
            "p": p_value(difference, draws, n_units=judge.judgement.test.n_groups),
        }
    )


def _pgr_draws(draws: Sequence[np.ndarray]) -> np.ndarray:
    supervisor, student, ceiling = draws
    return ratio_draws(student - supervisor, ceiling - supervisor)


def _minus(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Differences of resampled ratios; two that are beyond any number on one side do not differ."""
    difference = np.zeros_like(a)
    return np.subtract(a, b, out=difference, where=np.isfinite(a) | np.isfinite(b) | (a != b))


def _over_tasks(results: Results, pgr_draws: dict[tuple[str, ...], list[np.ndarray]]) -> list[Row]:
    cells: dict[tuple[str, ...], list[Row]] = {}
    for row in results.reported():
        cells.setdefault((row["weak"], row["strong"], row["method"]), []).append(row)
    table = []
    for key, rows in cells.items():
        defined = [r["pgr"] for r in rows if r["pgr_reason"] is None]
        pgr = Estimate(float("nan"), float("nan"), float("nan"))
        if defined:
            # A resample without a gap is infinite; a median over tasks needs it as a number beyond all others.
            draws = np.nan_to_num(np.array(pgr_draws[key]), posinf=1e12, neginf=-1e12)
            pgr = Estimate(float(np.median(defined)), *interval(np.median(draws, axis=0), results.level))
        table.append(
            dict(zip(("weak", "strong", "method"), key, strict=True))
            | {"n_tasks": len(rows), "n_undefined": len(rows) - len(defined)}
            | {f"{role}_accuracy": float(np.median([r[f"{role}_accuracy"] for r in rows])) for role in ROLES}
            | _columns("pgr", pgr)
            | {name: rows[0][name] for name in ("level", "weak_parameters", "strong_parameters")}
        )
    return table
