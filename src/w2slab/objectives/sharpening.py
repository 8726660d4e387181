"""Cross entropy with the labels and a term that rewards confident predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from w2slab.objectives.loss_terms import cross_entropy, entropy, own_count, padded, ramped
from w2slab.objectives.objective import Entries, Logits, Losses, Objective, Probs


@dataclass(frozen=True)
class EntropyMinimisation(Objective):
    """Penalise the entropy of the student's predictions as well (Grandvalet & Bengio 2004; Burns et al. 2023, app. B).

    CE(f; w) + c H(f), H(f) = -sum_k f_k log f_k, with gradient through both f of H, which is minimised. The formula
    printed in Burns et al. 2023, appendix B, has the other sign, under which minimising leads to f = 1/2; what is meant
    is this one. A version of this loss in circulation (EleutherAI/w2s) detaches one f, which leaves cross entropy with
    a smaller step.

    Weight and ramp are not stated anywhere: the weight c rises along a line as that of `auxiliary-confidence` does. At
    w = f = 1/2 of two candidates, c H takes the share c of the curvature of CE away.

    Args:
        weight: The weight c after the ramp; 0 is naive.
        ramp_frac: Share of training over which the weight rises; 0 begins with `weight`.
    """

    weight: Annotated[float, Field(ge=0)] = 0.5
    ramp_frac: Annotated[float, Field(ge=0, le=1)] = 0.2

    def __call__(self, logits: Logits, targets: Probs, progress: float, statistic: Entries | None) -> Losses:
        """Return the loss of each example."""
        weight = ramped(self.weight, progress, self.ramp_frac)
        return cross_entropy(logits, targets) + weight * entropy(logits)


@dataclass(frozen=True)
class L2Confidence(Objective):
    """Reward the squared distance of predictions from uniform (Burns et al. 2023, arXiv 2312.09390, appendix B).

    CE(f; w) - c (1/2) sum_k (f_k - 1/n)^2 over the n candidates of the example. For two it is the paper's auxiliary
    loss -(p - 1/2)^2, p = f_1; the form for more is ours. Gradient flows through f.

    Weight and ramp are not stated: the weight c rises along a line as that of `auxiliary-confidence` does. At w = f =
    1/2 of two candidates the term takes the share c/2 of the curvature of CE away.

    Args:
        weight: The weight c after the ramp; 0 is naive.
        ramp_frac: Share of training over which the weight rises; 0 begins with `weight`.
    """

    weight: Annotated[float, Field(ge=0)] = 1.0
    ramp_frac: Annotated[float, Field(ge=0, le=1)] = 0.2

    def __call__(self, logits: Logits, targets: Probs, progress: float, statistic: Entries | None) -> Losses:
        """Return the loss of each example."""
        weight = ramped(self.weight, progress, self.ramp_frac)
        # sum (f - 1/n)^2 = sum f^2 - 1/n, where padded candidates have no part.
        n = own_count(padded(logits)).squeeze(-1)
        confidence = 0.5 * (logits.softmax(dim=-1).square().sum(dim=-1) - 1.0 / n)
        return cross_entropy(logits, targets) - weight * confidence
