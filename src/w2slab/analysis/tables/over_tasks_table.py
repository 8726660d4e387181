"""Over tasks: the median of per-task PGRs, and beside it the PGR of median accuracies."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from w2slab.analysis.estimator import ROLES, Batch, Row, columns
from w2slab.analysis.tables.students import pooled_rows
from w2slab.analysis.tabular import LEVEL, Column, Study, Table, TaskResults
from w2slab.stats.pgr import UNDEFINED, performance_gap_recovered, undefined_reason
from w2slab.stats.ratio import ratio_draws
from w2slab.stats.resampling import Estimate, interval
from w2slab.stats.seeds import mean_draws

_BEYOND = 1e12  # a resample without a gap is infinite; a median needs it as a number beyond all others


@dataclass(frozen=True)
class OnTask:
    """One task's estimates of a pair and a method.

    Args:
        row: Of the summary.
        pgr: With its interval.
        draws: Resampled PGRs, [R]; empty where there is one task.
        role_draws: Accuracies of supervisor, student and ceiling in each resample, [3, R], all widened as PGR is.
    """

    row: Row
    pgr: Estimate
    draws: np.ndarray
    role_draws: np.ndarray


def _on_task(results: TaskResults) -> list[OnTask]:
    """The students of one task that count, controls left out."""
    rows = [
        (cell, row)
        for cell, row in zip(results.cells, results.once(pooled_rows), strict=True)
        if cell.is_reported and row["control"] is None
    ]
    estimates = [Estimate(*(row[f"pgr{end}"] for end in ("", "_low", "_high"))) for _, row in rows]
    nothing = np.empty(0)
    found = [OnTask(row, pgr, nothing, nothing) for (_, row), pgr in zip(rows, estimates, strict=True)]
    if results.study.n_tasks > 1:  # otherwise resamples are not asked for
        for places, (batch,) in results.estimator.batches([cell for cell, _ in rows]):
            role_draws = _role_draws(batch)
            for at, place in enumerate(places):
                found[place] = replace(found[place], draws=batch.pgr.draws[at], role_draws=role_draws[:, at])
    return found


def _role_draws(batch: Batch) -> np.ndarray:
    """Draws of the roles, [3, C, R], widened alike so that shared luck cancels; each for itself without a gap."""
    error = batch.pgr.ratio.error
    alike = [
        mean_draws(metric, batch.seed_draws, error, level=batch.level, n_units=batch.n_units) for metric in batch.roles
    ]
    apart = [batch.draws(metric) for metric in batch.roles]
    return np.where(np.isnan(error.examples)[:, None], apart, alike)


def _rows(found: list[OnTask], study: Study) -> list[Row]:
    return over_tasks_rows(found, level=study.level, min_gap=study.min_gap)


def over_tasks_rows(found: list[OnTask], *, level: float, min_gap: float) -> list[Row]:
    """A row per pair and method; intervals are of these tasks, not of tasks that might have been chosen."""
    together: dict[tuple[str, str, str], list[OnTask]] = {}
    for each in found:
        key = each.row["weak"], each.row["strong"], each.row["method"]
        together.setdefault(key, []).append(each)
    table = []
    for key, own in together.items():
        defined = [each for each in own if each.row["pgr_reason"] is None]
        accuracies = {
            f"{role}_accuracy": float(np.median([each.row[f"{role}_accuracy"] for each in own])) for role in ROLES
        }
        of_medians, reason = _pgr_of_medians(own, tuple(accuracies.values()), level, min_gap)
        table.append(
            dict(zip(("weak", "strong", "method"), key, strict=True))
            | {"n_tasks": len(own), "n_undefined": len(own) - len(defined)}
            | accuracies
            | columns("pgr", _median_pgr(defined, level))
            | columns("pgr_of_medians", of_medians)
            | {"pgr_of_medians_reason": reason}
            | {name: own[0].row[name] for name in ("level", "weak_parameters", "strong_parameters")}
        )
    return table


def _median_pgr(defined: list[OnTask], level: float) -> Estimate:
    if not defined:
        return UNDEFINED
    if len(defined) == 1:
        return defined[0].pgr
    draws = np.array([np.nan_to_num(each.draws, posinf=_BEYOND, neginf=-_BEYOND) for each in defined])
    value = float(np.median([each.pgr.value for each in defined]))
    medians = np.median(draws, axis=0)
    medians[np.abs(medians) >= _BEYOND / 4] *= np.inf  # half of it is the mean of two middle ones
    return Estimate(value, *interval(medians, level))


def _pgr_of_medians(
    own: list[OnTask], medians: tuple[float, ...], level: float, min_gap: float
) -> tuple[Estimate, str | None]:
    """PGR of the median accuracies over all tasks, those without a gap of their own included."""
    if len(own) == 1:
        return own[0].pgr, own[0].row["pgr_reason"]
    supervisor, student, ceiling = np.median([each.role_draws for each in own], axis=0)
    gap = Estimate(medians[2] - medians[0], *interval(ceiling - supervisor, level))
    reason = undefined_reason(gap, min_gap=min_gap, n_units=min(each.row["n_groups"] for each in own))
    if reason is not None:
        return UNDEFINED, reason
    draws = ratio_draws(student - supervisor, ceiling - supervisor)
    return Estimate(performance_gap_recovered(*medians), *interval(draws, level)), None


TABLES = (
    Table(
        "over_tasks", 40, _on_task,
        (
            Column("weak", "text", "Supervisor"),
            Column("strong", "text", "Student"),
            Column("method", "text", "Method"),
            Column("n_tasks", "number", "Tasks", "How many tasks are judged."),
            Column("n_undefined", "number", "Undefined", "On how many of them PGR is undefined."),
            *(Column(f"{role}_accuracy", "share", "", "Median over tasks.") for role in ROLES),
            Column("pgr", "share", "Median PGR", "Median of the tasks' defined PGRs.", has_interval=True),
            Column("pgr_of_medians", "share", "PGR of the medians", "PGR of the median accuracies.", has_interval=True),
            Column("pgr_of_medians_reason", "text", "", "The reason why it is undefined."),
            LEVEL,
            Column("weak_parameters", "number", "", "Size of the supervisor.", may_lack=True),
            Column("strong_parameters", "number", "", "Size of the student.", may_lack=True),
        ),
        finish=_rows, only_of_several_tasks=True,
    ),
)  # fmt: skip
