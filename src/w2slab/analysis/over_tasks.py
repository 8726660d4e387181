"""Over tasks: the median of per-task PGRs, and beside it the PGR of median accuracies."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan

import numpy as np

from w2slab.analysis.judge import ROLES, Cell, Judge, Pgr, Row, columns
from w2slab.stats.pgr import UNDEFINED, performance_gap_recovered, undefined_reason
from w2slab.stats.ratio import ratio_draws
from w2slab.stats.resampling import Estimate, percentile_estimate
from w2slab.stats.seeds import mean_draws

_BEYOND = 1e12  # a resample without a gap is infinite; a median needs it as a number beyond all others


@dataclass(frozen=True)
class OnTask:
    """What one task says of a pair and a method.

    Args:
        row: Of the summary.
        pgr: PGR with its draws.
        draws: Accuracies of supervisor, student and ceiling in each resample, [3, R], all widened as PGR is.
    """

    row: Row
    pgr: Pgr
    draws: np.ndarray


def on_task(judge: Judge, cells: list[Cell], rows: list[Row]) -> list[OnTask]:
    """The students of one task that count, controls left out."""
    return [
        OnTask(row, judge.pgr(cell), _role_draws(judge, cell))
        for cell, row in zip(cells, rows, strict=True)
        if cell.is_reported and row["control"] is None
    ]


def _role_draws(judge: Judge, cell: Cell) -> np.ndarray:
    """Widened alike, so that the luck that roles share still cancels; each for itself where there is no gap."""
    error = judge.pgr(cell).ratio.error
    if isnan(error.examples):
        return np.array([judge.draws(metric, cell.seeds) for metric in judge.roles(cell)])
    seed_draws = judge.judgement.seed_draws(cell.seeds)
    return np.array(
        [
            mean_draws(metric, seed_draws, error, level=judge.level, n_units=judge.n_units)
            for metric in judge.roles(cell)
        ]
    )


def over_tasks_rows(found: list[OnTask], *, level: float, min_gap: float) -> list[Row]:
    """A row per pair and method; intervals are of these tasks, not of tasks that might have been chosen."""
    together: dict[tuple[str, str, str], list[OnTask]] = {}
    for each in found:
        key = each.row["weak"], each.row["strong"], each.row["method"]
        together.setdefault(key, []).append(each)
    table = []
    for key, own in together.items():
        defined = [each for each in own if each.pgr.reason is None]
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
        return defined[0].pgr.estimate
    draws = np.array([np.nan_to_num(each.pgr.draws, posinf=_BEYOND, neginf=-_BEYOND) for each in defined])
    value = float(np.median([each.pgr.estimate.value for each in defined]))
    medians = np.median(draws, axis=0)
    medians[np.abs(medians) >= _BEYOND / 4] *= np.inf  # half of it is the mean of two middle ones
    return percentile_estimate(value, medians, level)


def _pgr_of_medians(
    own: list[OnTask], medians: tuple[float, ...], level: float, min_gap: float
) -> tuple[Estimate, str | None]:
    """PGR of the median accuracies over all tasks, those without a gap of their own included."""
    if len(own) == 1:
        return own[0].pgr.estimate, own[0].pgr.reason
    supervisor, student, ceiling = np.median([each.draws for each in own], axis=0)
    gap = percentile_estimate(medians[2] - medians[0], ceiling - supervisor, level)
    reason = undefined_reason(gap, min_gap=min_gap, n_units=min(each.row["n_groups"] for each in own))
    if reason is not None:
        return UNDEFINED, reason
    draws = ratio_draws(student - supervisor, ceiling - supervisor)
    return percentile_estimate(performance_gap_recovered(*medians), draws, level), None
