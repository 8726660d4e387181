"""Shares of examples, with exact and score intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import betaincinv, ndtri

from w2slab.stats.resampling import Estimate


def clopper_pearson(successes: int, n: int, level: float = 0.95) -> Estimate:
    """Return a share with its exact interval (Clopper & Pearson 1934): never covers less than `level`.

    The lower end is the share at which `successes` or more come up with probability (1 - level) / 2, the upper end
    the one at which as many or fewer do: quantiles of beta distributions. NaN throughout where n is 0.
    """
    if n == 0:
        return Estimate(float("nan"), float("nan"), float("nan"))
    tail = (1 - level) / 2
    low = 0.0 if successes == 0 else float(betaincinv(successes, n - successes + 1, tail))
    high = 1.0 if successes == n else float(betaincinv(successes + 1, n - successes, 1 - tail))
    return Estimate(successes / n, low, high)


def wilson(successes: Any, n: Any, level: float = 0.95) -> tuple[Any, Any]:
    """Return Wilson's score interval (1927) of a share: two numbers, or two arrays of them; NaN where n is 0.

    Args:
        successes: A number or an array.
        n: Number of trials, of the same shape. It need not be whole: where examples are counted several times over,
            their number without the repetitions goes in, and the share times that number.
        level: Coverage of the confidence interval.
    """
    successes, n = np.asarray(successes, dtype=float), np.asarray(n, dtype=float)
    n = np.where(n > 0, n, np.nan)
    z = float(ndtri((1 + level) / 2))
    share = successes / n
    middle = share + z * z / (2 * n)
    reach = z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low = np.maximum(0.0, (middle - reach) / (1 + z * z / n))
    high = np.minimum(1.0, (middle + reach) / (1 + z * z / n))
    return (low, high) if low.ndim else (float(low), float(high))


def share_of(part: Any, whole: Any) -> Any:
    """Divide a share by a larger one that contains it; NaN where the larger is 0.

    Args:
        part: Share of all examples, a number or one per resample.
        whole: The larger share, of the same shape.
    """
    part, whole = np.asarray(part, dtype=float), np.asarray(whole, dtype=float)
    # Shares of stretched resamples of seeds may leave [0, 1] by a little.
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 1e-12).clip(0.0, 1.0)
