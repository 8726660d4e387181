"""Students in two studies: the values of each, and the differences, B minus A."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

import numpy as np

from w2slab.analysis.estimator import ROLES, Batch, Cell, Columns, Estimator, Row, columns, where
from w2slab.analysis.tables.differences_table import difference_columns, minus
from w2slab.stats.comparing import minimum_detectable_effect, p_value
from w2slab.stats.independent import difference_noise
from w2slab.stats.paired import Pairs, mcnemar
from w2slab.stats.resampling import Estimate, covers, interval, mean_estimate
from w2slab.stats.seeds import mean_draws

SAME_JOB = "same job"


def match_rows(estimator: Estimator, a: Sequence[Cell], b: Sequence[Cell]) -> list[Row]:
    """A row per student of both studies; p-values are not adjusted yet.

    Cells of the same seeds are paired seed by seed; others are independent samples of seeds. Where both studies have
    the same job there is nothing to compare: the difference is 0 with an interval of no width, its p-value NaN.
    """
    found = estimator.rows(_columns, a, b)
    return [_identity(*cells) | row | _same_jobs(*cells) for *cells, row in zip(a, b, found, strict=True)]


def _identity(a: Cell, b: Cell) -> Row:
    points = {f"stopping_point_{side}": cell.identity["stopping_point"] for side, cell in (("a", a), ("b", b))}
    return {**a.ids, **points, "seeds_a": a.seeds, "seeds_b": b.seeds}


def _columns(a: Batch, b: Batch) -> Columns:
    found: Columns = {}
    for side, batch in (("a", a), ("b", b)):
        for role, metric in zip(ROLES, batch.roles, strict=True):
            found |= columns(f"{role}_accuracy_{side}", batch.estimate(metric))
        found |= columns(f"pgr_{side}", batch.pgr.estimate) | {f"pgr_{side}_reason": batch.pgr.reasons}
    return found | (_paired(a, b) if a.seeds == b.seeds else _independent(a, b))


def _paired(a: Batch, b: Batch) -> Columns:
    """Differences seed by seed, as methods of one study are compared."""
    found: Columns = {}
    for role, of_a, of_b in zip(ROLES, a.roles, b.roles, strict=True):
        is_same = (a.rows[role] == b.rows[role]).all(axis=1)
        found |= columns(f"{role}_difference", where(~is_same, a.estimate(of_b - of_a, lowest=-1.0), 0.0))
    difference = difference_columns(b, a)
    names = ("pgr_difference", "pgr_difference_low", "pgr_difference_high", "level", "detectable_accuracy", "test", "p")
    found |= {name: difference[name] for name in names}
    found |= {"n_only_a": difference["n_only_baseline"], "n_only_b": difference["n_only_method"], "seeds_are": "paired"}
    return found | {"interval_covers": covers(len(a.seeds)) + (", paired" if len(a.seeds) > 1 else "")}


def _independent(a: Batch, b: Batch) -> Columns:
    """Differences over independent samples of seeds; examples are paired."""
    found: Columns = {}
    for role, of_a, of_b in zip(ROLES, a.roles, b.roles, strict=True):
        errors = difference_noise(of_a, of_b, n_units=a.n_units)
        draws_a, draws_b = (
            mean_draws(metric, batch.seed_draws, error, level=a.level, n_units=a.n_units)
            for metric, batch, error in zip((of_a, of_b), (a, b), errors, strict=True)
        )
        value, draws = of_b.value - of_a.value, draws_b - draws_a
        found |= columns(
            f"{role}_difference", mean_estimate(value, draws, level=a.level, n_units=a.n_units, lowest=-1.0)
        )
    found |= columns("pgr_difference", _pgr_difference(a, b)) | {"level": a.level} | _tested(a, b)
    return found | {"seeds_are": "independent", "interval_covers": _covers(len(a.seeds), len(b.seeds))}


def _pgr_difference(a: Batch, b: Batch) -> Estimate:
    errors = difference_noise(a.pgr.ratio.linear, b.pgr.ratio.linear, n_units=a.n_units)
    draws_a, draws_b = (
        batch.pgr.ratio.draws(batch.seed_draws, error) for batch, error in zip((a, b), errors, strict=True)
    )
    difference = b.pgr.ratio.value - a.pgr.ratio.value
    found = Estimate(difference, *interval(minus(draws_b, draws_a), a.level))
    return where(a.pgr.is_defined & b.pgr.is_defined, found)


def _tested(a: Batch, b: Batch) -> Columns:
    """The test of the students' difference, and its minimum detectable effect."""
    of_a, of_b = a.roles[1], b.roles[1]
    error, _ = difference_noise(of_a, of_b, n_units=a.n_units)
    pairs: list[Pairs] | None = None
    if len(a.seeds) == len(b.seeds) == 1:
        right = a.values("right")[:, 0], b.values("right")[:, 0]
        pairs = [Pairs.of(*each) for each in zip(*right, strict=True)]
    is_exact = pairs is not None and a.n_units == len(a.estimator.evidence.test)
    p = p_value(of_b.value - of_a.value, error.standard_error, degrees=error.degrees, n_units=a.n_units)
    if pairs is not None and is_exact:
        p = np.array([mcnemar(each) for each in pairs])
    return {
        "n_only_a": None if pairs is None else [each.first_only for each in pairs],
        "n_only_b": None if pairs is None else [each.second_only for each in pairs],
        "detectable_accuracy": minimum_detectable_effect(
            error.standard_error, degrees=error.degrees, level=a.level, n_units=a.n_units
        ),
        "test": "exact McNemar" if is_exact else "resampled examples" + (" and seeds" if pairs is None else ""),
        "p": p,
    }


def _covers(n_a: int, n_b: int) -> str:
    """The variation that an interval over two independent sets of seeds covers, in words."""
    if n_a == n_b == 1:
        return "test examples only: one seed on each side, not the same"
    if min(n_a, n_b) == 1:
        one, other, n = ("A", "B", n_b) if n_a == 1 else ("B", "A", n_a)
        return f"test examples and seeds: {one} has one seed, assumed to vary like the {n} of {other}"
    return f"test examples and seeds ({n_a} in A and {n_b} in B, independent)"


def _same_jobs(a: Cell, b: Cell) -> Row:
    """Flags of the roles in which both studies have the same jobs; a student that is the same job is not tested."""
    found: Row = {
        f"same_{role}": [getattr(c, role).key for c in a.comparisons] == [getattr(c, role).key for c in b.comparisons]
        for role in ROLES
    }
    return found | ({"test": "none", "p": nan, "detectable_accuracy": nan} if found["same_student"] else {})
