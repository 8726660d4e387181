"""Two studies, or two versions of one, side by side: every student of both, and the difference, B minus A.

Rows are plain dicts with these columns; shares are fractions; `_low` and `_high` stand beside what has an interval:

    task weak strong method control                            the student
    stopping_point_a stopping_point_b                          its stopping point in each study
    seeds_a seeds_b seeds_are                                  compared, and `paired` or `independent`
    seeds_only_a seeds_only_b                                  done, but left out since the other has no such seed
    {supervisor,student,ceiling}_accuracy_{a,b}                in each, over those seeds and the examples of both
    pgr_{a,b} pgr_{a,b}_reason                                 NaN with the reason where undefined
    {supervisor,student,ceiling}_difference pgr_difference     B minus A
    same_{supervisor,student,ceiling}                          both studies have the same jobs
    n_only_a n_only_b                                          examples on which one student alone is right
    detectable_accuracy test p p_adjusted verdict              of the students' difference
    n_test n_groups n_test_a n_test_b                          test examples of both, their groups, and of each
    level interval_covers                                      coverage of the intervals
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2slab.analysis.estimator import Cell, Estimator, Row
from w2slab.apps.compare.match_rows import SAME_JOB, match_rows
from w2slab.apps.compare.matching import Identity, match
from w2slab.apps.compare.shared_evidence import shared_evidence
from w2slab.apps.compare.sides import Side, differences, open_side
from w2slab.stats.comparing import holm_verdicts
from w2slab.stats.resampling import DEFAULT_RESAMPLES

if TYPE_CHECKING:
    from w2slab.graph.store import Store
    from w2slab.study.study import Study


@dataclass(frozen=True)
class Compared:
    """Two studies side by side.

    Args:
        rows: A row per student that is done in both.
        only_a: Students that B does not have: task, weak, strong, method, control.
        only_b: Students that A does not have.
        waiting: Students of both studies that are not done in both yet.
        n_lacking: How many students of those in both are not done yet, each seed counted, in A and in B.
        changed: Fields in which the studies differ, with the value in A and in B.
    """

    a: Side
    b: Side
    rows: list[Row]
    only_a: list[Identity]
    only_b: list[Identity]
    waiting: list[Identity]
    n_lacking: tuple[int, int]
    level: float
    min_gap: float
    n_resamples: int
    changed: list[tuple[str, Any, Any]] = field(default_factory=list)

    @property
    def n_compared(self) -> int:
        """Over how many differences Holm's correction went: matches that are not the same job."""
        return sum(not row["same_student"] for row in self.rows)


def compare(
    a: Study | Path | str,
    b: Study | Path | str,
    *,
    settings_a: Sequence[str] = (),
    settings_b: Sequence[str] = (),
    store_a: Store | Path | str | None = None,
    store_b: Store | Path | str | None = None,
) -> Compared:
    """Compare every student of study B with the same student of study A; both must have been run.

    Args:
        a: The reference: a study, or the path of a study file.
        b: The study compared with it.
        settings_a: Overrides of values of A's file, such as `"recipe.epochs=3"`.
        settings_b: Overrides of values of B's file.
        store_a: Store of A's results; `None` is `.w2slab`, beside the file where there is one.
        store_b: Store of B's results.

    Raises:
        StudyError: A study is wrong, they have no student in common, or nothing is done that could be compared.
        DataError: Their test examples do not fit together: none in common, or ground truth that differs.
    """
    first, second = open_side("A", a, settings_a, store_a), open_side("B", b, settings_b, store_b)
    of_a = first.plan.study.statistics
    return compare_sides(first, second, resamples=of_a.resamples, level=of_a.level, min_gap=of_a.min_gap)


def compare_sides(
    a: Side, b: Side, *, resamples: int = DEFAULT_RESAMPLES, level: float = 0.95, min_gap: float = 0.01
) -> Compared:
    """Compare every student of B with the same student of A, each at the stopping point that counts.

    Test examples are paired by id, on those that both have. Seeds are paired by number, on those that both have: seeds
    of one number share their random draws wherever their jobs are alike. Where no seed is in both, seeds are
    independent samples.

    Args:
        a: The reference.
        b: The study compared with it.
        resamples: Number of resamples of test examples and seeds.
        level: Coverage of the confidence intervals.
        min_gap: The smallest gap between supervisor and ceiling, as a fraction, for which PGR is defined.

    Raises:
        StudyError: The studies have no student in common, or nothing is done that could be compared.
        DataError: Their test examples do not fit together: none in common, or ground truth that differs.
    """
    matching = match(a, b)
    rows: list[Row] = []
    for task in dict.fromkeys(each.identity[0] for each in matching.matches):
        own = [each for each in matching.matches if each.identity[0] == task]
        done = [c for each in own for c in each.a], [c for each in own for c in each.b]
        shared = shared_evidence(str(task), (a, b), done, n_resamples=resamples)
        estimator = Estimator(shared.evidence, level, min_gap)
        n_each = dict(zip(("n_test_a", "n_test_b"), shared.n_each, strict=True))
        sizes = {"n_test": len(shared.evidence.test), "n_groups": estimator.n_units, **n_each}
        of_a, of_b = ([cells[each.identity] for each in own] for cells in (shared.a, shared.b))
        cells = [_on_shared_seeds(*each) for each in zip(of_a, of_b, strict=True)]
        found = match_rows(estimator, [cell for cell, _ in cells], [cell for _, cell in cells])
        for row, whole_a, whole_b in zip(found, of_a, of_b, strict=True):
            left = {"seeds_only_a": _rest(whole_a, row["seeds_a"]), "seeds_only_b": _rest(whole_b, row["seeds_b"])}
            rows.append({**row, **left, **sizes})
    shifts, p_values = ([row[name] for row in rows] for name in ("student_difference", "p"))
    untested = [SAME_JOB if row["same_student"] else None for row in rows]
    for row, verdict in zip(rows, holm_verdicts(shifts, p_values, level, untested), strict=True):
        row |= verdict._asdict()
    return Compared(
        a=a,
        b=b,
        rows=rows,
        only_a=matching.only_a,
        only_b=matching.only_b,
        waiting=matching.waiting,
        n_lacking=matching.n_lacking,
        level=level,
        min_gap=min_gap,
        n_resamples=resamples,
        changed=differences(a, b),
    )


def _on_shared_seeds(a: Cell, b: Cell) -> tuple[Cell, Cell]:
    """A student of both studies on the seeds that both have; on all of each where there is none."""
    shared = set(a.seeds) & set(b.seeds)
    return (a.on(shared), b.on(shared)) if shared else (a, b)


def _rest(cell: Cell, kept: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(seed for seed in cell.seeds if seed not in kept)
