"""The student's own prediction as a second label, weighted for each example or on a fixed schedule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from w2slab.objectives.loss_terms import cross_entropy, hardened, mixed_cross_entropy, ramped
from w2slab.objectives.objective import Entries, Logits, Losses, Objective, Probs


@dataclass(frozen=True)
class AdaptiveConfidence(Objective):
    """Mix the labels with the student's choice by a weight for each example (AdaptConf: Guo et al. 2024).

    arXiv 2402.03749: (1 - b) CE(f; w) + b CE(f; y_f), where y_f and y_w are the likeliest candidates of student and
    weak label and b = exp(CE(f; y_f)/T) / (exp(CE(f; y_f)/T) + exp(CE(f; y_w)/T)), detached. As CE(f; y_f) <=
    CE(f; y_w), b is at most 1/2, and is 1/2 where both choose the same; it falls as the student finds the weak choice
    less likely. This is the paper's formula, which so gives the weak label the larger part where the two disagree most.

    Choices: the weak term is CE(f; w), which differs from the distillation term of the authors' code at temperature 1
    by a constant; the ground-truth term that their code adds is left out. Ties of either side go to the first
    candidate.

    Args:
        temperature: T; the authors take 0.5 on CIFAR and 4 on ImageNet.
    """

    temperature: Annotated[float, Field(gt=0)] = 0.5

    def __call__(self, logits: Logits, targets: Probs, progress: float, statistic: Entries | None) -> Losses:
        """Return the loss of each example."""
        log_probs = logits.log_softmax(dim=-1)
        own = log_probs.gather(-1, hardened(logits).unsqueeze(-1)).squeeze(-1).neg()
        weak = log_probs.gather(-1, hardened(targets).unsqueeze(-1)).squeeze(-1).neg()
        b = ((own - weak) / self.temperature).sigmoid().detach()
        return (1.0 - b) * cross_entropy(logits, targets) + b * own


@dataclass(frozen=True)
class AugConf(Objective):
    """Mix the labels with the student's choice on a fixed ramp (AugConf: Guo et al. 2024, arXiv 2402.03749).

    (1 - a) CE(f; w) + a CE(f; y_f), y_f the likeliest candidate (the first of equals), detached; the baseline of the
    same name in the authors' code. It is `auxiliary-confidence` without its threshold. The weight a rises along a line
    from 0 to `max_weight` over the first `ramp_frac` of training and then stays; there it moves once per epoch, here
    with every step. Defaults are the values that the authors' published commands pass. The distillation temperature is
    1 and the ground-truth term is left out, as in `adaptive-confidence`.

    Args:
        max_weight: Weight of the model's own predictions after the ramp.
        ramp_frac: Share of training over which the weight rises; 0 begins with `max_weight`.
    """

    max_weight: Annotated[float, Field(ge=0, le=1)] = 0.5
    ramp_frac: Annotated[float, Field(ge=0, le=1)] = 0.3

    def __call__(self, logits: Logits, targets: Probs, progress: float, statistic: Entries | None) -> Losses:
        """Return the loss of each example."""
        weight = ramped(self.max_weight, progress, self.ramp_frac)
        return mixed_cross_entropy(logits, targets, hardened(logits), weight)


@dataclass(frozen=True)
class SoftBootstrapping(Objective):
    """Mix the labels with the student's probabilities (Reed et al. 2015, arXiv 1412.6596).

    -sum_k (beta w_k + (1 - beta) f_k) log f_k = beta CE(f; w) + (1 - beta) H(f), the paper's L_soft. Gradient flows
    through both f, as the paper's remark asks for that the loss is cross entropy with minimum-entropy regularisation.

    Args:
        beta: Share of the label; 1 is naive. The paper takes 0.95.
    """

    beta: Annotated[float, Field(ge=0, le=1)] = 0.95

    def __call__(self, logits: Logits, targets: Probs, progress: float, statistic: Entries | None) -> Losses:
        """Return the loss of each example."""
        log_probs = logits.log_softmax(dim=-1)
        mixed = self.beta * targets + (1.0 - self.beta) * log_probs.exp()
        return (mixed * log_probs).sum(dim=-1).neg()


@dataclass(frozen=True)
class HardBootstrapping(Objective):
    """Mix the labels with the student's choice from the first step on (Reed et al. 2015, arXiv 1412.6596).

    -sum_k (beta w_k + (1 - beta) z_k) log f_k, the paper's L_hard; z is one-hot at the likeliest candidate (the first
    of equals), detached.

    Args:
        beta: Share of the label; 1 is naive. The paper takes 0.8.
    """

    beta: Annotated[float, Field(ge=0, le=1)] = 0.8

    def __call__(self, logits: Logits, targets: Probs, progress: float, statistic: Entries | None) -> Losses:
        """Return the loss of each example."""
        return mixed_cross_entropy(logits, targets, hardened(logits), 1.0 - self.beta)
