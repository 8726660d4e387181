"""Learning rates as pure functions of the progress of training."""

from __future__ import annotations

import math
from dataclasses import dataclass
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


@dataclass(frozen=True, kw_only=True)
class WarmupStableDecay:
    """Warm-up, a constant rate, and a last stretch in which the rate falls to 0 along a line.

    The constant part does not depend on the length of the whole, so a training that was stopped in it may continue to
    another number of steps.

    Args:
        steps: Optimizer steps of the whole.
        lr: Peak learning rate.
        warmup_steps: Steps over which the rate rises.
        cooldown_frac: Share of the steps, at the end, over which the rate falls.
    """

    steps: int
    lr: float
    warmup_steps: int = 100
    cooldown_frac: float = 0.2

    @property
    def cooldown_start(self) -> int:
        """The first step of the cool-down."""
        return round((1 - self.cooldown_frac) * self.steps)

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        left = (self.steps - step) / max(1, self.steps - self.cooldown_start)
        return self.lr * min(1.0, (step + 1) / max(1, self.warmup_steps), left)


def evenly(points: int, steps: int) -> list[int]:
    """The steps, counted from 1, after which something happens `points` times, evenly; the last step is one."""
    return sorted({-(-point * steps // points) for point in range(1, points + 1)}) if points else []
