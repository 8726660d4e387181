"""What became of the supervisor's errors in each student."""

from __future__ import annotations

from collections.abc import Sequence

from w2slab.analysis.judge import Cell, Judge, Row, columns
from w2slab.stats.anatomy import anatomy_of_shares


def anatomy_rows(judge: Judge, cells: Sequence[Cell]) -> list[Row]:
    """A row per student at the point that counts, seeds pooled; five shares that sum to one, and one of its own.

    `corrected_of_reachable` is, of the supervisor's errors that the ceiling gets right, the share that the student gets
    right too: shares, over all seeds, of one sum in another.
    """
    rows = []
    for cell in cells:
        if not cell.is_reported:
            continue
        right, student, both_right, agrees, agrees_right, reachable, reached = (
            judge.judgement.by_seed(cell.of(name))
            for name in ("supervisor", "student", "both-right", "agrees", "agrees-right", "reachable", "reached")
        )
        row = cell.ids | {"seeds": cell.seeds}
        # The parts are linear, so that metrics by seed combine as plain shares do.
        for name, share in anatomy_of_shares(right, student, both_right, agrees, agrees_right)._asdict().items():
            row |= columns(name, judge.estimate(share, cell.seeds))
        row |= columns("corrected_of_reachable", judge.share(reached, reachable, cell.seeds))
        rows.append(row | {"level": judge.level})
    return rows
