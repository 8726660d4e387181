"""Controls: labels that look like weak labels and carry no information about the task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from w2slab.relabelings.relabeling import LabelBatch, Relabeling, RelabelResult, one_hot


@dataclass(frozen=True)
class Shuffled(Relabeling):
    """Give each example the label of another one, drawn without replacement (control).

    Where candidates differ by example, each row is shuffled over its own candidates: confidence stays, information is
    lost.
    """

    every_split: ClassVar[bool] = True

    def __call__(self, batch: LabelBatch) -> RelabelResult:
        """Return the rows in another order, or each row in another order."""
        if batch.shared_candidates:
            return RelabelResult(batch.probs[batch.generator.permutation(len(batch))])
        probs = batch.probs.copy()
        for row, n in zip(probs, batch.n_candidates, strict=True):
            row[:n] = batch.generator.permutation(row[:n])
        return RelabelResult(probs)


@dataclass(frozen=True)
class Random(Relabeling):
    """Label each example with one candidate drawn uniformly (control)."""

    every_split: ClassVar[bool] = True

    def __call__(self, batch: LabelBatch) -> RelabelResult:
        """Return one candidate for each example."""
        return RelabelResult(one_hot(batch.generator.integers(batch.n_candidates), batch.probs.shape[1]))


@dataclass(frozen=True)
class Constant(Relabeling):
    """Label each example with its first candidate (control)."""

    every_split: ClassVar[bool] = True

    def __call__(self, batch: LabelBatch) -> RelabelResult:
        """Return the first candidate of each example."""
        return RelabelResult(one_hot(np.zeros(len(batch), dtype=np.int64), batch.probs.shape[1]))
