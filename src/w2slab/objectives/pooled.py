"""Targets that pool the student's prediction with the weak label, as opinions of two experts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from w2slab.objectives.objective import Entries, Logits, Losses, Objective, Probs


def pooled_cross_entropy(logits: Logits, targets: Probs, own: float, weak: float) -> Losses:
    """Return CE(f; t), with t proportional to f^own w^weak and detached.

    A candidate with w = 0 has t = 0 exactly, padded ones among them.

    Args:
        logits: Of f.
        targets: The weak labels w.
        own: Exponent of the student's probabilities, at least 0.
        weak: Exponent of the weak label, above 0.
    """
    log_probs = logits.log_softmax(dim=-1)
    # Finite in place of log 0, so that a row without any label stays a number.
    log_weak = targets.log().clamp(min=-1e30)
    target = (own * log_probs.detach() + weak * log_weak).softmax(dim=-1)
    return (target * log_probs).sum(dim=-1).neg()


@dataclass(frozen=True)
class ProductOfExperts(Objective):
    """Learn the product of the student's prediction and the weak label (Burns et al. 2023, arXiv 2312.09390).

    CE(f; t), t_k proportional to sg(f_k)^b w_k^a, no gradient through t: the product confidence loss of appendix B; its
    exponents are those of the released code. Nothing passes between examples of a batch. With b = 1 the gradient is
    f - t, which is zero only where w is equal over all candidates that f allows: the loss has no end short of
    certainty, and how far it goes is decided by the length of training.

    Args:
        own: The exponent b; 0 with `weak` 1 is naive.
        weak: The exponent a.
    """

    own: Annotated[float, Field(ge=0)] = 1.0
    weak: Annotated[float, Field(gt=0)] = 1.0

    def __call__(self, logits: Logits, targets: Probs, progress: float, statistic: Entries | None) -> Losses:
        """Return the loss of each example."""
        return pooled_cross_entropy(logits, targets, self.own, self.weak)


@dataclass(frozen=True)
class GeometricMean(Objective):
    """Learn the geometric mean of the student's prediction and the weak label (Burns et al. 2023, arXiv 2312.09390).

    CE(f; t), t_k proportional to sqrt(sg(f_k) w_k), no gradient through t; appendix B. With another `own` it is the
    weighted mean sg(f_k)^own w_k^(1 - own). It rests where naive does, at f = w, and nears it more slowly.

    Args:
        own: Share of the student's prediction in the exponents; 0 is naive.
    """

    own: Annotated[float, Field(ge=0, lt=1)] = 0.5

    def __call__(self, logits: Logits, targets: Probs, progress: float, statistic: Entries | None) -> Losses:
        """Return the loss of each example."""
        return pooled_cross_entropy(logits, targets, self.own, 1.0 - self.own)
