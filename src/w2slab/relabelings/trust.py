"""Label filtering by a model of weak errors, learned from a few ground-truth labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from w2slab.errors import JobError
from w2slab.relabelings.feature_rows import comparable, firsts
from w2slab.relabelings.relabeling import LabelBatch, Relabeling, RelabelResult, confidence, kept, lowest, one_hot
from w2slab.shapes import Array, Bool, Float64, Int64


@dataclass(frozen=True)
class TrustFunction(Relabeling):
    """Keep the labels trusted most by a model of weak errors, a variant (Uzunoglu et al. 2026, arXiv 2606.01000).

    On the few examples with ground truth, a logistic regression learns whether the weak label's likeliest candidate is
    right. It sees the weak label's confidence and standardised frozen features: with a weight for each
    class that the label may choose, or, where candidates differ by example, of the chosen candidate less the mean of
    the example's. Then it scores all examples. The known ones are scored like the others and keep their weak labels. A
    variant: the source's model is a small network, and reads the last hidden state of the supervisor.

    Args:
        keep: Share of the examples that is kept, rounded up; of equally trusted ones those are drawn.
        l2: Weight of the squared norm.
    """

    needs_features: ClassVar[bool] = True
    needs_trusted: ClassVar[bool] = True

    keep: Annotated[float, Field(gt=0, le=1)] = 0.5
    l2: Annotated[float, Field(gt=0)] = 1e-2

    def __call__(self, batch: LabelBatch) -> RelabelResult:
        """Return weight 1 for the most trusted."""
        known, is_right = _known(batch)
        scores = trust_scores(batch, known, is_right, self.l2)
        keep = lowest(-scores, self.keep, batch.generator)
        return kept(batch, keep, "keep a larger share", right_of_trusted=float(is_right.mean()))


def _known(batch: LabelBatch) -> tuple[Int64[Array, " M"], Bool[Array, " M"]]:
    """Return the examples with ground truth, and a mask of those whose weak label chooses it."""
    if batch.trusted is None:
        raise JobError("this relabeling learns from a few ground-truth labels and was given none; set n_trusted")
    known = np.flatnonzero(batch.trusted >= 0)
    if len(known) < 2:
        raise JobError(f"{len(known)} ground-truth labels are too few to learn from; raise n_trusted to 2 or more")
    is_right = batch.choices[known] == batch.trusted[known]
    if is_right.all() or not is_right.any():
        raise JobError(
            f"all {len(known)} weak labels whose ground truth is known are {'right' if is_right.all() else 'wrong'}, "
            "and nothing tells one kind from the other; raise n_trusted"
        )
    return known, is_right


def trust_scores(
    batch: LabelBatch, known: Int64[Array, " M"], is_right: Bool[Array, " M"], l2: float
) -> Float64[Array, " N"]:
    """Return the log-odds of each weak label being right.

    Args:
        batch: Labels and features.
        known: The examples to learn from.
        is_right: True for those whose weak label is right.
        l2: Weight of the squared norm.
    """
    from w2slab.training.logistic import fit

    rows, choices = comparable(batch), batch.choices
    n_blocks = batch.probs.shape[1] if batch.shared_candidates else 1
    blocks = choices if batch.shared_candidates else np.zeros(len(batch), dtype=np.int64)
    rows = rows if batch.shared_candidates else rows[firsts(batch) + choices]
    confidences = confidence(batch.probs, batch.n_candidates)
    # A 1 beside the features is the block's own constant.
    seen = np.concatenate([rows, np.ones((len(batch), 1))], axis=1)
    width = seen.shape[1]
    learned = (one_hot(blocks[known], n_blocks)[:, :, None] * seen[known][:, None, :]).reshape(len(known), -1)
    learned = np.concatenate([learned, confidences[known][:, None]], axis=1)
    targets = np.stack([~is_right, is_right], axis=1)
    found = fit(learned, targets, True, np.full(len(known), 2), l2)
    weights = found.weights[:, 1] - found.weights[:, 0]
    scores: np.ndarray = (seen * weights[:-1].reshape(n_blocks, width)[blocks]).sum(axis=1)
    return scores + weights[-1] * confidences + found.bias[1] - found.bias[0]
