"""Selection of overlap points, which hold both easy and hard patterns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple

import numpy as np
from pydantic import Field

from w2slab.errors import JobError
from w2slab.relabelings.feature_rows import example_rows
from w2slab.relabelings.relabeling import LabelBatch, Relabeling, RelabelResult, confidence, features_of
from w2slab.shapes import Array, Bool, Float, Float32, Int64

# Inner products held in memory at once.
MOST_PRODUCTS = 4_000_000


@dataclass(frozen=True)
class OverlapSelection(Relabeling):
    """Learn only the examples in which easy and hard patterns overlap (Shin et al. 2025, arXiv 2412.03881).

    `overlap_points` says how they are found. Where candidates differ by example, its features are the mean of its
    candidates' by their probabilities.

    Args:
        rest: Weight of all other examples; 0 leaves them out.
    """

    needs_features: ClassVar[bool] = True

    rest: Annotated[float, Field(ge=0, le=1)] = 0.0

    def __call__(self, batch: LabelBatch) -> RelabelResult:
        """Return weight 1 for overlap points."""
        rows = example_rows(features_of(batch), batch.probs, batch.n_candidates, batch.shared_candidates)
        found = overlap_points(batch.probs, rows, batch.n_candidates)
        if found is None:
            raise JobError(
                "the weak labels' confidence, or what confident examples share with unsure ones, has no change point; "
                "give soft labels, or another relabeling"
            )
        weights = np.where(found.is_overlap, 1.0, self.rest).astype(np.float32)
        facts = {"overlap_density": float(found.is_overlap.mean()), "hard_share": float(found.is_hard.mean())}
        return RelabelResult(batch.probs, weights, facts)


class OverlapPoints(NamedTuple):
    """Masks of the hard examples, and of those others that overlap with them.

    Args:
        is_hard: Not confidently labelled.
        is_overlap: Not hard, and near a hard example in the features.
    """

    is_hard: Bool[Array, " N"]
    is_overlap: Bool[Array, " N"]


def overlap_density(
    probs: Float32[Array, "N K"], features: Float32[Array, "N D"], n_candidates: Int64[Array, " N"] | None = None
) -> float:
    """Return the share of all examples that are overlap points; NaN where there is no change point (`overlap_points`).

    Args:
        probs: Weak labels.
        features: Frozen features of the student's model, a row per example (`feature_rows.example_rows`).
        n_candidates: Of each example; `None` is K for all.
    """
    counts = np.full(len(probs), probs.shape[1], dtype=np.int64) if n_candidates is None else n_candidates
    found = overlap_points(probs, features, counts)
    return float("nan") if found is None else float(found.is_overlap.mean())


def overlap_points(
    probs: Float32[Array, "N K"], features: Float32[Array, "N D"], n_candidates: Int64[Array, " N"]
) -> OverlapPoints | None:
    """Find overlap points by two change points; `None` where one is missing (Shin et al. 2025).

    Sorted confidences, 2|p - 1/2| for two candidates and 0 to 1 for more, break where two constants fit them best in
    least squares: those before are hard. Each other example has as its score the largest absolute inner product of its
    features with a hard example's, both of length one (as in the authors' code).
    Sorted scores break likewise: those after are overlap points. Equal values are never parted, and where all are equal
    there is no change point.

    Args:
        probs: Weak labels.
        features: A row per example.
        n_candidates: Of each example.
    """
    confidences = confidence(probs, n_candidates)
    threshold = change_point(confidences)
    if threshold is None:
        return None
    is_hard = confidences < threshold
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    rows = (features / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    scores = _largest_products(rows[~is_hard], rows[is_hard])
    threshold = change_point(scores)
    if threshold is None:
        return None
    is_overlap = np.zeros(len(probs), dtype=bool)
    is_overlap[~is_hard] = scores >= threshold
    return OverlapPoints(is_hard, is_overlap)


def change_point(values: Float[Array, " N"]) -> float | None:
    """Return the smallest value after the break of the sorted values that leaves the least squared error.

    Binary segmentation with one break: two constants, l2. The earliest of equally good breaks counts; `None` where all
    values are equal.
    """
    # Rounding of 32 bits is no change.
    ranked = np.sort(values.astype(np.float64)).round(6)
    if len(ranked) < 2 or ranked[0] == ranked[-1]:
        return None
    before = np.arange(1, len(ranked))
    sums = np.cumsum(ranked)
    apart = (sums[-1] - sums[:-1]) / (len(ranked) - before) - sums[:-1] / before
    # What the break takes off the squared error: the weighted square of the distance between the two means.
    gains = np.where(ranked[1:] > ranked[:-1], before * (len(ranked) - before) * apart**2, -1.0)
    return float(np.sort(values)[int(gains.argmax()) + 1])


def _largest_products(rows: Float32[Array, "M D"], hard: Float32[Array, "H D"]) -> Float32[Array, " M"]:
    found = np.empty(len(rows), dtype=np.float32)
    step = max(1, MOST_PRODUCTS // len(hard))
    for first in range(0, len(rows), step):
        found[first : first + step] = np.abs(rows[first : first + step] @ hard.T).max(axis=1)
    return found
