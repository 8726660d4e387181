"""A penalty on the distance of the student's features from those before training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from w2slab.objectives.loss_terms import cross_entropy
from w2slab.objectives.objective import Entries, Logits, Losses, Objective, Probs
from w2slab.shapes import Float, Tensor


@dataclass(frozen=True)
class RepresentationAnchor(Objective):
    """Keep the features near those of the pretrained student, a variant of Anchor (Le et al. 2026, arXiv 2605.25629).

    CE(f; w) + lambda mean ||h - h_0||^2 / D, h the student's features of a row, h_0 those of the same network before
    training, D their number. Variant: the paper's constants could not be checked; the division by D is ours, so that
    lambda means the same for all widths. `__call__` is the naive loss; `penalty` is added by the training loop (see
    `Objective`). Where features are frozen, as with `tuning: head`, the penalty is 0 and this is naive.

    Args:
        weight: lambda; 0 is naive.
    """

    weight: Annotated[float, Field(ge=0)] = 1.0

    needs_features: ClassVar[bool] = True

    def penalty(self, features: Float[Tensor, "*S R D"], initial: Float[Tensor, "*S R D"]) -> Float[Tensor, "*S R"]:
        """Return the penalty lambda ||h - h_0||^2 / D of each row; gradient flows through `features` only.

        Args:
            features: h.
            initial: h_0.
        """
        return self.weight * (features - initial.detach()).square().mean(dim=-1)

    def __call__(self, logits: Logits, targets: Probs, progress: float, statistic: Entries | None) -> Losses:
        """Return the naive loss of each example."""
        return cross_entropy(logits, targets)
