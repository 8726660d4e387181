"""Confident learning: estimates of label errors from the confident joint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from w2slab.relabelings.feature_classifier import out_of_fold
from w2slab.relabelings.relabeling import LabelBatch, Relabeling, RelabelResult, kept, one_hot
from w2slab.shapes import Array, Float, Float64, Int64


@dataclass(frozen=True)
class ConfidentLearning(Relabeling):
    """Leave out examples off the diagonal of the confident joint (Northcutt et al. 2021, arXiv 1911.00068).

    An example with the given label i (the weak label's likeliest) is counted at C[i][j], where j is, among the classes
    whose predicted probability reaches their threshold, the most probable; the threshold t_j is the mean predicted
    probability of j over the examples labelled j (section 3.1 there). Those counted off the diagonal are taken as label
    errors and left out (the second of the ways to prune in section 3.2); those counted nowhere stay. Predicted
    probabilities are those of logistic regressions on frozen features, fitted to the given labels of the other folds.
    With one class nothing is off the diagonal.

    Where candidates differ by example, a variant: no class comes back, so there is one threshold, the mean predicted
    probability of the given candidates; an example is left out where another candidate reaches it and is the most
    probable.

    Args:
        folds: Of the cross-validation, drawn; never more than there are examples.
        l2: Weight of the squared norm in the logistic regressions.
    """

    needs_features: ClassVar[bool] = True

    folds: Annotated[int, Field(ge=2)] = 5
    l2: Annotated[float, Field(gt=0)] = 1e-3

    def __call__(self, batch: LabelBatch) -> RelabelResult:
        """Return weight 0 for estimated label errors."""
        choices = batch.choices
        if batch.shared_candidates and len(np.unique(choices)) == 1:
            return kept(batch, np.ones(len(batch), dtype=bool), "")
        predicted = out_of_fold(batch, one_hot(choices, batch.probs.shape[1]), self.folds, self.l2)
        counted = confident_classes(predicted, choices, batch.shared_candidates)
        return kept(batch, (counted < 0) | (counted == choices), "raise l2")


def class_thresholds(predicted: Float[Array, "N K"], given_labels: Int64[Array, " N"]) -> Float64[Array, " K"]:
    """Return t_j, the mean predicted probability of class j over the examples labelled j; infinite without any.

    Args:
        predicted: Probabilities out of sample.
        given_labels: The labels i.
    """
    own = predicted[np.arange(len(predicted)), given_labels].astype(np.float64)
    counts = np.bincount(given_labels, minlength=predicted.shape[1])
    sums = np.bincount(given_labels, weights=own, minlength=predicted.shape[1])
    thresholds: np.ndarray = np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)
    return thresholds


def confident_classes(
    predicted: Float[Array, "N K"], given_labels: Int64[Array, " N"], shared_candidates: bool
) -> Int64[Array, " N"]:
    """Return the class j at which each example is counted, -1 where no class reaches its threshold.

    Args:
        predicted: Probabilities out of sample.
        given_labels: The labels i.
        shared_candidates: True if each class has its own threshold; otherwise one is common to all candidates.
    """
    if shared_candidates:
        thresholds = class_thresholds(predicted, given_labels)
    else:
        own = predicted[np.arange(len(predicted)), given_labels].astype(np.float64)
        thresholds = np.full(predicted.shape[1], own.mean())
    reached = np.where(predicted >= thresholds - 1e-9, predicted, -1.0)
    found: np.ndarray = np.where(reached.max(axis=1) >= 0, reached.argmax(axis=1), -1)
    return found
