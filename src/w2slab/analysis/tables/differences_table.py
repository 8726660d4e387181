"""Differences: each method minus the baseline, seed by seed and example by example."""

from __future__ import annotations

from math import nan

import numpy as np

from w2slab.analysis.estimator import ROLES, Batch, Cell, Columns, Row, columns, where
from w2slab.analysis.tabular import IDENTITY_COLUMNS, LEVEL, SEEDS, Column, Study, Table, TaskResults
from w2slab.analysis.verdicts import correct, smallest_detectable
from w2slab.stats.comparing import p_value
from w2slab.stats.paired import Pairs, mcnemar
from w2slab.stats.ratio import Ratio
from w2slab.stats.resampling import Estimate, covers, interval
from w2slab.stats.seeds import BySeed, noise


def _rows(results: TaskResults) -> list[Row]:
    """A row per method and pair, over the seeds that both have; p-values are not corrected yet."""
    against = results.study.baseline
    methods: dict[tuple[str, str], dict[str, Cell]] = {}
    for cell in results.reported:
        if cell.identity["control"] is None:
            pair = cell.identity["weak"], cell.identity["strong"]
            methods.setdefault(pair, {})[cell.identity["method"]] = cell
    own, base = [], []
    for of_pair in methods.values():
        if against not in of_pair:
            continue
        for method, cell in of_pair.items():
            shared = set(cell.seeds) & set(of_pair[against].seeds)
            if method != against and shared:
                own.append(cell.on(shared))
                base.append(of_pair[against].on(shared))
    names = ("task", "weak", "strong", "method")
    found = results.estimator.rows(difference_columns, own, base)
    return [
        {**{name: cell.identity[name] for name in names}, "against": against, **row}
        for cell, row in zip(own, found, strict=True)
    ]


def _corrected(rows: list[Row], study: Study) -> list[Row]:
    correct(rows, study.level)
    return rows


def difference_columns(own: Batch, base: Batch) -> Columns:
    """Students minus others on the same seeds and examples.

    One seed each and examples without groups are two classifiers on the same examples, and McNemar's test is exact;
    otherwise the difference is tested against its error from examples and seeds.
    """
    n_seeds, n_units = len(own.seeds), own.n_units
    is_same = _are_same(own, base, "student")
    difference = own.roles[1] - base.roles[1]
    right, base_right = (batch.values("right").reshape(len(batch), -1) for batch in (own, base))
    pairs = [Pairs.of(*each) for each in zip(right, base_right, strict=True)]
    is_exact = n_seeds == 1 and n_units == len(own.estimator.evidence.test)
    error = noise(difference, n_units=n_units)
    p = (
        np.array([mcnemar(each) for each in pairs])
        if is_exact
        else p_value(difference.value, error.standard_error, degrees=error.degrees, n_units=n_units)
    )
    pgr, reasons = _pgr_difference(own, base, difference)
    return {
        "seeds": own.seeds,
        **columns("accuracy_difference", where(~is_same, own.estimate(difference, lowest=-1.0), 0.0)),
        **columns("pgr_difference", pgr),
        "pgr_reason": reasons,
        "level": own.level,
        "n_only_method": [each.first_only for each in pairs],
        "n_only_baseline": [each.second_only for each in pairs],
        "detectable_accuracy": np.where(is_same, nan, smallest_detectable(own, difference)),
        "test": ["none" if same else _test(is_exact, n_seeds) for same in is_same],
        "p": p,
        "interval_covers": covers(n_seeds),
    }


def _are_same(own: Batch, base: Batch, role: str) -> np.ndarray:
    """Mask of the cells with the very same models in a role, bool [C]."""
    same: np.ndarray = (own.rows[role] == base.rows[role]).all(axis=1)
    return same


def _test(is_exact: bool, n_seeds: int) -> str:
    if is_exact:
        return "exact McNemar"
    return "resampled examples" + (" and seeds" if n_seeds > 1 else "")


def _pgr_difference(own: Batch, base: Batch, difference: BySeed) -> tuple[Estimate, list[str | None]]:
    pgr, base_pgr = own.pgr, base.pgr
    reasons = [one or other for one, other in zip(pgr.reasons, base_pgr.reasons, strict=True)]
    same_ends = _are_same(own, base, "supervisor") & _are_same(own, base, "ceiling")
    ratio = Ratio(difference, pgr.ratio.denominator, own.n_units, own.level)
    found = ratio.estimate(ratio.draws(own.seed_draws))
    if not same_ends.all():
        error = noise(pgr.ratio.linear - base_pgr.ratio.linear, n_units=own.n_units)
        draws = minus(*(of.ratio.draws(own.seed_draws, error) for of in (pgr, base_pgr)))
        apart = Estimate(pgr.ratio.value - base_pgr.ratio.value, *interval(draws, own.level))
        found = Estimate(*(np.where(same_ends, *ends) for ends in zip(found, apart, strict=True)))
    is_same = np.all([_are_same(own, base, role) for role in ROLES], axis=0)
    is_defined = np.array([reason is None for reason in reasons])
    return where(is_defined, where(~is_same, found, 0.0)), reasons


def minus(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Differences of resampled ratios; two that are beyond any number on one side do not differ."""
    difference = np.zeros_like(a)
    return np.subtract(a, b, out=difference, where=np.isfinite(a) | np.isfinite(b) | (a != b))


TABLES = (
    Table(
        "differences", 30, _rows,
        (
            *IDENTITY_COLUMNS[:4],
            Column("against", "text", "", "The method that is subtracted."),
            SEEDS,
            Column("accuracy_difference", "points", "Accuracy", "", has_interval=True),
            Column("pgr_difference", "points", "PGR", "", has_interval=True),
            Column("pgr_reason", "text", "", "The reason why the difference in PGR is undefined."),
            LEVEL,
            Column("n_only_method", "number", "", "Examples on which the method alone is right, all seeds together."),
            Column("n_only_baseline", "number", "", "Examples on which the baseline alone is right."),
            Column("detectable_accuracy", "points", "", "Minimum detectable effect on accuracy, at 80% power."),
            Column("test", "text", "", "The test, or `none` of the same student twice."),
            Column("p", "number", "", "Its two-sided p-value."),
            Column("interval_covers", "text", "", "Sources of error that intervals cover."),
            Column("p_adjusted", "number", "", "The p-value adjusted by Holm's method over all rows."),
            Column("verdict", "text", "Verdict", "Significantly better or worse, or not significant (Holm-adjusted)."),
        ),
        finish=_corrected,
    ),
)  # fmt: skip
