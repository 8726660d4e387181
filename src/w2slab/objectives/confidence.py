"""The auxiliary confidence loss, as in the paper and as in its released code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from w2slab.objectives.loss_terms import hardened, mixed_cross_entropy, ramped
from w2slab.objectives.objective import Entries, Logits, Losses, Objective, Probs
from w2slab.shapes import Array, Float, Float64, Int64, Tensor


@dataclass(frozen=True)
class AuxiliaryConfidence(Objective):
    """Mix the labels with hardened predictions, held to a class prior (Burns et al. 2023, arXiv 2312.09390).

    (1 - a) CE(f; w) + a CE(f; h), from Burns et al. 2023, section 4.3.2 and appendix A.4. The weight a rises along a
    line from 0 to `max_weight` over the first `ramp_frac` of training and then stays. No gradient flows through h.

    Where candidates differ by example, h is the likeliest candidate. Where they are common classes, h is held to a
    prior over the whole optimizer batch of N: class c is given to exactly n_c examples, where n_c is N times its prior,
    rounded so that the sum is N (largest remainders first, later classes first among equals). For two classes, those
    n_1 examples get class 1 whose log-odds are largest; of equals, those earlier in the batch. This is the paper's
    threshold t, and has an answer for ties and odd batches as well. For more classes, pairs of example and class are
    gone through from the most probable down; an example gets a class if it has none yet and the class is not yet given
    n_c times. With two classes both rules are the same: the most confident examples keep their likelier class until one
    of the two is used up.

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
        """Return the weight a at a point of training."""
        return ramped(self.max_weight, progress, self.ramp_frac)

    def needs_statistic(self, shared_candidates: bool) -> bool:
        """Return true if candidates are common to all examples."""
        return shared_candidates

    def statistic(self, logits: Logits, targets: Probs, shared_candidates: bool) -> Entries | None:
        """Return the hardened prediction h of each example as an index."""
        if not shared_candidates:
            return None
        shares = weak_shares(targets)
        return held_to(np.full_like(shares, 1.0) if self.prior == "half" else shares, logits)

    def __call__(self, logits: Logits, targets: Probs, progress: float, statistic: Entries | None) -> Losses:
        """Return the loss of each example."""
        choice = hardened(logits) if statistic is None else statistic
        return mixed_cross_entropy(logits, targets, choice, self.weight(progress))


@dataclass(frozen=True)
class AuxiliaryConfidenceReleased(Objective):
    """Compute auxiliary confidence with the schedule and threshold of the released code (openai/weak-to-strong, 2023).

    (1 - a) CE(f; w) + a CE(f; h). It differs from the paper, and from `auxiliary-confidence`, in two ways:

    - The weight a is `max_weight` times the bare share of training until `warmup_frac` is passed, and then
      `max_weight`: it ends the warm-up near a tenth of its value and jumps. This is most likely an oversight, and is
      kept here because published numbers were made with it. The released code counts the steps done before this one;
      here the middle of the step counts, as everywhere.
    - Class 0 is given to every example whose f_0 is at least the quantile of f_0 in the batch at the batch's mean of
      w_1, interpolated between neighbours. Of examples that tie at the threshold all get class 0, so that a batch of
      equals is hardened to class 0 as a whole.

    The released code refuses more than two classes; for these h is held to the labels' shares as in
    `auxiliary-confidence`. Where candidates differ by example, h is the likeliest one.

    Args:
        max_weight: Weight of the model's own predictions after the warm-up.
        warmup_frac: Share of training after which the weight jumps.
    """

    max_weight: Annotated[float, Field(ge=0, le=1)] = 0.5
    warmup_frac: Annotated[float, Field(ge=0, le=1)] = 0.1

    def weight(self, progress: float) -> float:
        """Return the weight a at a point of training."""
        return self.max_weight * (1.0 if progress > self.warmup_frac else progress)

    def needs_statistic(self, shared_candidates: bool) -> bool:
        """Return true if candidates are common to all examples."""
        return shared_candidates

    def statistic(self, logits: Logits, targets: Probs, shared_candidates: bool) -> Entries | None:
        """Return the hardened prediction h of each example as an index."""
        if not shared_candidates:
            return None
        if logits.shape[-1] != 2:
            return held_to(weak_shares(targets), logits)
        zeroth = logits.softmax(dim=-1)[..., 0]
        last = zeroth.shape[-1] - 1
        place = (targets[..., 1].mean(dim=-1, keepdim=True) * last).clamp(0, last)
        in_order = zeroth.sort(dim=-1).values
        below, above = in_order.gather(-1, place.floor().long()), in_order.gather(-1, place.ceil().long())
        return (zeroth < below.lerp(above, place.frac())).long()

    def __call__(self, logits: Logits, targets: Probs, progress: float, statistic: Entries | None) -> Losses:
        """Return the loss of each example."""
        choice = hardened(logits) if statistic is None else statistic
        return mixed_cross_entropy(logits, targets, choice, self.weight(progress))


def weak_shares(targets: Probs) -> Float64[Array, "*S K"]:
    """Return the share of each class in the labels of a batch."""
    return targets.mean(dim=-2).cpu().numpy().astype(np.float64)


def held_to(shares: Float64[Array, "*S K"], logits: Logits) -> Int64[Tensor, "*S B"]:
    """Assign each example a class, such that the classes have these shares of the batch.

    Args:
        shares: Of the classes, in any unit.
        logits: Of the examples of the batch.
    """
    n_examples, n_classes = logits.shape[-2:]
    if n_classes != 2:
        counts = apportion(shares, n_examples).reshape(-1, n_classes)
        log_probs = logits.log_softmax(dim=-1).cpu().numpy().reshape(-1, n_examples, n_classes)
        classes = most_probable_first(log_probs, counts)
        return logits.argmax(dim=-1).new_tensor(classes.reshape(logits.shape[:-1]))
    zeroth, first = logits.unbind(dim=-1)
    ones_first = (first - zeroth).argsort(dim=-1, descending=True, stable=True)
    # Of two classes the largest remainder is one half or more: what `apportion` gives to the second of them.
    n_ones = np.floor(np.round(shares[..., 1:] * (n_examples / shares.sum(axis=-1, keepdims=True)), 5) + 0.5)
    place = ones_first.new_ones(n_examples).cumsum(0)
    is_one = (place <= ones_first.new_tensor(n_ones)).long()
    return ones_first.new_zeros(ones_first.shape).scatter(-1, ones_first, is_one)


def apportion(shares: Float64[Array, "*S K"], total: int) -> Int64[Array, "*S K"]:
    """Round shares to whole numbers whose sum is `total`: largest remainders first, later ones among equals."""
    # Five digits: the shares are means of float32 rows, and 2.4999998 of a batch is a tie.
    exact = np.round(shares * (total / shares.sum(axis=-1, keepdims=True)), 5)
    counts = exact.astype(np.int64)
    rising = np.argsort(exact - counts, axis=-1, kind="stable")
    place = np.empty_like(rising)
    np.put_along_axis(place, rising[..., ::-1], np.broadcast_to(np.arange(shares.shape[-1]), shares.shape), axis=-1)
    counts += place < total - counts.sum(axis=-1, keepdims=True)
    return counts


def most_probable_first(log_probs: Float[Array, "H N K"], counts: Int64[Array, "H K"]) -> Int64[Array, "H N"]:
    """Assign class c to exactly `counts[c]` examples, going through pairs of example and class by their probability.

    Between two classes being used up, every example gets its likeliest class that is left, so that it takes at most one
    round per class: each goes on until the first class is asked for once too often.

    Args:
        log_probs: Of H independent models.
        counts: Examples of each class; rows sum to N.
    """
    n_models, n_examples, n_classes = log_probs.shape
    left, classes = counts.copy(), np.full((n_models, n_examples), -1)
    for _ in range(n_classes):
        free = classes < 0
        if not free.any():
            break
        offered = np.where(free[..., None] & (left > 0)[:, None, :], log_probs, -np.inf)
        best = offered.argmax(axis=-1)
        order = np.argsort(-offered.max(axis=-1), axis=-1, kind="stable")
        asked = np.take_along_axis((best[..., None] == np.arange(n_classes)) & free[..., None], order[..., None], 1)
        too_often = (asked.cumsum(axis=1) > left[:, None, :]).any(axis=-1)
        # Once true it stays true: places from the first refusal on wait for the next round.
        served = np.zeros_like(free)
        np.put_along_axis(served, order, ~too_often, axis=1)
        served &= free
        classes = np.where(served, best, classes)
        left -= ((best[..., None] == np.arange(n_classes)) & served[..., None]).sum(axis=1)
    return classes
