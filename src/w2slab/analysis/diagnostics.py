"""What can be said of students without true labels, beside what they truly gained.

Columns, beside task, weak, strong, method, control and seeds; `_low` and `_high` stand beside what has an interval:

    misfit brier_gain kl_misfit log_loss_gain    predicted and true gain over the supervisor, in Brier score and nats
    capa_student capa_ceiling                    CAPA of the supervisor with student and ceiling; reads true labels
    kappa_student kappa_ceiling kappa_chance     the same without true labels, and what its chance is made of
    overlap_density                              as a job before the student found it; no interval
    supervisor_ece student_ece                   calibration errors; no interval
    supervisor_brier student_brier               Brier scores
    corrected inherited new                      what became of errors, as in the table of their anatomy
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import isnan, nan
from statistics import fmean, median
from typing import TYPE_CHECKING, NamedTuple

from w2slab.analysis.calibration import WORST_BRIER, WORST_NLL, calibration_error
from w2slab.analysis.judge import Cell, Judge, Row, columns
from w2slab.analysis.outcomes import Asked, Reading
from w2slab.stats.pgr import UNDEFINED
from w2slab.stats.ranks import spearman
from w2slab.stats.ratio import Ratio
from w2slab.stats.resampling import Estimate, mean_estimate
from w2slab.stats.seeds import BySeed

if TYPE_CHECKING:
    from w2slab.graph.job import Job

FATES = ("corrected", "inherited", "new")
# A predicted gain beside the true one.
GAINS = (("misfit", "brier_gain"), ("kl_misfit", "log_loss_gain"))
_FINDS_OVERLAP = ("relabel", "head")  # kinds of jobs
_ROUNDING = 1e-12
_FEWEST = 3  # that can be ranked


def diagnostics_rows(judge: Judge, cells: Sequence[Cell], anatomy: Sequence[Row], store: Reading) -> list[Row]:
    """A row per student at the point that counts, seeds pooled.

    Args:
        judge: Of one task.
        cells: Its students.
        anatomy: What `anatomy_rows` gave for them.
        store: Where the jobs' records are.
    """
    rows = []
    for cell, fates in zip((cell for cell in cells if cell.is_reported), anatomy, strict=True):
        row = cell.ids | {"seeds": cell.seeds} | _gains(judge, cell) | _alike(judge, cell)
        densities = [overlap_density(comparison.student, store) for comparison in cell.comparisons]
        row |= {"overlap_density": fmean(densities)} | _calibration(judge, cell)
        row |= {f"{name}{end}": fates[f"{name}{end}"] for name in FATES for end in ("", "_low", "_high")}
        rows.append(row | {"n_test": len(judge.judgement.test), "level": judge.level})
    return rows


def _gains(judge: Judge, cell: Cell) -> Row:
    """Predicted gains beside true ones."""
    row: Row = {}
    for (misfit, gain), question, score, worst in zip(
        GAINS, ("misfit", "kl-misfit"), ("brier", "nll"), (WORST_BRIER, WORST_NLL), strict=True
    ):
        predicted = judge.judgement.by_seed(cell.of(question))
        true = _score(judge, cell, "supervisor", score) - _score(judge, cell, "student", score)
        row |= columns(misfit, judge.estimate(predicted, cell.seeds, highest=worst))
        row |= columns(gain, judge.estimate(true, cell.seeds, lowest=-worst, highest=worst))
    return row


def _score(judge: Judge, cell: Cell, role: str, score: str) -> BySeed:
    return judge.judgement.by_seed([Asked(score, asked.key) for asked in cell.of(role)])


def _alike(judge: Judge, cell: Cell) -> Row:
    """Agreement of the supervisor with student and ceiling beyond chance."""
    row: Row = {}
    for name, chance in (("capa", "by-accuracy"), ("kappa", "by-share")):
        for role, start in (("student", ""), ("ceiling", "ceiling-")):
            row |= columns(f"{name}_{role}", _kappa(judge, cell, f"{start}observed", f"{start}{chance}"))
    return row | {"kappa_chance": "shares of classes" if judge.judgement.test.has_classes else "any candidate alike"}


def _kappa(judge: Judge, cell: Cell, observed: str, chance: str) -> Estimate:
    """How far agreement is from chance, of the way to perfect agreement; over seeds, of one sum in another."""
    agreed, expected = (judge.judgement.by_seed(cell.of(name)) for name in (observed, chance))
    if not 1 - expected.value > _ROUNDING:
        return UNDEFINED
    ratio = Ratio(agreed - expected, 1 - expected, judge.n_units, judge.level)
    draws = ratio.draws(judge.judgement.seed_draws(cell.seeds)).clip(-1.0, 1.0)
    return mean_estimate(ratio.value, draws, level=judge.level, n_units=judge.n_units, lowest=-1.0)


def _calibration(judge: Judge, cell: Cell) -> Row:
    row: Row = {f"{role}_ece": calibration_error(judge, cell.of(role)) for role in ("supervisor", "student")}
    for role in ("supervisor", "student"):
        score = judge.estimate(_score(judge, cell, role, "brier"), cell.seeds, highest=WORST_BRIER)
        row |= columns(f"{role}_brier", score)
    return row


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
    """Whether a predicted gain puts students in the order of their true gains: Spearman's rank correlations.

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


def rankings(diagnostics: Sequence[Row], told_truth: Collection[str] = ()) -> list[Ranking]:
    """How well each predicted gain ranks students; controls, and methods that are told true labels, are left out.

    Args:
        diagnostics: Rows of the table.
        told_truth: Methods whose students are told true labels.
    """
    students = [row for row in diagnostics if row["control"] is None and row["method"] not in told_truth]
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
