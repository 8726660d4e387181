"""What a relabeling is: the weak labels of one split in, other labels or weights of examples out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np

from w2slab.data.labels import one_hot as one_hot
from w2slab.errors import JobError
from w2slab.graph.component import Component

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class LabelBatch:
    """What a relabeling may look at: labels of one split, and what it asked for beside them. No array is changed.

    Args:
        probs: The weak labels, float32 [N, K]; rows sum to one over an example's own candidates and are 0 beyond.
        n_candidates: int64 [N].
        shared_candidates: Whether candidates are common classes, or differ by example.
        generator: For everything that is drawn, ties among them.
        features: Frozen features of the student's model, float32 [R, D], as the network gives them: a row per example
            where candidates are common classes, else a row per candidate, example by example.
        others: Further labels of the same examples, each like `probs`: of other supervisors, prompts or students.
        trusted: The right candidate where it is known (a budget of true labels), -1 elsewhere: int64 [N].

    Raises:
        JobError: There are no examples, or the rows of features or of other labels do not fit the labels.
    """

    probs: NDArray[np.float32]
    n_candidates: NDArray[np.int64]
    shared_candidates: bool
    generator: np.random.Generator
    features: NDArray[np.float32] | None = None
    others: tuple[NDArray[np.float32], ...] = ()
    trusted: NDArray[np.int64] | None = None

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
    def real(self) -> NDArray[np.bool_]:
        """Whether a place holds a candidate of the example, [N, K]."""
        held: NDArray[np.bool_] = np.arange(self.probs.shape[1]) < self.n_candidates[:, None]
        return held

    @property
    def choices(self) -> NDArray[np.int64]:
        """The likeliest candidate of each weak label, the first among equals, [N]."""
        return self.probs.argmax(axis=1)


class RelabelResult(NamedTuple):
    """What a relabeling made.

    Args:
        probs: Labels, float32 [N, K]; rows sum to one over an example's own candidates and are 0 beyond.
        weights: Of the examples, float32 [N]; 0 leaves one out. `None` is 1 for all.
        facts: Numbers worth keeping in the job's record.
    """

    probs: NDArray[np.float32]
    weights: NDArray[np.float32] | None = None
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


def features_of(batch: LabelBatch) -> NDArray[np.float32]:
    """The frozen features.

    Raises:
        JobError: There are none.
    """
    if batch.features is None:
        raise JobError("this relabeling looks at frozen features and was given none; give the job an input `features`")
    return batch.features


def others_of(batch: LabelBatch, least: int) -> tuple[NDArray[np.float32], ...]:
    """The further labels.

    Raises:
        JobError: There are fewer than `least`.
    """
    if len(batch.others) < least:
        raise JobError(
            f"this relabeling looks at {least} or more further labels of each example and was given "
            f"{len(batch.others)}; give the job inputs `other_0`, `other_1` and so on"
        )
    return batch.others


def kept(batch: LabelBatch, keep: NDArray[np.bool_], remedy: str, **facts: float) -> RelabelResult:
    """The weak labels as they are, with weight 1 for what is kept and 0 for the rest.

    Raises:
        JobError: Nothing is kept; the message ends with the remedy.
    """
    if not keep.any():
        raise JobError(f"none of {len(keep)} examples is kept; {remedy}")
    return RelabelResult(batch.probs, keep.astype(np.float32), {"kept_share": float(keep.mean())} | facts)


def lowest(scores: NDArray[np.float64], share: float, generator: np.random.Generator) -> NDArray[np.bool_]:
    """Whether a score is among the lowest, [N]: this share of them rounded up, at least one; ties are drawn."""
    n_kept = max(1, int(np.ceil(share * len(scores) - 1e-9)))
    order = np.lexsort((generator.random(len(scores)), scores))
    found = np.zeros(len(scores), dtype=bool)
    found[order[:n_kept]] = True
    return found


def confidence(probs: NDArray[np.float32], n_candidates: NDArray[np.int64]) -> NDArray[np.float64]:
    """How sure a label is, [N]: (n max p - 1) / (n - 1), which is 0 where it is even and 1 where it is certain.

    For two candidates that is 2|p - 1/2|. A label of one candidate is certain.
    """
    others = np.maximum(n_candidates - 1, 1)
    sure: NDArray[np.float64] = np.where(
        n_candidates > 1, (n_candidates * probs.max(axis=1).astype(np.float64) - 1) / others, 1.0
    )
    return sure


def discord(batch: LabelBatch, found: NDArray[np.float32]) -> NDArray[np.float64]:
    """How far weak labels are from other labels of the same examples, [N], 0 to 1.

    For common classes half the sum of |p - w|, which for two is |p - w| of one of them. Where candidates differ, that
    would find fault with every certain label among thirty candidates, however right; there it is 1 - p(c) / max p, with
    c the weak label's likeliest candidate: how much another one is preferred to it.

    Args:
        batch: The weak labels w.
        found: The other labels p, [N, K].
    """
    probs = found.astype(np.float64)
    if batch.shared_candidates:
        apart: NDArray[np.float64] = 0.5 * np.abs(probs - batch.probs).sum(axis=1)
        return apart
    chosen: NDArray[np.float64] = probs[np.arange(len(batch)), batch.choices]
    return 1 - chosen / probs.max(axis=1)
