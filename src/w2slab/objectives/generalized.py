"""Generalized cross entropy, between cross entropy and the mean absolute error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from w2slab.objectives.objective import Entries, Logits, Losses, Objective, Probs


@dataclass(frozen=True)
class GeneralizedCrossEntropy(Objective):
    """Interpolate between cross entropy and absolute error, robust to label noise (Zhang & Sabuncu 2018: GCE).

    L_q(f, j) = (1 - f_j^q) / q for a class j (arXiv 1805.07836, section 3.2). A soft label counts as a mixture of
    classes: sum_k w_k (1 - f_k^q) / q. As q falls to 0 it becomes cross entropy; q = 1 is half the absolute error of a
    hard label. The truncated form is not offered.

    Args:
        q: In (0, 1]; the paper takes 0.7.
    """

    q: Annotated[float, Field(gt=0, le=1)] = 0.7

    def __call__(self, logits: Logits, targets: Probs, progress: float, statistic: Entries | None) -> Losses:
        """Return the loss of each example."""
        # expm1 keeps the digits of a small q; the power by way of the logarithm has a finite gradient at f = 0.
        return (targets * (self.q * logits.log_softmax(dim=-1)).expm1()).sum(dim=-1) / -self.q
