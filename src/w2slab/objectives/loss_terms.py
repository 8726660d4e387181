"""Terms of loss functions that several objectives share.

Letters, here and in the objectives: f is the student's probability vector of an example (the softmax of its logits), w
its weak label, n the number of its own candidates. Tensors are padded to K >= n candidates.
"""

from __future__ import annotations

from w2slab.objectives.objective import Logits, Losses, Probs
from w2slab.shapes import Bool, Int64, Tensor

# Networks give -1e9 to a candidate that an example does not have; no logit of a real one comes near this.
PADDED_BELOW = -1e8


def padded(logits: Logits) -> Bool[Tensor, "*S B K"]:
    """Mark the candidates that an example does not have: there f and w are 0."""
    return logits.detach() < PADDED_BELOW


def cross_entropy(logits: Logits, targets: Probs) -> Losses:
    """Return the cross entropy CE(f; t) = -sum t log f of each example."""
    return (targets * logits.log_softmax(dim=-1)).sum(dim=-1).neg()


def entropy(logits: Logits) -> Losses:
    """Return the entropy H(f) = -sum f log f of each example, with gradient through both f.

    At a padded candidate f is 0 and log f is finite, so that neither value nor gradient has a part there.
    """
    log_probs = logits.log_softmax(dim=-1)
    return (log_probs.exp() * log_probs).sum(dim=-1).neg()


def hardened(logits: Logits) -> Int64[Tensor, "*S B"]:
    """Return the likeliest candidate of each example, the first of equals, without gradient."""
    return logits.detach().argmax(dim=-1)


def own_count(beyond: Bool[Tensor, "*S B K"]) -> Int64[Tensor, "*S B 1"]:
    """Count the candidates n that each example has.

    Args:
        beyond: Made by `padded`.
    """
    return beyond.logical_not().sum(dim=-1, keepdim=True)


def smoothed(targets: Probs, beyond: Bool[Tensor, "*S B K"], epsilon: float) -> Probs:
    """Return (1 - epsilon) w + epsilon / n over an example's own candidates, and 0 beyond.

    Args:
        targets: The weak labels w.
        beyond: Made by `padded`.
        epsilon: Share of mass that is spread out.
    """
    return ((1.0 - epsilon) * targets + epsilon / own_count(beyond)).masked_fill(beyond, 0.0)


def ramped(weight: float, progress: float, ramp_frac: float) -> float:
    """Return a weight that rises along a line from 0 over the first `ramp_frac` of training and then stays."""
    if progress >= ramp_frac:
        return weight
    return weight * progress / ramp_frac


def mixed_cross_entropy(logits: Logits, targets: Probs, choice: Int64[Tensor, "*S B"], weight: float) -> Losses:
    """Return (1 - a) CE(f; w) + a CE(f; onehot(choice)) of each example.

    Args:
        logits: Of f.
        targets: The weak labels w.
        choice: A candidate of each example.
        weight: The weight a.
    """
    # CE is linear in the target, so the two terms are one CE with the mixed target.
    mixed = (1.0 - weight) * targets
    mixed.scatter_(-1, choice.unsqueeze(-1), weight, reduce="add")
    return cross_entropy(logits, mixed)
