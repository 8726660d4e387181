"""Tests of differences: p-values, Holm's correction, verdicts, and minimum detectable effects."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, inf, log2, nan
from typing import Any, NamedTuple

import numpy as np
from scipy.special import betaincinv, ndtri, stdtr, stdtrit

from w2slab.stats.seeds import plain

POWER = 0.8
NOT_SIGNIFICANT = "not significant"
_ROUNDING = 1e-12


def p_value(difference: Any, standard_error: Any, *, degrees: Any, n_units: int) -> Any:
    """Return the two-sided p-value of a mean difference against 0, by Student's distribution.

    Counting resamples beyond 0 could not go below 1 / resamples, too coarse once many comparisons are corrected for.
    Where all n independent units differ alike there is no standard error, and the sign test answers: 2 / 2^n.

    Args:
        difference: The observed mean, or an array of them; likewise below.
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


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for multiple comparisons (Holm 1979), in the order given."""
    adjusted = np.empty(len(p_values))
    worst = 0.0
    for rank, place in enumerate(np.argsort(p_values, kind="stable")):
        worst = max(worst, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = worst
    return adjusted.tolist()


def verdict(difference: float, adjusted_p: float, level: float = 0.95) -> str:
    """Return `better`, `worse` or `not significant`."""
    if adjusted_p + level >= 1:
        return NOT_SIGNIFICANT
    return "better" if difference > 0 else "worse"


class Verdict(NamedTuple):
    """The outcome of one comparison of several.

    Args:
        p_adjusted: Holm-adjusted p-value; NaN where nothing was tested.
        verdict: In words.
    """

    p_adjusted: float
    verdict: str


def holm_verdicts(
    differences: Sequence[float],
    p_values: Sequence[float],
    level: float = 0.95,
    untested: Sequence[str | None] | None = None,
) -> list[Verdict]:
    """Return the verdicts of a family of comparisons, Holm-adjusted over those that are tests.

    Args:
        differences: Observed differences; above 0 is better.
        p_values: Of the differences, not adjusted.
        level: One minus the two-sided level of the tests.
        untested: The verdict of what is no test, such as a student compared with itself, and `None` for tests. What is
            no test is not corrected for. `None` in place of the list: all are tests.
    """
    words = [None] * len(p_values) if untested is None else untested
    adjusted = iter(holm([p for p, word in zip(p_values, words, strict=True) if word is None]))
    found = []
    for difference, word in zip(differences, words, strict=True):
        p = next(adjusted) if word is None else nan
        found.append(Verdict(p, verdict(difference, p, level) if word is None else word))
    return found


def minimum_detectable_effect(
    standard_error: Any, *, degrees: Any, level: float, power: float = POWER, n_units: int | None = None
) -> Any:
    """Return the smallest true difference that a test at `level` finds with this power: (t + z) standard errors.

    The normal quantile of the power stands in for that of the noncentral t, which it is near from 5 degrees on. Where
    no unit differs there is no standard error. The effect is then that of the sign test: the share of units that must
    differ, all of them alike, for it to find enough of them; infinite where all would be too few.

    Args:
        standard_error: Of the difference, or an array of them.
        degrees: Of freedom of the standard error; infinite is normal.
        level: One minus the two-sided level of the test.
        power: Probability of finding it.
        n_units: Independent test examples, or groups of them.
    """
    standard_error = np.asarray(standard_error, dtype=float)
    found = (stdtrit(degrees, (1 + level) / 2) + ndtri(power)) * standard_error
    if n_units is not None:
        fewest = floor(1 - log2(1 - level)) + 1  # the first with 2 / 2^n below one minus the level
        by_sign = float(betaincinv(fewest, n_units - fewest + 1, power)) if n_units >= fewest else inf
        found = np.where(standard_error < _ROUNDING, by_sign, found)
    return plain(found)
