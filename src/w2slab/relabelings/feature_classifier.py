"""Label correction and filtering by a logistic regression on frozen features, fitted to the weak labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from w2slab.errors import JobError
from w2slab.relabelings.feature_rows import owners, scaled
from w2slab.relabelings.relabeling import LabelBatch, Relabeling, RelabelResult, discord, kept, lowest
from w2slab.shapes import Array, Float32

# Probabilities are then right to four digits, in a fifth of the time that 1e-6 takes.
LARGEST_GRADIENT = 1e-5


@dataclass(frozen=True)
class LogisticRelabel(Relabeling):
    """Replace labels by the predictions of a logistic regression on them (EleutherAI 2024, github.com/EleutherAI/w2s).

    It minimises the mean cross entropy of the weak labels, plus `l2` times the squared norm of the weights, by L-BFGS
    on standardised frozen features. Where candidates differ by example it is the conditional logit: one weight vector,
    a softmax over the example's candidates.

    Args:
        l2: Weight of the squared norm.
    """

    needs_features: ClassVar[bool] = True

    l2: Annotated[float, Field(gt=0)] = 1e-3

    def __call__(self, batch: LabelBatch) -> RelabelResult:
        """Return the fitted probabilities."""
        return RelabelResult(fitted_probs(batch, self.l2))


@dataclass(frozen=True)
class LogisticFilter(Relabeling):
    """Leave out the labels furthest from a logistic regression on them (EleutherAI 2024, github.com/EleutherAI/w2s).

    The regression is that of `logistic-relabel`, and the distance of a label from it is half the sum of |p - w|; where
    candidates differ by example it is 1 - p(c) / max p, with c the weak label's likeliest candidate.

    Args:
        l2: Weight of the squared norm.
        drop: Share of the examples that is left out, rounded down; of equally far ones those are drawn.
    """

    needs_features: ClassVar[bool] = True

    l2: Annotated[float, Field(gt=0)] = 1e-3
    drop: Annotated[float, Field(ge=0, lt=1)] = 0.1

    def __call__(self, batch: LabelBatch) -> RelabelResult:
        """Return weight 0 for the most discordant."""
        apart = discord(batch, fitted_probs(batch, self.l2))
        return kept(batch, lowest(apart, 1 - self.drop, batch.generator), "drop a smaller share")


def fitted_probs(batch: LabelBatch, l2: float) -> Float32[Array, "N K"]:
    """Return in-sample predictions of the regression."""
    from w2slab.training.logistic import fit, softmax

    rows = scaled(batch)
    found = fit(rows, batch.probs, batch.shared_candidates, batch.n_candidates, l2, LARGEST_GRADIENT)
    return _padded(softmax(found.logits(rows, batch.n_candidates)), batch)


def out_of_fold(batch: LabelBatch, targets: Float32[Array, "N K"], folds: int, l2: float) -> Float32[Array, "N K"]:
    """Return out-of-fold predictions of regressions fitted to `targets`; folds are drawn.

    Raises:
        JobError: There are fewer than two examples.
    """
    from w2slab.training.logistic import fit, softmax

    if len(batch) < 2:
        raise JobError("one example leaves none to learn from; give more examples")
    rows, owner = scaled(batch), owners(batch)
    fold = batch.generator.permutation(len(batch)) % min(folds, len(batch))
    probs = np.zeros(batch.probs.shape, dtype=np.float32)
    for each in range(fold.max() + 1):
        held = fold == each
        learned = fit(
            rows[~held[owner]],
            targets[~held],
            batch.shared_candidates,
            batch.n_candidates[~held],
            l2,
            LARGEST_GRADIENT,
        )
        found = softmax(learned.logits(rows[held[owner]], batch.n_candidates[held]))
        probs[held, : found.shape[1]] = found
    return probs


def _padded(found: Float32[Array, "N _"], batch: LabelBatch) -> Float32[Array, "N K"]:
    probs = np.zeros(batch.probs.shape, dtype=np.float32)
    probs[:, : found.shape[1]] = found
    return probs
