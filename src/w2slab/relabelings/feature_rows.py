"""Frozen features as relabelings compare them, and labels as what each row of features says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from w2slab.errors import JobError
from w2slab.relabelings.relabeling import LabelBatch, features_of

if TYPE_CHECKING:
    from numpy.typing import NDArray


def firsts(batch: LabelBatch) -> NDArray[np.int64]:
    """The first row of each example, [N]."""
    return np.arange(len(batch)) if batch.shared_candidates else np.cumsum(batch.n_candidates) - batch.n_candidates


def owners(batch: LabelBatch) -> NDArray[np.int64]:
    """The example of each row, [R]."""
    numbers = np.arange(len(batch))
    return numbers if batch.shared_candidates else np.repeat(numbers, batch.n_candidates)


def scaled(batch: LabelBatch) -> NDArray[np.float64]:
    """Features with mean 0 and standard deviation 1, [R, D]; one that never changes is 0.

    Raises:
        JobError: No feature changes.
    """
    return _scaled(features_of(batch).astype(np.float64))


def comparable(batch: LabelBatch) -> NDArray[np.float64]:
    """Features by which rows are near or far: scaled, and where candidates differ, less their example's mean, [R, D].

    What all candidates of an example share tells none from another, and a softmax over them leaves it out as well.

    Raises:
        JobError: No feature changes.
    """
    rows = features_of(batch).astype(np.float64)
    if not batch.shared_candidates:
        means = np.add.reduceat(rows, firsts(batch), axis=0) / batch.n_candidates[:, None]
        rows -= np.repeat(means, batch.n_candidates, axis=0)
    return _scaled(rows)


def _scaled(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    from w2slab.training.logistic import Scale

    found = Scale.of(rows)(rows)
    if not found.any():
        raise JobError("the frozen features are the same everywhere; read another layer, or take another model")
    return found


def example_rows(
    features: NDArray[np.float32], probs: NDArray[np.float32], n_candidates: NDArray[np.int64], shared_candidates: bool
) -> NDArray[np.float32]:
    """One row of features per example, [N, D]: its own, or the mean of its candidates' by their probabilities."""
    if shared_candidates:
        return features
    real = np.arange(probs.shape[1]) < n_candidates[:, None]
    starts = np.cumsum(n_candidates) - n_candidates
    rows: NDArray[np.float32] = np.add.reduceat(features * probs[real][:, None], starts, axis=0)
    return rows


def masses(batch: LabelBatch, probs: NDArray[np.floating]) -> NDArray[np.float64]:
    """What labels say of each row, [R, C]: of C common classes, or, C being 1, of a candidate being right."""
    return (probs if batch.shared_candidates else probs[batch.real][:, None]).astype(np.float64)


def as_probs(batch: LabelBatch, found: NDArray[np.floating]) -> NDArray[np.float32]:
    """Masses of rows as labels of examples, [N, K], made to sum to one; where all are 0 the weak label stays."""
    spread = np.zeros(batch.probs.shape)
    if batch.shared_candidates:
        spread[:] = found
    else:
        spread[batch.real] = found[:, 0]
    totals = spread.sum(axis=1, keepdims=True)
    probs = np.where(totals > 0, spread / np.where(totals > 0, totals, 1), batch.probs)
    return probs.astype(np.float32)
