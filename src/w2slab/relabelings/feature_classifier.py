"""What a logistic regression on frozen features, fitted to the weak labels, says of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from pydantic import Field

from w2slab.errors import JobError
from w2slab.relabelings.feature_rows import owners, scaled
from w2slab.relabelings.relabeling import LabelBatch, Relabeling, RelabelResult, discord, kept, lowest

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Probabilities are then right to four digits, in a fifth of the time that 1e-6 takes.
LARGEST_GRADIENT = 1e-5


@dataclass(frozen=True)
class LogisticRelabel(Relabeling):
    """Replace labels by what a logistic regression learns from them (EleutherAI 2024, github.com/EleutherAI/w2s).

    It minimises the mean cross entropy of the weak labels, plus `l2` times the squared norm of the weights, by L-BFGS
    on standardised frozen features. Where candidates differ by example it is the conditional logit: one weight vector,
    a softmax over the example's candidates.

    Args:
        l2: Weight of the squared norm.
    """

    needs_features: ClassVar[bool] = True

    l2: Annotated[float, Field(gt=0)] = 1e-3

    def __call__(self, batch: LabelBatch) -> RelabelResult:
        """The fitted probabilities of the examples that were learned."""
        return RelabelResult(fitted_probs(batch, self.l2))


@dataclass(frozen=True)
class LogisticFilter(Relabeling):
    """Leave out the labels furthest from a logistic regression on them (EleutherAI 2024, github.com/EleutherAI/w2s).

    The regression is that of `logistic-relabel`, and how far a label is from it is half the sum of |p - w|; where
    candidates differ by example it is 1 - p(c) / max p, with c the weak label's likeliest candidate.

    Args:
        l2: Weight of the squared norm.
        drop: Share of the examples that is left out, rounded down; of equally far ones those are drawn.
    """

    needs_features: ClassVar[bool] = True

    l2: Annotated[float, Field(gt=0)] = 1e-3
    drop: Annotated[float, Field(ge=0, lt=1)] = 0.1

    def __call__(self, batch: LabelBatch) -> RelabelResult:
        """Weight 0 for the most discordant."""
        apart = discord(batch, fitted_probs(batch, self.l2))
        return kept(batch, lowest(apart, 1 - self.drop, batch.generator), "drop a smaller share")


def fitted_probs(batch: LabelBatch, l2: float) -> NDArray[np.float32]:
    """What the regression says of the examples that it learned from, [N, K]."""
    from w2slab.training.logistic import fit, softmax

    rows = scaled(batch)
    found = fit(rows, batch.probs, batch.shared_candidates, batch.n_candidates, l2, LARGEST_GRADIENT)
    return _padded(softmax(found.logits(rows, batch.n_candidates)), batch)


def out_of_fold(batch: LabelBatch, targets: NDArray[np.float32], folds: int, l2: float) -> NDArray[np.float32]:
    """What regressions that did not learn from an example say of it, [N, K]; folds are drawn.

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


def _padded(found: NDArray[np.float32], batch: LabelBatch) -> NDArray[np.float32]:
    probs = np.zeros(batch.probs.shape, dtype=np.float32)
    probs[:, : found.shape[1]] = found
    return probs
