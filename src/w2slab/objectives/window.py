"""Cross entropy on the examples on which the student is not yet confident."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from w2slab.objectives.loss_terms import cross_entropy
from w2slab.objectives.objective import Entries, Logits, Losses, Objective, Probs


@dataclass(frozen=True)
class Window(Objective):
    """Learn only the examples on which the student is not confident (EleutherAI 2024, "Experiments in weak-to-strong").

    CE(f; w) where max_k f_k < 1/2 + r, and 0 elsewhere; the mean goes over the whole batch. An example at the border is
    left out. The condition has no gradient.

    The source has two classes; the same border is used for more. Its second choice of r, the median of |w - 1/2| over
    the training set, is here a variant: the median of max_k w_k - 1/2 over the optimizer batch (the lower of the two
    middle ones in an even batch).

    Args:
        radius: r, in [0, 1/2], or `weak-median`. Above 1/2 it would be naive.
    """

    radius: Annotated[float, Field(ge=0, le=0.5)] | Literal["weak-median"] = 0.15

    def needs_statistic(self, shared_candidates: bool) -> bool:
        """Return true if the radius is estimated from the batch."""
        return self.radius == "weak-median"

    def statistic(self, logits: Logits, targets: Probs, shared_candidates: bool) -> Entries | None:
        """Return the border 1/2 + r, the same for each example."""
        if self.radius != "weak-median":
            return None
        confidence = targets.amax(dim=-1)
        return confidence.median(dim=-1, keepdim=True).values.expand_as(confidence)

    def __call__(self, logits: Logits, targets: Probs, progress: float, statistic: Entries | None) -> Losses:
        """Return the loss of each example."""
        border = statistic if isinstance(self.radius, str) else 0.5 + self.radius
        unsure = logits.detach().softmax(dim=-1).amax(dim=-1) < border
        return cross_entropy(logits, targets) * unsure
