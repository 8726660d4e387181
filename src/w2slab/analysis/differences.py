"""Each method against the baseline, seed by seed and example by example."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

import numpy as np

from w2slab.analysis.judge import ROLES, Cell, Judge, Row, columns
from w2slab.stats.comparing import holm_verdicts, minimum_detectable_effect, p_value
from w2slab.stats.paired import Pairs, mcnemar
from w2slab.stats.pgr import UNDEFINED
from w2slab.stats.ratio import Ratio
from w2slab.stats.resampling import Estimate, covers, percentile_estimate
from w2slab.stats.seeds import BySeed, Noise, noise

_NONE = Estimate(0.0, 0.0, 0.0)  # of a student and itself


def difference_rows(judge: Judge, cells: Sequence[Cell], against: str) -> list[Row]:
    """A row per method and pair, over the seeds that both have; p-values are not corrected yet."""
    methods: dict[tuple[str, str], dict[str, Cell]] = {}
    for cell in cells:
        if cell.is_reported and cell.identity["control"] is None:
            pair = cell.identity["weak"], cell.identity["strong"]
            methods.setdefault(pair, {})[cell.identity["method"]] = cell
    rows = []
    for of_pair in methods.values():
        base = of_pair.get(against)
        for method, own in of_pair.items():
            shared = set(own.seeds) & set(base.seeds) if base is not None else set()
            if base is None or method == against or not shared:
                continue
            identity = {name: own.identity[name] for name in ("task", "weak", "strong", "method")}
            rows.append({**identity, "against": against, **difference_row(judge, own.on(shared), base.on(shared))})
    return rows


def correct(rows: Sequence[Row], level: float) -> None:
    """Add corrected p-values and verdicts; what is the same student twice is no comparison and is not corrected for."""
    differences, p_values = ([row[name] for row in rows] for name in ("accuracy_difference", "p"))
    untested = ["same student" if row["test"] == "none" else None for row in rows]
    for row, found in zip(rows, holm_verdicts(differences, p_values, level, untested), strict=True):
        row |= found._asdict()


def difference_row(judge: Judge, own: Cell, base: Cell) -> Row:
    """One method minus another on the same seeds and examples.

    One seed each and examples without groups are two classifiers on the same examples, and McNemar's test is exact;
    otherwise the difference is tested against its error from examples and seeds.
    """
    seeds, is_same = own.seeds, own.of("student") == base.of("student")
    roles, base_roles = judge.roles(own), judge.roles(base)
    difference = roles[1] - base_roles[1]
    error = noise(difference, n_units=judge.n_units)
    pairs = _pairs(judge, own, base)
    is_exact = len(seeds) == 1 and judge.n_units == len(judge.judgement.test)
    p = (
        mcnemar(pairs)
        if is_exact
        else p_value(difference.value, error.standard_error, degrees=error.degrees, n_units=judge.n_units)
    )
    pgr, reason = _pgr_difference(judge, own, base, difference)
    return {
        "seeds": seeds,
        **columns("accuracy_difference", _NONE if is_same else judge.estimate(difference, seeds, lowest=-1.0)),
        **columns("pgr_difference", pgr),
        "pgr_reason": reason,
        "level": judge.level,
        "n_only_method": pairs.first_only,
        "n_only_baseline": pairs.second_only,
        "detectable_accuracy": nan if is_same else _detectable(judge, error),
        "test": "none" if is_same else _test(is_exact, len(seeds)),
        "p": p,
        "interval_covers": covers(len(seeds)),
    }


def _detectable(judge: Judge, error: Noise) -> float:
    return minimum_detectable_effect(
        error.standard_error, degrees=error.degrees, level=judge.level, n_units=judge.n_units
    )


def _test(is_exact: bool, n_seeds: int) -> str:
    if is_exact:
        return "exact McNemar"
    return "resampled examples" + (" and seeds" if n_seeds > 1 else "")


def _pairs(judge: Judge, own: Cell, base: Cell) -> Pairs:
    """On how many examples one alone is right, all seeds together."""
    return Pairs.of(*(judge.judgement.values(cell.of("student")).ravel() for cell in (own, base)))


def _pgr_difference(judge: Judge, own: Cell, base: Cell, difference: BySeed) -> tuple[Estimate, str | None]:
    ends = ("supervisor", "ceiling")
    pgr, base_pgr = judge.pgr(own), judge.pgr(base)
    if reason := pgr.reason or base_pgr.reason:
        return UNDEFINED, reason
    if all(own.of(role) == base.of(role) for role in ROLES):
        return _NONE, None
    seed_draws = judge.judgement.seed_draws(own.seeds)
    if all(own.of(end) == base.of(end) for end in ends):
        ratio = Ratio(difference, pgr.ratio.denominator, judge.n_units, judge.level)
        return ratio.estimate(ratio.draws(seed_draws)), None
    error = noise(pgr.ratio.linear - base_pgr.ratio.linear, n_units=judge.n_units)
    draws = minus(*(of.ratio.draws(seed_draws, error) for of in (pgr, base_pgr)))
    return percentile_estimate(pgr.ratio.value - base_pgr.ratio.value, draws, judge.level), None


def minus(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Differences of resampled ratios; two that are beyond any number on one side do not differ."""
    difference = np.zeros_like(a)
    return np.subtract(a, b, out=difference, where=np.isfinite(a) | np.isfinite(b) | (a != b))
