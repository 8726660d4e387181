"""Graph and store in, one tidy table out: predictions become accuracies, PGR, agreement, each with its interval.

Rows are plain dicts with these columns; shares are fractions, never percent:

    task weak strong method control seed stopping_point is_reported     which student this is, stopped where
    supervisor_accuracy student_accuracy ceiling_accuracy chance        on test; `_low`, `_high` beside them
    gap pgr pgr_reason level                                            NaN with the reason where undefined
    pgr_bca pgr_fieller                                                 `_low` and `_high`: other intervals of PGR
    detectable_accuracy detectable_pgr                                  smallest gain found with 80 % power
    agreement_all agreement_right agreement_wrong                       student with supervisor, at the reported point
    n_test n_groups weak_parameters strong_parameters seconds           size of things; seconds of the student's job

The columns of the other tables stand where their rows are made: `results.differences`, `over_tasks`, `calibration`,
`anatomy`, `diagnostics`, `slices`, `ceilings`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from w2slab.analysis.anatomy import anatomy_rows
from w2slab.analysis.calibration import calibration_rows, reliability_rows
from w2slab.analysis.ceilings import ceiling_rows, low_mode_notes
from w2slab.analysis.diagnostics import diagnostics_rows
from w2slab.analysis.differences import correct, difference_rows
from w2slab.analysis.judge import ROLES, Judge, Row, cells_of
from w2slab.analysis.outcomes import Judgement, Reading
from w2slab.analysis.over_tasks import OnTask, on_task, over_tasks_rows
from w2slab.analysis.slices import slice_rows
from w2slab.analysis.sources import label_sources, source_notes
from w2slab.analysis.student_rows import student_rows, summary_rows
from w2slab.analysis.table import render, write_csv
from w2slab.stats.resampling import DEFAULT_RESAMPLES

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from w2slab.jobs.comparison import Comparison

__all__ = ["ROLES", "Missing", "Results", "collect", "render", "write_csv"]


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


@dataclass(frozen=True, repr=False)
class Results:
    """What a study shows so far.

    Args:
        rows: A row per task, pair, method, control, seed and stopping point; intervals over test examples.
        summary: Seeds pooled: a row per task, pair, method, control and stopping point; `interval_covers` says in
            words what the intervals speak of.
        differences: Each method against the naive one on each pair, paired over seeds and examples; `p_adjusted` is
            corrected (Holm) over all of them, `verdict` is better, worse or no difference shown; or same student, where
            the two are the very same jobs, which nothing needs to be corrected for.
        over_tasks: The median over tasks of per-task PGRs, with how many were undefined.
        missing: Comparisons whose jobs are not all in the store.
        baseline: The method that others are held against: the plan's, or the first that was judged.
        told_truth: Methods whose students were told true labels of `student_train`: references, no students of weak
            labels.
        own_references: Methods held against a supervisor or a ceiling that is not the baseline's.
        label_sources: What the labels of a supervisor are that is no model, by its name: of a file, or corrupted.
        calibration: A row per model: how sure it is, how often right, and what its probabilities are worth.
        reliability: A row per model and bin of confidence, the examples of all seeds together.
        anatomy: What became of the supervisor's errors in each student, seeds pooled.
        diagnostics: What can be said of each student without true labels, beside what it truly gained, seeds pooled.
        slices: Accuracies and PGR on parts of the test set, by difficulty or by what else is known of examples.
        ceilings: The noise of seeds in each strong model's ceilings, and which of them seem to have failed to train.
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
    label_sources: Mapping[str, str] = field(default_factory=dict)
    calibration: list[Row] = field(default_factory=list)
    reliability: list[Row] = field(default_factory=list)
    anatomy: list[Row] = field(default_factory=list)
    diagnostics: list[Row] = field(default_factory=list)
    slices: list[Row] = field(default_factory=list)
    ceilings: list[Row] = field(default_factory=list)
    _judged: Sequence[Comparison] = field(default=(), compare=False, repr=False)
    _store: Reading | None = field(default=None, compare=False, repr=False)

    def __repr__(self) -> str:
        seeds = sorted({seed for row in self.summary for seed in row["seeds"]})
        return (
            f"Results({self.n_judged} comparisons judged, {len(self.missing)} missing; seeds {seeds}; tables: "
            f"results.frame(name), examples: results.predictions())"
        )

    @property
    def n_judged(self) -> int:
        """How many comparisons could be judged: each counts once, whatever its stopping points."""
        return sum(row["is_reported"] for row in self.rows)

    def notes(self) -> list[str]:
        """What must be known of methods and ceilings before numbers are held against each other."""
        notes = [
            f"{method} is told true labels of student_train: it is a reference, and no method that learns from weak "
            "labels alone."
            for method in self.told_truth
        ]
        notes += [
            f"{method} is held against a supervisor or a ceiling of its own, to which its PGR refers."
            for method in self.own_references
        ]
        return [*source_notes(self.label_sources), *notes, *low_mode_notes(self.ceilings)]

    def table(self) -> pa.Table:
        """The rows as an Arrow table."""
        import pyarrow as pa

        return pa.Table.from_pylist(self.rows)

    def frame(self, table: str = "summary") -> pd.DataFrame:
        """One of the tables as a pandas frame; a table in which nothing stands yet is an empty frame.

        `control` is missing for the methods' own students, and `method` for supervisors and ceilings that methods
        share: pandas groups by them only with `dropna=False`.

        Args:
            table: `rows`, `summary`, `differences`, `over_tasks`, `calibration`, `reliability`, `anatomy`,
                `diagnostics`, `slices` or `ceilings`.

        Raises:
            StudyError: There is no such table.
        """
        from w2slab.analysis.frames import TABLES, table_frame

        return table_frame({name: getattr(self, name) for name in TABLES}, table)

    def predictions(
        self,
        *,
        task: str | Sequence[str] | None = None,
        weak: str | Sequence[str] | None = None,
        strong: str | Sequence[str] | None = None,
        method: str | Sequence[str] | None = None,
        control: str | Sequence[str | None] | None = None,
        seed: int | Sequence[int] | None = None,
        probs: bool = False,
    ) -> pd.DataFrame:
        """Per-example predictions as a pandas frame: a row per student and test example, at the reported point.

        Columns: `task weak strong method control seed`; the example's `id`, `group`, and what else is short of it, such
        as its `difficulty`; `label`, its right candidate (the first, where several count as right), and `n_candidates`;
        then `_choice`, `_confidence` and `_right` of `supervisor`, `student` and `ceiling`. Comparisons that are not
        done yet have no rows.

        Args:
            task: Only of this task, or of these tasks; `None` for all, here and below.
            weak: Only of this supervisor's rung, or of these.
            strong: Only of this student's rung, or of these.
            method: Only of this method, or of these.
            seed: Only of this seed, or of these.
            control: Only of this control, or of these. `None` leaves controls out, unlike above;
                `["shuffled", None]` is one control beside the methods' own students.
            probs: Whether `_probs` of each role, a list over the example's candidates, stand beside them.

        Raises:
            StudyError: The study has no such value, or these results were not loaded from a store.
            DataError: What is stored for two jobs does not fit together; the message names the file.
        """
        from w2slab.analysis.frames import predictions_frame
        from w2slab.errors import StudyError

        if self._store is None:
            raise StudyError("these results know no store to read predictions from; make them with load_results")
        planned = [*self._judged, *(each.comparison for each in self.missing)]
        wanted = {"task": task, "weak": weak, "strong": strong, "method": method, "control": control, "seed": seed}
        return predictions_frame(self._judged, planned, self._store, wanted, probs=probs)

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
    sources = label_sources(plan.comparisons)
    results = Results(
        [], [], [], [], missing, level, min_gap, resamples, baseline, told_truth, own, sources,
        _judged=present, _store=store,
    )  # fmt: skip
    found: list[OnTask] = []
    for task in dict.fromkeys(c.task for c in present):
        judgement = Judgement(task, store, n_resamples=resamples)
        cells = cells_of([(c, judgement.take_in(c)) for c in present if c.task == task])
        judge = Judge(judgement, level, min_gap)
        pooled = [judge.row(cell) for cell in cells]
        results.rows.extend(student_rows(judge, cells, pooled, store))
        rows = summary_rows(judge, cells, pooled, store)
        results.summary.extend(rows)
        results.differences.extend(difference_rows(judge, cells, baseline))
        results.calibration.extend(calibration_rows(judge, cells))
        results.reliability.extend(reliability_rows(judge, cells))
        anatomy = anatomy_rows(judge, cells)
        results.anatomy.extend(anatomy)
        results.diagnostics.extend(diagnostics_rows(judge, cells, anatomy, store))
        results.slices.extend(slice_rows(judge, cells))
        results.ceilings.extend(ceiling_rows(judge, cells))
        found += on_task(judge, cells, rows)
    correct(results.differences, level)
    results.over_tasks.extend(over_tasks_rows(found, level=level, min_gap=min_gap))
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
