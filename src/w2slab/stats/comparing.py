"""Whether two things differ: p-values, Holm's correction, verdicts, and what would have been found."""

from __future__ import annotations

from math import floor, inf, log2
from typing import Any

import numpy as np
from scipy.special import betaincinv, ndtri, stdtr, stdtrit

from w2slab.stats.seeds import plain

POWER = 0.8
_ROUNDING = 1e-12


def p_value(difference: Any, standard_error: Any, *, degrees: Any, n_units: int) -> Any:
    """Two-sided p-value of a mean difference against 0, by Student's distribution.

    Counting resamples beyond 0 could not go below 1 / resamples, too coarse once many comparisons are corrected for.
    Where all n independent units differ alike there is no standard error, and the sign test answers: 2 / 2^n.

    Args:
        difference: The observed difference, or an array of them; likewise below.
        standard_error: Its standard error.
        degrees: Of freedom of the standard error; infinite is normal.
        n_units: Independent test examples, or groups of them.
    """
    difference, standard_error = np.asarray(difference, dtype=float), np.asarray(standard_error, dtype=float)
    is_none = np.isnan(difference) | (difference == 0)
    is_exact = standard_error < _ROUNDING  # the deviation of equal numbers need not be 0
    t = -np.abs(difference) / np.where(is_none | is_exact, 1.0, standard_error)
    p = np.where(is_exact, min(1.0, 2.0 ** (1 - n_units)), 2 * stdtr(degrees, t))
    return plain(np.where(is_none, 1.0, p))


def holm(p_values: list[float]) -> list[float]:
    """Holm's correction for many comparisons (1979): adjusted p-values, in the order given."""
    adjusted = np.empty(len(p_values))
    worst = 0.0
    for rank, place in enumerate(np.argsort(p_values, kind="stable")):
        worst = max(worst, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = worst
    return adjusted.tolist()


def verdict(difference: float, adjusted_p: float, level: float = 0.95) -> str:
    """`better`, `worse` or `not significant`."""
    if adjusted_p + level >= 1:
        return "not significant"
    return "better" if difference > 0 else "worse"


def detectable(
    standard_error: Any, *, degrees: Any, level: float, power: float = POWER, n_units: int | None = None
) -> Any:
    """The smallest true difference that a test at `level` shows with this power: (t + z) standard errors.

    The normal quantile of the power stands in for that of the noncentral t, which it is near from 5 degrees on. Where
    no unit differs there is no standard error. The smallest difference is then that of the sign test: the share of
    units that must differ, all of them alike, for it to find enough of them; infinite where all would be too few.

    Args:
        standard_error: Of the difference, or an array of them.
        degrees: Of freedom of the standard error; infinite is normal.
        level: One minus the two-sided level of the test.
        power: The chance to find it.
        n_units: Independent test examples, or groups of them.
    """
    standard_error = np.asarray(standard_error, dtype=float)
    found = (stdtrit(degrees, (1 + level) / 2) + ndtri(power)) * standard_error
    if n_units is not None:
        fewest = floor(1 - log2(1 - level)) + 1  # the first with 2 / 2^n below one minus the level
        by_sign = float(betaincinv(fewest, n_units - fewest + 1, power)) if n_units >= fewest else inf
        found = np.where(standard_error < _ROUNDING, by_sign, found)
    return plain(found)
