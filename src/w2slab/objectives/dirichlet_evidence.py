"""The logits as evidence of a Dirichlet distribution over labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from w2slab.objectives.loss_terms import own_count, padded
from w2slab.objectives.objective import Entries, Logits, Losses, Objective, Probs


@dataclass(frozen=True)
class DirichletEvidence(Objective):
    """Learn a Dirichlet distribution over labels by its evidence, a variant (Cui et al. 2025, arXiv 2406.03199).

    sum_k w_k (psi(a_0) - psi(a_k)) + lambda KL(Dir(a~) || Dir(1)), a_0 = sum_k a_k, psi the digamma function: the
    expected cross entropy under Dir(a), and a pull of all evidence against the label to none. It is the loss of
    evidential deep learning (Sensoy et al. 2018, arXiv 1806.01768), as Bayesian WeakS-to-Strong uses it.
    a~ = w + (1 - w) a takes the evidence for the label out.

    Variant in three points. One label w stands for those of several weak models: the loss is linear in w in its first
    term, so that their mean is what counts there. a_k = exp(logit_k) and not exp(logit_k) + 1, so that the softmax of
    the logits is the mean of Dir(a), and predictions are made as with any other objective. Logits enter the evidence
    clipped to [-clip, clip]; beyond, a candidate has no gradient. lambda is constant; its value is ours.

    Args:
        weight: lambda.
        clip: Largest logit in size that counts as evidence.
    """

    weight: Annotated[float, Field(ge=0)] = 0.1
    clip: Annotated[float, Field(gt=0, le=20)] = 8.0

    def __call__(self, logits: Logits, targets: Probs, progress: float, statistic: Entries | None) -> Losses:
        """Return the loss of each example."""
        # Where a = 1 the terms of both sums are 0; only the totals must leave padded candidates out.
        beyond = padded(logits)
        a = logits.clamp(-self.clip, self.clip).exp().masked_fill(beyond, 1.0)
        total = a.masked_fill(beyond, 0.0).sum(dim=-1, keepdim=True)
        expected = (targets * (total.digamma() - a.digamma())).sum(dim=-1)

        against = targets + (1.0 - targets) * a
        total = against.masked_fill(beyond, 0.0).sum(dim=-1, keepdim=True)
        n = own_count(beyond).to(logits.dtype)
        normaliser = (total.lgamma() - n.lgamma()).squeeze(-1) - against.lgamma().sum(dim=-1)
        divergence = normaliser + ((against - 1.0) * (against.digamma() - total.digamma())).sum(dim=-1)
        return expected + self.weight * divergence
