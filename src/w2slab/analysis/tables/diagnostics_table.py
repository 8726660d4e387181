"""Diagnostics that need no ground truth, beside the true gains of each student.

`misfit` and `kl_misfit` are predicted gains over the supervisor, `brier_gain` and `log_loss_gain` the true ones; `capa`
reads ground truth, `kappa` is the same without it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import isnan, nan
from statistics import fmean, median
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from w2slab.analysis.estimator import Batch, Columns, Row, columns, where
from w2slab.analysis.outcomes import Reading
from w2slab.analysis.tables.anatomy_table import anatomy_rows
from w2slab.analysis.tables.calibration_table import WORST_BRIER, WORST_NLL, calibration_error
from w2slab.analysis.tabular import IDENTITY_COLUMNS, LEVEL, SEEDS, Column, Table, TaskResults
from w2slab.stats.rank_correlation import spearman
from w2slab.stats.ratio import Ratio
from w2slab.stats.resampling import Estimate, mean_estimate

if TYPE_CHECKING:
    from w2slab.graph.job import Job

FATES = ("corrected", "inherited", "new")
# A predicted gain beside the true one.
GAINS = (("misfit", "brier_gain"), ("kl_misfit", "log_loss_gain"))
_FINDS_OVERLAP = ("relabel", "head")  # kinds of jobs
_ROUNDING = 1e-12
_FEWEST = 3  # that can be ranked


def _rows(results: TaskResults) -> list[Row]:
    """A row per student at the point that counts, seeds pooled."""
    found = results.estimator.rows(_columns, results.reported)
    evidence, store = results.estimator.evidence, results.store
    rows = []
    for cell, numbers, fates in zip(results.reported, found, results.once(anatomy_rows), strict=True):
        densities = [overlap_density(comparison.student, store) for comparison in cell.comparisons]
        errors = {f"{role}_ece": calibration_error(evidence, cell.rows[role]) for role in ("supervisor", "student")}
        own = {f"{name}{end}": fates[f"{name}{end}"] for name in FATES for end in ("", "_low", "_high")}
        row = {"overlap_density": fmean(densities)} | errors | own
        row |= numbers | {"n_test": len(evidence.test), "level": results.study.level}
        rows.append({name: (cell.ids | {"seeds": cell.seeds} | row)[name] for name in TABLES[0].column_names})
    return rows


def _columns(batch: Batch) -> Columns:
    """Predicted gains beside true ones; agreement of the supervisor with student and ceiling beyond chance."""
    found: Columns = {}
    measures = (("misfit", "brier", WORST_BRIER), ("kl-misfit", "nll", WORST_NLL))
    for (misfit, gain), (measure, score, worst) in zip(GAINS, measures, strict=True):
        true = batch.metric(score, "supervisor") - batch.metric(score, "student")
        found |= columns(misfit, batch.estimate(batch.metric(measure), highest=worst))
        found |= columns(gain, batch.estimate(true, lowest=-worst, highest=worst))
    for name, chance in (("capa", "by-accuracy"), ("kappa", "by-share")):
        for role in ("student", "ceiling"):
            found |= columns(f"{name}_{role}", _kappa(batch, role, chance))
    has_classes = batch.estimator.evidence.test.has_classes
    found["kappa_chance"] = "shares of classes" if has_classes else "any candidate alike"
    for role in ("supervisor", "student"):
        found |= columns(f"{role}_brier", batch.estimate(batch.metric("brier", role), highest=WORST_BRIER))
    return found


def _kappa(batch: Batch, role: str, chance: str) -> Estimate:
    """Agreement beyond chance, as a share of the way to perfect agreement; over seeds, of one sum in another."""
    agreed, expected = batch.metric("observed", role), batch.metric(chance, role)
    ratio = Ratio(agreed - expected, 1 - expected, batch.n_units, batch.level)
    draws = ratio.draws(batch.seed_draws).clip(-1.0, 1.0)
    found = mean_estimate(ratio.value, draws, level=batch.level, n_units=batch.n_units, lowest=-1.0)
    return where(1 - np.asarray(expected.value) > _ROUNDING, found)


def overlap_density(student: Job, store: Reading) -> float:
    """The fact `overlap_density` of a student that is a head, or of the nearest job behind it; NaN if none has it.

    Args:
        student: The student's job.
        store: Where the jobs' records are.
    """
    seen = {student.key: student}
    for job in (queue := [student]):
        for each in job.inputs.values():
            if each.key not in seen:
                seen[each.key] = each
                queue.append(each)
    for job in seen.values():
        if job.kind in _FINDS_OVERLAP and store.has(job.key):
            found = (store.record(job.key).get("facts") or {}).get("overlap_density")
            if isinstance(found, int | float):
                return float(found)
    return nan


class Ranking(NamedTuple):
    """Rank correlations (Spearman) of predicted and true gains of students.

    Args:
        predicted: Column of the predicted gain.
        true: Column of the true gain.
        n: Students.
        n_held: Those whose true gain is at least the predicted one.
        overall: Over all of them; NaN for fewer than three.
        by_method: Among the methods of one pair, the median over pairs of three methods or more; NaN if none is.
        n_pairs: How many such pairs.
        by_supervisor: Among the supervisors of one strong model and method, the median likewise.
        n_students: Of how many such.
    """

    predicted: str
    true: str
    n: int
    n_held: int
    overall: float
    by_method: float
    n_pairs: int
    by_supervisor: float
    n_students: int


def rankings(diagnostics: Sequence[Row], uses_truth: Collection[str] = ()) -> list[Ranking]:
    """Rank correlation of each predicted gain; controls, and methods that use ground truth, are left out.

    Args:
        diagnostics: Rows of the table.
        uses_truth: Methods whose students learn ground truth.
    """
    students = [row for row in diagnostics if row["control"] is None and row["method"] not in uses_truth]
    found = []
    for predicted, true in GAINS:
        known = [row for row in students if not isnan(row[predicted]) and not isnan(row[true])]
        by_method = _within(known, ("task", "weak", "strong"), predicted, true)
        by_supervisor = _within(known, ("task", "strong", "method"), predicted, true)
        found.append(
            Ranking(
                predicted=predicted,
                true=true,
                n=len(known),
                n_held=sum(row[true] >= row[predicted] for row in known),
                overall=_correlation(known, predicted, true),
                by_method=median(by_method) if by_method else nan,
                n_pairs=len(by_method),
                by_supervisor=median(by_supervisor) if by_supervisor else nan,
                n_students=len(by_supervisor),
            )
        )
    return found


def _within(rows: Sequence[Row], names: tuple[str, ...], predicted: str, true: str) -> list[float]:
    """Rank correlations inside groups of rows that are equal in some columns, where they are defined."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in names), []).append(row)
    found = (_correlation(own, predicted, true) for own in groups.values() if len(own) >= _FEWEST)
    return [each for each in found if not isnan(each)]


def _correlation(rows: Sequence[Row], predicted: str, true: str) -> float:
    return spearman([row[predicted] for row in rows], [row[true] for row in rows])


TABLES = (
    Table(
        "diagnostics", 80, _rows,
        (
            *IDENTITY_COLUMNS,
            SEEDS,
            Column("misfit", "number", "Misfit", "Predicted gain in Brier score.", has_interval=True),
            Column("brier_gain", "number", "Gain in Brier score", "True gain.", has_interval=True),
            Column("kl_misfit", "number", "KL misfit", "Predicted gain in log loss, in nats.", has_interval=True),
            Column("log_loss_gain", "number", "Gain in log loss", "True gain.", has_interval=True),
            Column("capa_student", "number", "CAPA", "Of supervisor and student.", has_interval=True),
            Column("capa_ceiling", "number", "", "Of supervisor and ceiling.", has_interval=True),
            Column("kappa_student", "number", "Kappa", "The same without ground truth.", has_interval=True),
            Column("kappa_ceiling", "number", "", "", has_interval=True),
            Column("kappa_chance", "text", "", "The chance agreement that kappa corrects for."),
            Column("overlap_density", "share", "Overlap density", "As found by a job before the student."),
            Column("supervisor_ece", "share"),
            Column("student_ece", "share"),
            Column("supervisor_brier", "number", has_interval=True),
            Column("student_brier", "number", has_interval=True),
            *(Column(name, "share", "", "As in the table `anatomy`.", has_interval=True) for name in FATES),
            Column("n_test", "number"),
            LEVEL,
        ),
    ),
)  # fmt: skip
