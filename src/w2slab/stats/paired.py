"""Two models on the same examples: McNemar's test, the interval of their difference, and its sample size."""

from __future__ import annotations

from math import ceil, sqrt
from typing import NamedTuple

from scipy.special import bdtr, ndtri

from w2slab.shapes import Array, Bool
from w2slab.stats.resampling import Estimate
from w2slab.stats.shares import wilson


class Pairs(NamedTuple):
    """Counts of examples by which of two models are right.

    Args:
        both: Both right.
        first_only: Only the first right.
        second_only: Only the second right.
        neither: Both wrong.
    """

    both: int
    first_only: int
    second_only: int
    neither: int

    @classmethod
    def of(cls, first: Bool[Array, " N"], second: Bool[Array, " N"]) -> Pairs:
        """Count examples, from masks of those that each model gets right."""
        counts = [(first & second), (first & ~second), (~first & second), (~first & ~second)]
        return cls(*(int(c.sum()) for c in counts))

    @property
    def n(self) -> int:
        """Examples."""
        return sum(self)


def mcnemar(pairs: Pairs) -> float:
    """Return the exact two-sided p-value of McNemar's test: of discordant examples, half should be each model's.

    It is the binomial test of that half, and 1 where there is no such example. Examples count as independent.
    """
    discordant, fewer = pairs.first_only + pairs.second_only, min(pairs.first_only, pairs.second_only)
    return min(1.0, 2 * float(bdtr(fewer, discordant, 0.5)))


def paired_difference(pairs: Pairs, level: float = 0.95) -> Estimate:
    """Return the first accuracy minus the second, with Newcombe's (1998) score interval for paired data.

    With Wilson's limits (l1, u1) and (l2, u2) of the two shares p1 and p2, and phi the correlation of the verdicts, the
    lower end is d - sqrt((p1 - l1)^2 - 2 phi (p1 - l1)(u2 - p2) + (u2 - p2)^2), and the upper end its mirror image: his
    method 10, whose phi takes n / 2 from a numerator that is positive, but not beyond 0.
    """
    n = pairs.n
    if n == 0:
        return Estimate(float("nan"), float("nan"), float("nan"))
    a, b, c, d = pairs
    first, second = (a + b) / n, (a + c) / n
    (low_1, high_1), (low_2, high_2) = wilson(a + b, n, level), wilson(a + c, n, level)
    product: float = a * d - b * c
    if product > 0:
        product = max(product - n / 2, 0)
    margins = (a + b) * (c + d) * (a + c) * (b + d)
    phi = product / sqrt(margins) if margins else 0.0
    down_1, up_1, down_2, up_2 = first - low_1, high_1 - first, second - low_2, high_2 - second
    reach_down = sqrt(max(0.0, down_1**2 - 2 * phi * down_1 * up_2 + up_2**2))
    reach_up = sqrt(max(0.0, down_2**2 - 2 * phi * down_2 * up_1 + up_1**2))
    difference = first - second
    return Estimate(difference, max(-1.0, difference - reach_down), min(1.0, difference + reach_up))


def labels_needed(pairs: Pairs, level: float = 0.95, power: float = 0.8) -> int | None:
    """Return the ground-truth labels with which McNemar's test would find a difference as large as the observed one.

    n = (z_a sqrt(q) + z_b sqrt(q - d^2))^2 / d^2, where q is the share of examples on which one alone is right and d
    the difference (Connor 1987). `None` where there is no difference to be found.

    Args:
        pairs: What was observed.
        level: One minus the two-sided level of the test.
        power: Probability of finding it.
    """
    if pairs.n == 0 or pairs.first_only == pairs.second_only:
        return None
    discordant = (pairs.first_only + pairs.second_only) / pairs.n
    difference = (pairs.first_only - pairs.second_only) / pairs.n
    z_level, z_power = float(ndtri((1 + level) / 2)), float(ndtri(power))
    return ceil(((z_level * sqrt(discordant) + z_power * sqrt(discordant - difference**2)) / difference) ** 2)


def minimum_detectable_difference(discordant: float, n: int, level: float = 0.95, power: float = 0.8) -> float:
    """Return the minimum detectable difference of n ground-truth labels, to first order.

    Args:
        discordant: Share of examples on which one alone is right, above 0.
        n: Ground-truth labels.
        level: One minus the two-sided level of the test.
        power: Probability of finding it.
    """
    z = float(ndtri((1 + level) / 2) + ndtri(power))
    return min(discordant, z * sqrt(discordant / n))
