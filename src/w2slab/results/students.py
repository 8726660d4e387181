"""A row for every student: seed by seed, and seeds pooled."""

from __future__ import annotations

from collections.abc import Sequence

from w2slab.results.judge import Cell, Judge, Pgr, Row
from w2slab.results.reading import Reading
from w2slab.stats.resampling import covers


def student_rows(judge: Judge, cells: Sequence[Cell], store: Reading) -> list[Row]:
    """A row per student, stopping point and seed; intervals over test examples."""
    rows = []
    for cell in cells:
        size = _sizes(judge, cell, store)
        for comparison in cell.comparisons:
            row, _ = judge.row(cell.on({comparison.seed}))
            seconds = _number(store.record(comparison.student.key), "seconds")
            rows.append({**cell.identity, "seed": comparison.seed, **row, **size, "seconds": seconds})
    return rows


def summary_rows(judge: Judge, cells: Sequence[Cell], store: Reading) -> tuple[list[Row], list[Pgr]]:
    """A row per student and stopping point, and its PGR with the draws of it."""
    rows, pgrs = [], []
    for cell in cells:
        row, pgr = judge.row(cell)
        covered = {"interval_covers": covers(len(cell.seeds))}
        rows.append({**cell.identity, "seeds": cell.seeds, **row, **covered, **_sizes(judge, cell, store)})
        pgrs.append(pgr)
    return rows, pgrs


def _sizes(judge: Judge, cell: Cell, store: Reading) -> Row:
    first = cell.comparisons[0]
    weak, strong = (store.record(job.key).get("facts") or {} for job in (first.supervisor, first.ceiling))
    return {
        "n_test": len(judge.judgement.test),
        "n_groups": judge.n_units,
        "weak_parameters": _number(weak, "n_parameters"),
        "strong_parameters": _number(strong, "n_parameters"),
    }


def _number(record: Row, name: str) -> float | None:
    value = record.get(name)
    return value if isinstance(value, int | float) else None
