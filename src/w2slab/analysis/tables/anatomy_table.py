"""Anatomy of errors: what became of the supervisor's errors in each student."""

from __future__ import annotations

from w2slab.analysis.estimator import Batch, Columns, Row, columns
from w2slab.analysis.tabular import IDENTITY_COLUMNS, LEVEL, SEEDS, Column, Table, TaskResults
from w2slab.stats.anatomy import anatomy_of_shares


def anatomy_columns(batch: Batch) -> Columns:
    """Five shares that sum to one, and one of its own.

    `corrected_of_reachable` is, of the supervisor's errors that the ceiling gets right, the share that the student gets
    right too: shares, over all seeds, of one sum in another.
    """
    right, student, _ = batch.roles
    others = (batch.metric(name) for name in ("both-right", "agrees", "agrees-right"))
    found: Columns = {}
    # The parts are linear, so that metrics by seed combine as plain shares do.
    for name, share in anatomy_of_shares(right, student, *others)._asdict().items():
        found |= columns(name, batch.estimate(share))
    found |= columns("corrected_of_reachable", batch.share(batch.metric("reached"), batch.metric("reachable")))
    return found | {"level": batch.level}


def anatomy_rows(results: TaskResults) -> list[Row]:
    """A row per student at the point that counts, seeds pooled."""
    found = results.estimator.rows(anatomy_columns, results.reported)
    return [cell.ids | {"seeds": cell.seeds} | row for cell, row in zip(results.reported, found, strict=True)]


TABLES = (
    Table(
        "anatomy", 70, lambda results: results.once(anatomy_rows),
        (
            *IDENTITY_COLUMNS,
            SEEDS,
            Column("kept", "share", "Kept", "Supervisor and student right.", has_interval=True),
            Column("corrected", "share", "Corrected", "Supervisor wrong, student right.", has_interval=True),
            Column("inherited", "share", "Inherited", "The student repeats the wrong choice.", has_interval=True),
            Column("changed", "share", "Changed", "Both wrong, differently.", has_interval=True),
            Column("new", "share", "New", "Supervisor right, student wrong.", has_interval=True),
            Column("corrected_of_reachable", "share", "Corrected of reachable",
                   "Of the errors that the ceiling gets right, the corrected ones.", has_interval=True),
            LEVEL,
        ),
    ),
)  # fmt: skip
