"""The base of every relabeling: weak labels of one split in, other labels or weights of examples out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from w2slab.data.labels import one_hot as one_hot
from w2slab.errors import JobError
from w2slab.graph.component import Component
from w2slab.shapes import Array, Bool, Float32, Float64, Int64


@dataclass(frozen=True, eq=False)
class LabelBatch:
    """The inputs of a relabeling: weak labels of one split, and what it asked for beside them. No array is changed.

    Args:
        probs: The weak labels; rows sum to one over an example's own candidates and are 0 beyond.
        n_candidates: Of each example.
        shared_candidates: True if candidates are classes, common to all examples; false if they differ by example.
        generator: For everything that is drawn, ties among them.
        features: Frozen features of the student's model, as the network gives them: a row per example where candidates
            are common classes, else a row per candidate, example by example.
        others: Further labels of the same examples: of other supervisors, prompts or students.
        trusted: The right candidate where it is known (a budget of ground truth), -1 elsewhere.

    Raises:
        JobError: There are no examples, or the rows of features or of other labels do not fit the labels.
    """

    probs: Float32[Array, "N K"]
    n_candidates: Int64[Array, " N"]
    shared_candidates: bool
    generator: np.random.Generator
    features: Float32[Array, "R D"] | None = None
    others: tuple[Float32[Array, "_ _"], ...] = ()
    trusted: Int64[Array, " N"] | None = None

    def __post_init__(self) -> None:
        if not len(self):
            raise JobError("there are no weak labels to choose from; give the split examples")
        n_rows = len(self) if self.shared_candidates else int(self.n_candidates.sum())
        if self.features is not None and len(self.features) != n_rows:
            per = "example" if self.shared_candidates else "candidate"
            raise JobError(
                f"there are {len(self.features)} rows of frozen features where {n_rows} are wanted, one per {per}; "
                "embed these examples with a model that gives such rows"
            )
        for number, other in enumerate(self.others):
            if other.shape != self.probs.shape:
                raise JobError(f"other labels {number} have the shape {other.shape}, the weak ones {self.probs.shape}")

    def __len__(self) -> int:
        return len(self.probs)

    @property
    def real(self) -> Bool[Array, "N K"]:
        """Mask of the places that hold a candidate of the example."""
        held: np.ndarray = np.arange(self.probs.shape[1]) < self.n_candidates[:, None]
        return held

    @property
    def choices(self) -> Int64[Array, " N"]:
        """The likeliest candidate of each weak label, the first among equals."""
        return self.probs.argmax(axis=1)


class RelabelResult(NamedTuple):
    """The output of a relabeling.

    Args:
        probs: Labels; rows sum to one over an example's own candidates and are 0 beyond.
        weights: Of the examples; 0 leaves one out. `None` is 1 for all.
        facts: Numbers for the job's record.
    """

    probs: Float32[Array, "N K"]
    weights: Float32[Array, " N"] | None = None
    facts: Mapping[str, float] | None = None


class Relabeling(Component, ABC):
    """A correction or selection of weak labels: a frozen dataclass whose fields are what a study may write.

    Importing it imports neither torch nor SciPy.
    """

    TABLE: ClassVar[str] = "relabelings"
    needs_features: ClassVar[bool] = False
    """If true, `LabelBatch.features` is given."""
    needs_others: ClassVar[int] = 0
    """At least this many of `LabelBatch.others` are given."""
    needs_trusted: ClassVar[bool] = False
    """If true, `LabelBatch.trusted` is given."""
    every_split: ClassVar[bool] = False
    """If true, applied to `student_train`, `validation` and `reserve`, to each by itself.

    Otherwise only to `student_train`, and labels of the other splits are passed on unchanged.
    """

    @abstractmethod
    def __call__(self, batch: LabelBatch) -> RelabelResult:
        """Return other labels, weights of examples, or both.

        Raises:
            JobError: These labels give nothing to choose by.
        """


def features_of(batch: LabelBatch) -> Float32[Array, "R D"]:
    """Return the frozen features.

    Raises:
        JobError: There are none.
    """
    if batch.features is None:
        raise JobError("this relabeling looks at frozen features and was given none; give the job an input `features`")
    return batch.features


def others_of(batch: LabelBatch, least: int) -> tuple[Float32[Array, "N K"], ...]:
    """Return the further labels.

    Raises:
        JobError: There are fewer than `least`.
    """
    if len(batch.others) < least:
        raise JobError(
            f"this relabeling looks at {least} or more further labels of each example and was given "
            f"{len(batch.others)}; give the job inputs `other_0`, `other_1` and so on"
        )
    return batch.others


def kept(batch: LabelBatch, keep: Bool[Array, " N"], remedy: str, **facts: float) -> RelabelResult:
    """Return the weak labels as they are, with weight 1 where `keep` is true and 0 elsewhere.

    Raises:
        JobError: Nothing is kept; the message ends with the remedy.
    """
    if not keep.any():
        raise JobError(f"none of {len(keep)} examples is kept; {remedy}")
    return RelabelResult(batch.probs, keep.astype(np.float32), {"kept_share": float(keep.mean())} | facts)


def lowest(scores: Float64[Array, " N"], share: float, generator: np.random.Generator) -> Bool[Array, " N"]:
    """Mark the lowest scores: this share of them rounded up, at least one; ties are drawn."""
    n_kept = max(1, int(np.ceil(share * len(scores) - 1e-9)))
    order = np.lexsort((generator.random(len(scores)), scores))
    found = np.zeros(len(scores), dtype=bool)
    found[order[:n_kept]] = True
    return found


def confidence(probs: Float32[Array, "N K"], n_candidates: Int64[Array, " N"]) -> Float64[Array, " N"]:
    """Return the confidence (n max p - 1) / (n - 1) of each label: 0 where it is uniform and 1 where it is certain.

    For two candidates that is 2|p - 1/2|. A label of one candidate is certain.
    """
    others = np.maximum(n_candidates - 1, 1)
    found: np.ndarray = np.where(
        n_candidates > 1, (n_candidates * probs.max(axis=1).astype(np.float64) - 1) / others, 1.0
    )
    return found


def discord(batch: LabelBatch, found: Float32[Array, "N K"]) -> Float64[Array, " N"]:
    """Return the distance, 0 to 1, of weak labels from other labels of the same examples.

    For common classes half the sum of |p - w|, which for two is |p - w| of one of them. Where candidates differ, that
    would be large for every certain label among thirty candidates, right or wrong; there it is 1 - p(c) / max p, with c
    the weak label's likeliest candidate, which compares the candidate preferred by p with c.

    Args:
        batch: The weak labels w.
        found: The other labels p.
    """
    probs = found.astype(np.float64)
    if batch.shared_candidates:
        apart: np.ndarray = 0.5 * np.abs(probs - batch.probs).sum(axis=1)
        return apart
    chosen: np.ndarray = probs[np.arange(len(batch)), batch.choices]
    return 1 - chosen / probs.max(axis=1)
