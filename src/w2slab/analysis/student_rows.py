"""A row for every student: seed by seed, and seeds pooled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from w2slab.analysis.judge import Cell, Judge, Row
from w2slab.analysis.outcomes import Reading
from w2slab.stats.resampling import covers

if TYPE_CHECKING:
    from w2slab.graph.job import Job


def student_rows(judge: Judge, cells: Sequence[Cell], pooled: Sequence[Row], store: Reading) -> list[Row]:
    """A row per student, stopping point and seed; intervals over test examples.

    Args:
        judge: Of one task.
        cells: Its students.
        pooled: What `judge.row` says of each cell, seeds pooled.
        store: Where the jobs' records are.
    """
    rows = []
    for cell, of_all in zip(cells, pooled, strict=True):
        size = _sizes(judge, cell, store)
        for comparison in cell.comparisons:
            row = of_all if len(cell.seeds) == 1 else judge.row(cell.on({comparison.seed}))
            seconds = _number(store.record(comparison.student.key), "seconds")
            rows.append({**cell.identity, "seed": comparison.seed, **row, **size, "seconds": seconds})
    return rows


def summary_rows(judge: Judge, cells: Sequence[Cell], pooled: Sequence[Row], store: Reading) -> list[Row]:
    """A row per student and stopping point, of what `judge.row` says of each."""
    rows = []
    for cell, row in zip(cells, pooled, strict=True):
        covered = {"interval_covers": covers(len(cell.seeds))}
        rows.append({**cell.identity, "seeds": cell.seeds, **row, **covered, **_sizes(judge, cell, store)})
    return rows


def _sizes(judge: Judge, cell: Cell, store: Reading) -> Row:
    first = cell.comparisons[0]
    return {
        "n_test": len(judge.judgement.test),
        "n_groups": judge.n_units,
        "weak_parameters": _parameters(first.supervisor, store),
        "strong_parameters": _parameters(first.ceiling, store),
    }


def _parameters(job: Job, store: Reading) -> float | None:
    """How large a job's model is; that of a head is the one whose features it reads, and the head."""
    read = [job, job.inputs["features"]] if job.kind == "head" else [job]
    if not all(store.has(each.key) for each in read):  # features may go once heads are trained
        return None
    sizes = [_number(store.record(each.key).get("facts") or {}, "n_parameters") for each in read]
    return None if None in sizes else sum(size for size in sizes if size is not None)


def _number(record: Row, name: str) -> float | None:
    value = record.get(name)
    return value if isinstance(value, int | float) else None
