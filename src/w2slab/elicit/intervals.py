"""Small samples of true labels: exact intervals and tests for shares and for pairs of shares. NumPy only."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, comb, sqrt
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from w2slab.stats.resampling import Estimate

_HALVINGS = 60


class Pairs(NamedTuple):
    """Two verdicts on each example, counted.

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
    def of(cls, first: np.ndarray, second: np.ndarray) -> Pairs:
        """Count two bool arrays [N]."""
        counts = [(first & second), (first & ~second), (~first & second), (~first & ~second)]
        return cls(*(int(c.sum()) for c in counts))

    @property
    def n(self) -> int:
        """Examples."""
        return sum(self)


def clopper_pearson(successes: int, n: int, level: float = 0.95) -> Estimate:
    """A share with its exact interval (Clopper & Pearson 1934): never covers less than `level`.

    The lower end is the share at which `successes` or more come up with probability (1 - level) / 2, the upper end
    the one at which as many or fewer do. NaN throughout where n is 0.
    """
    if n == 0:
        return Estimate(float("nan"), float("nan"), float("nan"))
    tail = (1 - level) / 2
    low = 0.0 if successes == 0 else _root(lambda share: 1 - _at_most(successes - 1, n, share) < tail)
    high = 1.0 if successes == n else _root(lambda share: _at_most(successes, n, share) > tail)
    return Estimate(successes / n, low, high)


def _root(is_below: Callable[[float], bool]) -> float:
    """Where a condition that holds for small shares in [0, 1] ends."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if is_below(middle) else (low, middle)
    return (low + high) / 2


def _at_most(k: int, n: int, share: float) -> float:
    """P(X <= k) of a binomial X with 0 < share < 1."""
    counts = np.arange(n + 1)
    steps = np.log(np.arange(1, n + 1))
    log_factorial = np.concatenate([[0.0], np.cumsum(steps)])
    log_terms = log_factorial[n] - log_factorial[counts] - log_factorial[n - counts]
    log_terms = log_terms + counts * np.log(share) + (n - counts) * np.log1p(-share)
    return float(np.exp(log_terms[: k + 1]).sum())


def wilson(successes: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval (1927) of a share."""
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = successes / n
    middle = share + z * z / (2 * n)
    reach = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, (middle - reach) / (1 + z * z / n)), min(1.0, (middle + reach) / (1 + z * z / n))


def paired_difference(pairs: Pairs, level: float = 0.95) -> Estimate:
    """Share right of the first minus that of the second, with Newcombe's (1998) score interval for paired data.

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


def mcnemar(pairs: Pairs) -> float:
    """Exact two-sided p-value of McNemar's test: of the examples on which one alone is right, half should be each's."""
    n, fewer = pairs.first_only + pairs.second_only, min(pairs.first_only, pairs.second_only)
    return min(1.0, 2 * sum(comb(n, k) for k in range(fewer + 1)) / 2**n)


def labels_needed(pairs: Pairs, level: float = 0.95, power: float = 0.8) -> int | None:
    """True labels with which McNemar's test would find a difference as large as the one observed.

    n = (z_a sqrt(q) + z_b sqrt(q - d^2))^2 / d^2, where q is the share of examples on which one alone is right and d
    the difference (Connor 1987). `None` where there is no difference to be found.

    Args:
        pairs: What was observed.
        level: One minus the two-sided level of the test.
        power: The chance to find it.
    """
    if pairs.n == 0 or pairs.first_only == pairs.second_only:
        return None
    discordant = (pairs.first_only + pairs.second_only) / pairs.n
    difference = (pairs.first_only - pairs.second_only) / pairs.n
    z_level, z_power = NormalDist().inv_cdf((1 + level) / 2), NormalDist().inv_cdf(power)
    return ceil(((z_level * sqrt(discordant) + z_power * sqrt(discordant - difference**2)) / difference) ** 2)


def smallest_shown(discordant: float, n: int, level: float = 0.95, power: float = 0.8) -> float:
    """The smallest difference that n true labels would show with this power, to first order.

    Args:
        discordant: Share of examples on which one alone is right, above 0.
        n: True labels.
        level: One minus the two-sided level of the test.
        power: The chance to find it.
    """
    z = NormalDist().inv_cdf((1 + level) / 2) + NormalDist().inv_cdf(power)
    return min(discordant, z * sqrt(discordant / n))
