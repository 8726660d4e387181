"""Repeated ceilings: variation over seeds alone, and detection of runs that failed to train."""

from __future__ import annotations

from math import nan, sqrt
from typing import NamedTuple

import numpy as np
from scipy.special import chdtri, ndtri, stdtrit

from w2slab.shapes import Array, Float

LEAST_DROP = 0.055
FALSE_ALARMS = 0.05
USUAL_SD, USUAL_DEGREES = 0.01, 4
TEST_NOISE = 3.0


class NoiseFloor(NamedTuple):
    """Variation of an accuracy over seeds; NaN throughout for fewer than two seeds.

    Args:
        sd: Standard deviation over seeds, with n - 1.
        sd_low: Lower end of its confidence interval.
        sd_high: Upper end.
        difference: Two single runs that differ in nothing but their seed lie less than this apart `level` of the time.
    """

    sd: float
    sd_low: float
    sd_high: float
    difference: float


def noise_floor(accuracies: Float[Array, " S"], level: float = 0.95) -> NoiseFloor:
    """Estimate the noise floor of an accuracy from runs that differ in their seed alone.

    The interval of the standard deviation is that of the chi-square distribution, sd sqrt((S - 1) / q) with its
    quantiles q at (1 + level) / 2 and (1 - level) / 2. Were the standard deviation known, two runs would differ by less
    than z sqrt(2) sd; as S seeds estimate it, Student's quantile with S - 1 degrees stands in place of z, which is
    exact for normal noise and is much larger for few seeds: 12.7 with two, 4.3 with three, 2.2 with eleven.

    Args:
        accuracies: Of each seed.
        level: Coverage of the confidence interval, and of `difference`.
    """
    degrees = len(accuracies) - 1
    if degrees < 1:
        return NoiseFloor(nan, nan, nan, nan)
    sd = float(np.std(accuracies, ddof=1))
    # chdtri is the inverse of the upper tail.
    low, high = (sd * sqrt(degrees / float(chdtri(degrees, tail))) for tail in ((1 - level) / 2, (1 + level) / 2))
    return NoiseFloor(sd, low, high, float(stdtrit(degrees, (1 + level) / 2)) * sqrt(2) * sd)


def low_modes(
    accuracies: Float[Array, " S"], standard_errors: Float[Array, " S"], guessing: float, level: float = 0.95
) -> list[str | None]:
    """Return for each run the reason why it seems to have failed to train, in words; `None` for the others.

    Two rules, of which either is enough:

    1. It is not significantly above guessing, which reaches the lower end of its confidence interval; a run that is
       right on all examples has not failed, however few they are.
    2. It is one of at most half of the runs that lie far below all others. The k lowest are such runs if each lies
       below the mean of the m = S - k others by all of:

       - `LEAST_DROP`, 5.5 points: less is what seeds do;
       - what a run like the others would do in 1 of 20 studies: t s sqrt(1 + 1 / m), with Student's quantile t at
         1 - 0.05 / S. Few runs say little of their spread, so that s^2 is the variance of the others pooled with the
         usual 1.0 points at the weight of 4 degrees of freedom;
       - 3 standard errors of a difference on the test examples.

       The largest such k counts. Where k is half of S, as with one of two runs, nobody can tell which half is the usual
       one; the lower half is flagged, and the reason says so.

    A flag is a reason to look, never one to drop a run: seeds that train badly are part of what seeds do.

    Args:
        accuracies: Test accuracy of each run.
        standard_errors: Their standard errors over test examples.
        guessing: Accuracy of chance.
        level: Coverage of the confidence interval that is compared with it.
    """
    if np.isnan(accuracies).any():
        return [None] * len(accuracies)
    order = np.argsort(accuracies, kind="stable")
    n_low = _n_low(accuracies[order], standard_errors[order])
    reasons: list[str | None] = [None] * len(accuracies)
    for rank, seed in enumerate(order):
        low = accuracies[seed] - float(ndtri((1 + level) / 2)) * standard_errors[seed]
        if low <= guessing and accuracies[seed] < 1:
            reasons[seed] = (
                f"its {100 * accuracies[seed]:.1f}% are not significantly above guessing, {100 * guessing:.1f}%"
            )
        elif rank < n_low:
            reasons[seed] = _reason(float(accuracies[seed]), accuracies[order[n_low:]], n_low)
    return reasons


def _n_low(accuracies: Float[Array, " S"], standard_errors: Float[Array, " S"]) -> int:
    """Count the lowest runs, of a rising row, that lie far below the others."""
    n_runs = len(accuracies)
    for n_low in range(n_runs // 2, 0, -1):
        others = accuracies[n_low:]
        m, mean = len(others), others.mean()
        pooled = USUAL_DEGREES * USUAL_SD**2 + ((others - mean) ** 2).sum()
        degrees = USUAL_DEGREES + m - 1
        usual = float(stdtrit(degrees, 1 - FALSE_ALARMS / n_runs)) * sqrt(pooled / degrees * (1 + 1 / m))
        by_examples = TEST_NOISE * np.sqrt(standard_errors[:n_low] ** 2 + (standard_errors[n_low:] ** 2).mean())
        if (mean - accuracies[:n_low] >= np.maximum(max(LEAST_DROP, usual), by_examples)).all():
            return n_low
    return 0


def _reason(accuracy: float, others: Float[Array, " M"], n_low: int) -> str:
    drop, mean = 100 * (others.mean() - accuracy), 100 * others.mean()
    if len(others) == 1:
        return f"{drop:.1f} points below the other seed, {mean:.1f}%; two seeds cannot tell which is the usual one"
    words = f"{drop:.1f} points below the mean of the {len(others)} seeds above it, {mean:.1f}%"
    if n_low == len(others):
        words += "; as many seeds are low as are not, so that nobody can tell which is the usual"
    return words
