"""One student in two studies: what each has, and the difference, B minus A."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

from w2slab.analysis.differences import difference_row, minus
from w2slab.analysis.judge import ROLES, Cell, Judge, Row, columns
from w2slab.stats.comparing import holm_verdicts, minimum_detectable_effect, p_value
from w2slab.stats.independent import difference_noise
from w2slab.stats.paired import Pairs, mcnemar
from w2slab.stats.pgr import UNDEFINED
from w2slab.stats.resampling import Estimate, covers, mean_estimate, percentile_estimate
from w2slab.stats.seeds import mean_draws

SAME_JOB = "same job"
_NO_DIFFERENCE = Estimate(0.0, 0.0, 0.0)


def match_row(judge: Judge, a: Cell, b: Cell) -> Row:
    """One student in A and in B; its p-value is not corrected yet.

    Cells of the same seeds are paired seed by seed; others are independent samples of seeds. Where both studies have
    the very same job there is nothing to compare: the difference is 0 without an interval's width, its p-value NaN.
    """
    row: Row = {**a.ids, "stopping_point_a": a.identity["stopping_point"]}
    row |= {"stopping_point_b": b.identity["stopping_point"], "seeds_a": a.seeds, "seeds_b": b.seeds}
    for side, cell in (("a", a), ("b", b)):
        for role, metric in zip(ROLES, judge.roles(cell), strict=True):
            row |= columns(f"{role}_accuracy_{side}", judge.estimate(metric, cell.seeds))
        pgr = judge.pgr(cell)
        row |= columns(f"pgr_{side}", pgr.estimate) | {f"pgr_{side}_reason": pgr.reason}
    row |= _paired(judge, a, b) if a.seeds == b.seeds else _independent(judge, a, b)
    return row | _same_jobs(row, a, b)


def _paired(judge: Judge, a: Cell, b: Cell) -> Row:
    """Seed by seed, as methods of one study are held against each other."""
    found = difference_row(judge, b, a)
    row: Row = {}
    for role, of_a, of_b in zip(ROLES, judge.roles(a), judge.roles(b), strict=True):
        row |= columns(f"{role}_difference", judge.estimate(of_b - of_a, a.seeds, lowest=-1.0))
    names = ("pgr_difference", "pgr_difference_low", "pgr_difference_high", "level", "detectable_accuracy", "test", "p")
    row |= {name: found[name] for name in names}
    row |= {"n_only_a": found["n_only_baseline"], "n_only_b": found["n_only_method"], "seeds_are": "paired"}
    return row | {"interval_covers": covers(len(a.seeds)) + (", paired" if len(a.seeds) > 1 else "")}


def _independent(judge: Judge, a: Cell, b: Cell) -> Row:
    """Examples paired, seeds not."""
    row: Row = {}
    for role, of_a, of_b in zip(ROLES, judge.roles(a), judge.roles(b), strict=True):
        errors = difference_noise(of_a, of_b, n_units=judge.n_units)
        draws_a, draws_b = (
            mean_draws(metric, judge.judgement.seed_draws(seeds), error, level=judge.level, n_units=judge.n_units)
            for metric, seeds, error in zip((of_a, of_b), (a.seeds, b.seeds), errors, strict=True)
        )
        difference = mean_estimate(
            of_b.value - of_a.value, draws_b - draws_a, level=judge.level, n_units=judge.n_units, lowest=-1.0
        )
        row |= columns(f"{role}_difference", difference)
    row |= columns("pgr_difference", _pgr_difference(judge, a, b)) | {"level": judge.level} | _tested(judge, a, b)
    return row | {"seeds_are": "independent", "interval_covers": _covers(len(a.seeds), len(b.seeds))}


def _pgr_difference(judge: Judge, a: Cell, b: Cell) -> Estimate:
    of_a, of_b = judge.pgr(a), judge.pgr(b)
    if of_a.reason or of_b.reason:
        return UNDEFINED
    errors = difference_noise(of_a.ratio.linear, of_b.ratio.linear, n_units=judge.n_units)
    draws_a, draws_b = (
        pgr.ratio.draws(judge.judgement.seed_draws(cell.seeds), error)
        for pgr, cell, error in zip((of_a, of_b), (a, b), errors, strict=True)
    )
    return percentile_estimate(of_b.ratio.value - of_a.ratio.value, minus(draws_b, draws_a), judge.level)


def _tested(judge: Judge, a: Cell, b: Cell) -> Row:
    """The test of the students' difference, and what it would have found."""
    of_a, of_b = judge.roles(a)[1], judge.roles(b)[1]
    error, _ = difference_noise(of_a, of_b, n_units=judge.n_units)
    pairs = None
    if len(a.seeds) == len(b.seeds) == 1:
        pairs = Pairs.of(*(judge.judgement.values(cell.of("student"))[0] for cell in (a, b)))
    is_exact = pairs is not None and judge.n_units == len(judge.judgement.test)
    difference = of_b.value - of_a.value
    p = (
        mcnemar(pairs)
        if pairs is not None and is_exact
        else p_value(difference, error.standard_error, degrees=error.degrees, n_units=judge.n_units)
    )
    return {
        "n_only_a": None if pairs is None else pairs.first_only,
        "n_only_b": None if pairs is None else pairs.second_only,
        "detectable_accuracy": minimum_detectable_effect(
            error.standard_error, degrees=error.degrees, level=judge.level, n_units=judge.n_units
        ),
        "test": "exact McNemar" if is_exact else "resampled examples" + (" and seeds" if pairs is None else ""),
        "p": p,
    }


def _covers(n_a: int, n_b: int) -> str:
    """What an interval over two independent sets of seeds speaks of, in words."""
    if n_a == n_b == 1:
        return "test examples only: there is one seed on each side, not the same"
    if min(n_a, n_b) == 1:
        one, other, n = ("A", "B", n_b) if n_a == 1 else ("B", "A", n_a)
        return f"test examples and seeds: {one} has one seed, taken to vary as the {n} of {other} do"
    return f"test examples and seeds ({n_a} in A and {n_b} in B, independent)"


def _same_jobs(row: Row, a: Cell, b: Cell) -> Row:
    """Where both studies have the very same jobs, and what follows from it."""
    same = {
        role: [getattr(c, role).key for c in a.comparisons] == [getattr(c, role).key for c in b.comparisons]
        for role in ROLES
    }
    found: Row = {f"same_{role}": is_same for role, is_same in same.items()}
    for role, is_same in same.items():
        if is_same and a.of(role) == b.of(role):
            found |= columns(f"{role}_difference", _NO_DIFFERENCE)
    if all(a.of(role) == b.of(role) for role in ROLES) and row["pgr_a_reason"] is None:
        found |= columns("pgr_difference", _NO_DIFFERENCE)
    if same["student"]:
        found |= {"test": "none", "p": nan, "detectable_accuracy": nan}
    return found


def judged(rows: Sequence[Row]) -> list[Row]:
    """Rows with p-values corrected (Holm) over all matches that are not the same job, and with their verdicts."""
    if not rows:
        return []
    differences, p_values = ([row[name] for row in rows] for name in ("student_difference", "p"))
    untested = [SAME_JOB if row["same_student"] else None for row in rows]
    found = holm_verdicts(differences, p_values, rows[0]["level"], untested)
    return [{**row, **each._asdict()} for row, each in zip(rows, found, strict=True)]
