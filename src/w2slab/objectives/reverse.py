"""Losses in which student and weak label change places, so that uncertain weak labels weigh less.

In all of them w~ = (1 - epsilon) w + epsilon / n over the n candidates of the example stands for w in a logarithm, so
that a weak probability of 0 has one. The sources leave epsilon open or at 0, where a library's clamp takes its place;
0.01 is ours: for two candidates a weak 0 counts log 0.005 = -5.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from w2slab.objectives.loss_terms import cross_entropy, entropy, own_count, padded, smoothed
from w2slab.objectives.objective import Entries, Logits, Losses, Objective, Probs

Epsilon = Annotated[float, Field(gt=0, lt=1)]


def reverse_cross_entropy(logits: Logits, targets: Probs, epsilon: float) -> Losses:
    """Return RCE(f, w) = -sum_k f_k log w~_k of each example, with gradient through f."""
    beyond = padded(logits)
    log_weak = smoothed(targets, beyond, epsilon).masked_fill(beyond, 1.0).log()
    return (logits.softmax(dim=-1) * log_weak).sum(dim=-1).neg()


@dataclass(frozen=True)
class ReverseKL(Objective):
    """Minimise reverse KL(f || w), which seeks the mode of the weak label (Yao et al. 2025, arXiv 2502.11107).

    KL(f || w~) = sum_k f_k log(f_k / w~_k).

    Args:
        epsilon: Share of mass that is spread out in w~.
    """

    epsilon: Epsilon = 0.01

    def __call__(self, logits: Logits, targets: Probs, progress: float, statistic: Entries | None) -> Losses:
        """Return the loss of each example."""
        return reverse_cross_entropy(logits, targets, self.epsilon) - entropy(logits)


@dataclass(frozen=True)
class ReverseCrossEntropy(Objective):
    """Minimise reverse cross entropy, -sum f log w (Yao et al. 2025, arXiv 2502.11107).

    RCE(f, w~) = -sum_k f_k log w~_k: reverse KL without the entropy of f, so that f may become certain.

    Args:
        epsilon: Share of mass that is spread out in w~.
    """

    epsilon: Epsilon = 0.01

    def __call__(self, logits: Logits, targets: Probs, progress: float, statistic: Entries | None) -> Losses:
        """Return the loss of each example."""
        return reverse_cross_entropy(logits, targets, self.epsilon)


@dataclass(frozen=True)
class CACE(Objective):
    """Choose cross entropy where the weak label is confident, else reverse (CACE: Xu et al. 2025, arXiv 2505.24313).

    CE(f; w) if |w_1 - 1/2| >= c, else RCE(f, w~). The source has two classes; here the condition is max_k w_k - 1/n >=
    c over the n candidates of the example, which is the same for two. The border belongs to CE.

    Args:
        threshold: c; 0 is naive, and above 1 - 1/n it is reverse cross entropy. 0.01 is the default of the authors'
            code, which is also run at the deciles of the weak confidence.
        epsilon: Share of mass that is spread out in w~.
    """

    threshold: Annotated[float, Field(ge=0, le=1)] = 0.01
    epsilon: Epsilon = 0.01

    def __call__(self, logits: Logits, targets: Probs, progress: float, statistic: Entries | None) -> Losses:
        """Return the loss of each example."""
        n = own_count(padded(logits)).squeeze(-1)
        # Less than a rounding below the border is at the border: equal shares of three have a largest of 1/3 - 1e-8.
        confident = targets.amax(dim=-1) >= self.threshold + 1.0 / n - 1e-6
        forward, reverse = cross_entropy(logits, targets), reverse_cross_entropy(logits, targets, self.epsilon)
        return forward.where(confident, reverse)


@dataclass(frozen=True)
class SymmetricCrossEntropy(Objective):
    """Add cross entropy and reverse cross entropy (SCE: Wang et al. 2019, arXiv 1908.06112).

    alpha CE(f; w) + beta RCE(f, w~). Wang et al. take log 0 = -4 for hard labels where here w~ stands. The weights are
    those of Xu et al. 2025 (arXiv 2505.24313), who used it on weak labels.

    Args:
        alpha: Weight of cross entropy.
        beta: Weight of reverse cross entropy; 0 with `alpha` 1 is naive.
        epsilon: Share of mass that is spread out in w~.
    """

    alpha: Annotated[float, Field(ge=0)] = 1.0
    beta: Annotated[float, Field(ge=0)] = 0.1
    epsilon: Epsilon = 0.01

    def __call__(self, logits: Logits, targets: Probs, progress: float, statistic: Entries | None) -> Losses:
        """Return the loss of each example."""
        reverse = reverse_cross_entropy(logits, targets, self.epsilon)
        return self.alpha * cross_entropy(logits, targets) + self.beta * reverse
