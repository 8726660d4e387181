"""Results of a study: every comparison that is done, judged, as tables and as predictions behind them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from w2slab.analysis.estimator import Estimator, Row, cells_of
from w2slab.analysis.evidence import read_evidence
from w2slab.analysis.outcomes import Reading
from w2slab.analysis.sources import label_sources, source_notes
from w2slab.analysis.table_files import write_csv
from w2slab.analysis.tables import all_tables
from w2slab.analysis.tables.ceilings_table import low_mode_notes
from w2slab.analysis.tabular import Study, TaskResults
from w2slab.stats.resampling import DEFAULT_RESAMPLES

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from w2slab.jobs.comparison import Comparison
    from w2slab.study.study import Study as StudyOfPlan


class Planned(Protocol):
    """The part of a plan that the analysis uses."""

    @property
    def study(self) -> StudyOfPlan:
        """The study."""
        ...

    @property
    def comparisons(self) -> Sequence[Comparison]:
        """Students beside their supervisors and ceilings."""
        ...

    @property
    def baseline(self) -> str:
        """The method that others are compared with."""
        ...


class Missing(NamedTuple):
    """A comparison that cannot be judged yet, and the titles of the jobs that are not in the store."""

    comparison: Comparison
    absent: list[str]


@dataclass(frozen=True, repr=False)
class Results:
    """Everything a study shows so far.

    Args:
        tables: Rows of every table by its name; `results["summary"]` is short for one of them.
        missing: Comparisons whose jobs are not all in the store.
        level: Coverage of the intervals.
        min_gap: The smallest gap between supervisor and ceiling, as a fraction, for which PGR is defined.
        n_resamples: How often test examples and seeds were drawn.
        baseline: The method that others are compared with: the plan's, or the first that was judged.
        uses_truth: Methods whose students learn ground truth of `student_train`: references, no students of weak
            labels.
        own_references: Methods compared with a supervisor or a ceiling that is not the baseline's.
        label_sources: A description of the labels of each supervisor that is no model, by its name.
    """

    tables: Mapping[str, list[Row]]
    missing: list[Missing]
    level: float
    min_gap: float
    n_resamples: int
    baseline: str
    uses_truth: tuple[str, ...] = ()
    own_references: tuple[str, ...] = ()
    label_sources: Mapping[str, str] = field(default_factory=dict)
    _judged: Sequence[Comparison] = field(default=(), compare=False, repr=False)
    _store: Reading | None = field(default=None, compare=False, repr=False)

    def __repr__(self) -> str:
        seeds = sorted({seed for row in self.summary for seed in row["seeds"]})
        return (
            f"Results({self.n_judged} comparisons judged, {len(self.missing)} missing; seeds {seeds}; tables: "
            f"results.frame(name), examples: results.predictions())"
        )

    def __getitem__(self, table: str) -> list[Row]:
        """Rows of a table."""
        return self.tables[table]

    def replaced(self, **rows: list[Row]) -> Results:
        """The same with other rows in some tables."""
        return replace(self, tables={**self.tables, **rows})

    @property
    def rows(self) -> list[Row]:
        """A row per task, pair, method, control, seed and stopping point; intervals over test examples."""
        return self.tables["rows"]

    @property
    def summary(self) -> list[Row]:
        """Seeds pooled: a row per task, pair, method, control and stopping point."""
        return self.tables["summary"]

    @property
    def differences(self) -> list[Row]:
        """Each method against the baseline on each pair, paired over seeds and examples."""
        return self.tables["differences"]

    @property
    def n_judged(self) -> int:
        """Number of comparisons that could be evaluated: each counts once, whatever its stopping points."""
        return sum(row["is_reported"] for row in self.rows)

    def notes(self) -> list[str]:
        """Sentences that a reader needs before numbers of methods and ceilings are compared."""
        notes = [
            f"{method} uses ground truth of student_train: it is a reference, and no method that learns from weak "
            "labels alone."
            for method in self.uses_truth
        ]
        notes += [
            f"{method} is compared with a supervisor or a ceiling of its own, to which its PGR refers."
            for method in self.own_references
        ]
        return [*source_notes(self.label_sources), *notes, *low_mode_notes(self["ceilings"])]

    def table(self) -> pa.Table:
        """The rows as an Arrow table."""
        import pyarrow as pa

        return pa.Table.from_pylist(self.rows)

    def frame(self, table: str = "summary") -> pd.DataFrame:
        """One of the tables as a pandas frame; a table without rows yet is an empty frame.

        `control` is missing for the methods' own students, and `method` for supervisors and ceilings that methods
        share: pandas groups by them only with `dropna=False`.

        Args:
            table: `rows`, `summary`, `differences`, `over_tasks`, `calibration`, `reliability`, `anatomy`,
                `diagnostics`, `slices`, `ceilings`, or any other in `results.tables`.

        Raises:
            StudyError: There is no such table.
        """
        from w2slab.analysis.frames import table_frame

        return table_frame(self.tables, table)

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

        Columns: `task weak strong method control seed`; the example's `id`, `group`, and its other short columns, such
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
            DataError: Stored results of two jobs do not fit together; the message names the file.
        """
        from w2slab.analysis.frames import predictions_frame
        from w2slab.errors import StudyError

        if self._store is None:
            raise StudyError("these results know no store to read predictions from; make them with load_results")
        planned = [*self._judged, *(each.comparison for each in self.missing)]
        wanted = {"task": task, "weak": weak, "strong": strong, "method": method, "control": control, "seed": seed}
        return predictions_frame(self._judged, planned, self._store, wanted, probs=probs)

    def to_csv(self, path: Path | str) -> Path:
        """Write the rows as CSV; undefined numbers are empty, their reason beside them."""
        return write_csv(self.rows, Path(path))

    def reported(self, *, control: bool = False) -> list[Row]:
        """Summary rows at the stopping point that counts, of the methods or of the controls."""
        return [r for r in self.summary if r["is_reported"] and (r["control"] is not None) == control]


def collect(
    plan: Planned, store: Reading, *, resamples: int = DEFAULT_RESAMPLES, level: float = 0.95, min_gap: float = 0.01
) -> Results:
    """Judge every comparison of a plan whose jobs are in the store.

    Args:
        plan: The study's plan.
        store: Where the jobs' results are.
        resamples: How often test examples and seeds are drawn.
        level: Coverage of the intervals.
        min_gap: The smallest gap between supervisor and ceiling, as a fraction, for which PGR is defined.

    Raises:
        DataError: Stored results of two jobs do not fit together; the message names the file.
    """
    present, missing = _present(plan.comparisons, store)
    judged = [c.method for c in present if c.control is None]
    baseline = plan.baseline if plan.baseline in judged or not judged else judged[0]
    uses_truth = tuple(dict.fromkeys(c.method for c in plan.comparisons if c.uses_truth))
    tasks = list(dict.fromkeys(c.task for c in present))
    study = Study(len(tasks), baseline, level, min_gap, uses_truth)
    every = all_tables()
    found: dict[str, list[Any]] = {name: [] for name in every}
    for task in tasks:
        own = [c for c in present if c.task == task]
        evidence = read_evidence(task, store, own, n_resamples=resamples)
        results = TaskResults(study, Estimator(evidence, level, min_gap), cells_of(evidence, own), store)
        for name, table in every.items():
            found[name] += table.of_task(results)
    return Results(
        {name: table.finish(found[name], study) for name, table in every.items()},
        missing, level, min_gap, resamples, baseline, uses_truth,
        _own_references(plan.comparisons, baseline), label_sources(plan.comparisons, plan.study.supervision),
        _judged=present, _store=store,
    )  # fmt: skip


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
