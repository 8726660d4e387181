"""Words below verdicts and rankings: minimum detectable effects, and rank correlations."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

from w2slab.analysis.estimator import Row
from w2slab.analysis.tables.diagnostics_table import Ranking
from w2slab.analysis.verdicts import NOT_SIGNIFICANT
from w2slab.report.words import count, decimal, percent


def minimum_effect(row: Row) -> str:
    """Below a verdict that is not significant: the minimum detectable effect; nothing below another verdict."""
    least = row["detectable_accuracy"]
    if row["verdict"] != NOT_SIGNIFICANT or least is None or isnan(least):
        return ""
    if least > 1:
        return "too few seeds or examples to detect any effect"
    return f"minimum detectable effect: {percent(least)} points"


def minimum_effects(rows: Sequence[Row]) -> str:
    """The range of minimum detectable effects over rows, in points of accuracy."""
    ends = [end(row["detectable_accuracy"] for row in rows) for end in (min, max)]
    least, most = ("over 100" if end > 1 else percent(end) for end in ends)
    return least if least == most else f"{least} to {most}"


_RANKED = {"misfit": "misfit and gain in Brier score", "kl_misfit": "KL misfit and gain in log loss"}


def ranked(ranking: Ranking) -> str:
    """Agreement of the ranking of students by predicted and by true gain, with the number of each."""
    what = _RANKED[ranking.predicted]
    held = f"the gain is at least the misfit in {ranking.n_held} of {ranking.n}"
    if ranking.n < 3:
        return f"Of {what}: {held}; too few students to rank."
    parts = [f"Spearman’s rank correlation of {what} is {decimal(ranking.overall, 2)} over {ranking.n} students"]
    if ranking.n_pairs:
        parts.append(f"among the methods of a pair {_median(ranking.by_method, ranking.n_pairs, 'pair')}")
    if ranking.n_students:
        among = _median(ranking.by_supervisor, ranking.n_students, "group")
        parts.append(f"among the supervisors of one model and method {among}")
    return f"{'; '.join(parts)}; {held}."


def _median(value: float, n: int, noun: str) -> str:
    return f"{decimal(value, 2)} ({'median of ' if n > 1 else ''}{count(n, noun)})"
