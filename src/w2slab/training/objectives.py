"""What is minimised: pure functions of logits, labels and the progress of training; one loss per example.

Shapes: B examples of a micro-batch, N of the whole optimizer batch, K candidates. Where an example has fewer than K
candidates, its logits beyond them are very negative and its targets 0.

Written with the methods of tensors alone, so that a study can be checked without importing torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, Protocol

from pydantic import Field

if TYPE_CHECKING:
    from torch import Tensor


class Objective(Protocol):
    """A function that is minimised: a frozen dataclass whose fields are what a study may write."""

    def needs_statistic(self, shared_candidates: bool) -> bool:
        """Whether `__call__` must be given a statistic of the whole optimizer batch."""
        ...

    def statistic(self, logits: Tensor, targets: Tensor, shared_candidates: bool) -> Tensor | None:
        """What the loss must know of the whole optimizer batch, one entry per example; `None` if nothing.

        Args:
            logits: [N, K], without gradient.
            targets: [N, K], rows that sum to one.
            shared_candidates: Whether the candidates are common to all examples, as classes are.
        """
        ...

    def __call__(self, logits: Tensor, targets: Tensor, progress: float, statistic: Tensor | None) -> Tensor:
        """The loss of each example, [B].

        Args:
            logits: [B, K].
            targets: [B, K], rows that sum to one.
            progress: Share of training that is done, in [0, 1].
            statistic: The entries of these B examples, [B, ...].
        """
        ...


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross entropy CE(f; t) = -sum t log f of each example, [B]."""
    return (targets * logits.log_softmax(dim=-1)).sum(dim=-1).neg()


@dataclass(frozen=True)
class CrossEntropy:
    """Cross entropy with the labels as they are."""

    def needs_statistic(self, shared_candidates: bool) -> bool:
        """Never."""
        return False

    def statistic(self, logits: Tensor, targets: Tensor, shared_candidates: bool) -> Tensor | None:
        """Nothing."""
        return None

    def __call__(self, logits: Tensor, targets: Tensor, progress: float, statistic: Tensor | None) -> Tensor:
        """The loss of each example, [B]."""
        return cross_entropy(logits, targets)


@dataclass(frozen=True)
class AuxiliaryConfidence:
    """Cross entropy with a mixture of the labels and the model's own hardened predictions.

    (1 - a) CE(f; w) + a CE(f; h), from Burns et al. 2023, section 4.3.2 and appendix A.4. The weight a rises along a
    line from 0 to `max_weight` over the first `ramp_frac` of training and then stays. No gradient flows through h.

    Where candidates differ by example, h is the likeliest candidate. Where they are common classes, h is held to a
    prior over the whole optimizer batch of N: class c is given to exactly n_c examples, where n_c is N times its prior,
    rounded so that the sum is N (largest remainders first, later classes first among equals). For two classes, those
    n_1 examples get class 1 whose log-odds are largest; of equals, those earlier in the batch. This is the paper's
    threshold t, and has an answer for ties and odd batches as well. For more classes, pairs of example and class are
    gone through from the most probable down; an example gets a class if it has none yet and the class is not yet given
    n_c times. With two classes both rules are the same: the surest examples keep their likelier class until one of the
    two is used up.

    Args:
        max_weight: Weight of the model's own predictions after the ramp.
        ramp_frac: Share of training over which the weight rises; 0 begins with `max_weight`.
        prior: Prior of the classes: their share in the batch's labels (the paper's footnote 7), or equal shares (half
            each for two).
    """

    max_weight: Annotated[float, Field(ge=0, le=1)] = 0.5
    ramp_frac: Annotated[float, Field(ge=0, le=1)] = 0.2
    prior: Literal["weak-labels", "half"] = "weak-labels"

    def weight(self, progress: float) -> float:
        """The weight a at a point of training."""
        if progress >= self.ramp_frac:
            return self.max_weight
        return self.max_weight * progress / self.ramp_frac

    def needs_statistic(self, shared_candidates: bool) -> bool:
        """Where candidates are common to all examples."""
        return shared_candidates

    def statistic(self, logits: Tensor, targets: Tensor, shared_candidates: bool) -> Tensor | None:
        """The hardened prediction of each example as an index, int64 [N]."""
        if not shared_candidates:
            return None
        counts = self._counts(targets)
        if len(counts) == 2:
            zeroth, first = logits.unbind(dim=1)
            surest_first = (first - zeroth).argsort(descending=True, stable=True)
            return surest_first.new_zeros(len(surest_first)).index_fill_(0, surest_first[: counts[1]], 1)
        return _surest_first(logits, counts)

    def _counts(self, targets: Tensor) -> list[int]:
        n_examples, n_classes = targets.shape
        if self.prior == "half":
            return apportion([1.0 / n_classes] * n_classes, n_examples)
        return apportion(targets.mean(dim=0).tolist(), n_examples)

    def __call__(self, logits: Tensor, targets: Tensor, progress: float, statistic: Tensor | None) -> Tensor:
        """The loss of each example, [B]."""
        weight = self.weight(progress)
        hardened = logits.detach().argmax(dim=-1) if statistic is None else statistic
        # CE is linear in the target, so the two terms are one CE with the mixed target.
        mixed = (1.0 - weight) * targets
        mixed.scatter_(1, hardened[:, None], weight, reduce="add")
        return cross_entropy(logits, mixed)


def apportion(shares: list[float], total: int) -> list[int]:
    """Whole numbers in these proportions whose sum is `total`: largest remainders first, later ones among equals."""
    # Five digits: the shares are means of float32 rows, and 2.4999998 of a batch is a tie.
    scale = total / sum(shares)
    exact = [round(share * scale, 5) for share in shares]
    counts = [int(value) for value in exact]
    missing = total - sum(counts)
    if missing:
        by_remainder = sorted(range(len(shares)), key=lambda c: (exact[c] - counts[c], c), reverse=True)
        for chosen in by_remainder[:missing]:
            counts[chosen] += 1
    return counts


def _surest_first(logits: Tensor, counts: list[int]) -> Tensor:
    """A class for each example, class c to `counts[c]` of them; surest pairs of example and class come first."""
    n_classes = len(counts)
    left = list(counts)
    hardened = [-1] * len(logits)
    for pair in logits.log_softmax(dim=-1).flatten().argsort(descending=True, stable=True).tolist():
        example, candidate = divmod(pair, n_classes)
        if hardened[example] < 0 and left[candidate]:
            hardened[example] = candidate
            left[candidate] -= 1
    return logits.argmax(dim=-1).new_tensor(hardened)
