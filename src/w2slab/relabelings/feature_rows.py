"""Frozen features as relabelings compare them, and labels as values of the rows of features."""

from __future__ import annotations

import numpy as np

from w2slab.errors import JobError
from w2slab.relabelings.relabeling import LabelBatch, features_of
from w2slab.shapes import Array, Float, Float32, Float64, Int64


def firsts(batch: LabelBatch) -> Int64[Array, " N"]:
    """Return the first row of each example."""
    return np.arange(len(batch)) if batch.shared_candidates else np.cumsum(batch.n_candidates) - batch.n_candidates


def owners(batch: LabelBatch) -> Int64[Array, " R"]:
    """Return the example of each row."""
    numbers = np.arange(len(batch))
    return numbers if batch.shared_candidates else np.repeat(numbers, batch.n_candidates)


def scaled(batch: LabelBatch) -> Float64[Array, "R D"]:
    """Standardise features to mean 0 and standard deviation 1; a constant one is 0.

    Raises:
        JobError: All features are constant.
    """
    return _scaled(features_of(batch).astype(np.float64))


def comparable(batch: LabelBatch) -> Float64[Array, "R D"]:
    """Standardise features for distances between rows; where candidates differ, after subtracting their example's mean.

    The mean over candidates of an example distinguishes none of them, and a softmax over them leaves it out as well.

    Raises:
        JobError: All features are constant.
    """
    rows = features_of(batch).astype(np.float64)
    if not batch.shared_candidates:
        means = np.add.reduceat(rows, firsts(batch), axis=0) / batch.n_candidates[:, None]
        rows -= np.repeat(means, batch.n_candidates, axis=0)
    return _scaled(rows)


def _scaled(rows: Float64[Array, "R D"]) -> Float64[Array, "R D"]:
    from w2slab.training.logistic import Scale

    found = Scale.of(rows)(rows)
    if not found.any():
        raise JobError("the frozen features are the same everywhere; read another layer, or take another model")
    return found


def example_rows(
    features: Float32[Array, "R D"],
    probs: Float32[Array, "N K"],
    n_candidates: Int64[Array, " N"],
    shared_candidates: bool,
) -> Float32[Array, "N D"]:
    """Return one row of features per example: its own, or the mean of its candidates' by their probabilities."""
    if shared_candidates:
        return features
    real = np.arange(probs.shape[1]) < n_candidates[:, None]
    starts = np.cumsum(n_candidates) - n_candidates
    rows: np.ndarray = np.add.reduceat(features * probs[real][:, None], starts, axis=0)
    return rows


def masses(batch: LabelBatch, probs: Float[Array, "N K"]) -> Float64[Array, "R C"]:
    """Return the probability mass of labels on each row: of C common classes, or (C = 1) of a candidate being right."""
    return (probs if batch.shared_candidates else probs[batch.real][:, None]).astype(np.float64)


def as_probs(batch: LabelBatch, found: Float[Array, "R C"]) -> Float32[Array, "N K"]:
    """Normalise masses of rows to labels of examples; where all are 0 the weak label stays."""
    spread = np.zeros(batch.probs.shape)
    if batch.shared_candidates:
        spread[:] = found
    else:
        spread[batch.real] = found[:, 0]
    totals = spread.sum(axis=1, keepdims=True)
    probs = np.where(totals > 0, spread / np.where(totals > 0, totals, 1), batch.probs)
    return probs.astype(np.float32)
