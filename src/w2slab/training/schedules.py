"""Learning rates as pure functions of the progress of training."""

from __future__ import annotations

import math
from typing import Literal


def rate_factor(progress: float, warmup_frac: float, decay: Literal["linear", "cosine", "none"]) -> float:
    """Share of the peak learning rate at a point of training.

    Rises along a line from 0 until `warmup_frac`; then falls to 0 along a line or half a cosine, or stays.

    Args:
        progress: Share of training that is done, in [0, 1].
        warmup_frac: Share of training in which the rate rises.
        decay: What it does afterwards.
    """
    if progress < warmup_frac:
        return progress / warmup_frac
    if decay == "none":
        return 1.0
    left = (1.0 - progress) / (1.0 - warmup_frac) if warmup_frac < 1.0 else 0.0
    return left if decay == "linear" else 0.5 - 0.5 * math.cos(math.pi * left)


def evenly(points: int, steps: int) -> list[int]:
    """The steps, counted from 1, after which something happens `points` times, evenly; the last step is one."""
    return sorted({-(-point * steps // points) for point in range(1, points + 1)}) if points else []
