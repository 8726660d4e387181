"""Cross entropy with the labels, as they are or smoothed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from w2slab.objectives.loss_terms import cross_entropy, padded, smoothed
from w2slab.objectives.objective import Entries, Logits, Losses, Objective, Probs


@dataclass(frozen=True)
class CrossEntropy(Objective):
    """Cross entropy with the labels as they are: naive finetuning (Burns et al. 2023, arXiv 2312.09390).

    CE(f; w) = -sum_k w_k log f_k, section 4.1. Hard labels are one-hot rows.
    """

    def __call__(self, logits: Logits, targets: Probs, progress: float, statistic: Entries | None) -> Losses:
        """Return the loss of each example."""
        return cross_entropy(logits, targets)


@dataclass(frozen=True)
class LabelSmoothing(Objective):
    """Cross entropy with labels mixed with equal shares for all candidates (Szegedy et al. 2016, arXiv 1512.00567).

    CE(f; (1 - epsilon) w + epsilon u), u_k = 1/n over the n candidates of the example; section 7. There w is the
    ground truth, here it is the weak label, soft or hard.

    Args:
        epsilon: Share of mass that is spread out; 0 is naive.
    """

    epsilon: Annotated[float, Field(ge=0, lt=1)] = 0.1

    def __call__(self, logits: Logits, targets: Probs, progress: float, statistic: Entries | None) -> Losses:
        """Return the loss of each example."""
        return cross_entropy(logits, smoothed(targets, padded(logits), self.epsilon))
