"""Labels that look like weak labels and carry no knowledge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from w2slab.relabelings.relabeling import LabelBatch, RelabelResult, one_hot


@dataclass(frozen=True)
class Shuffled:
    """Give each example the labels of another one, drawn without return (control).

    Where candidates differ by example, each row is shuffled over its own candidates: confidence stays, knowledge goes.
    """

    every_split: ClassVar[bool] = True

    def __call__(self, given: LabelBatch) -> RelabelResult:
        """The rows in another order, or each row in another order."""
        if given.shared_candidates:
            return RelabelResult(given.probs[given.generator.permutation(len(given))])
        probs = given.probs.copy()
        for row, n in zip(probs, given.n_candidates, strict=True):
            row[:n] = given.generator.permutation(row[:n])
        return RelabelResult(probs)


@dataclass(frozen=True)
class Random:
    """Label each example with a candidate drawn evenly, with certainty (control)."""

    every_split: ClassVar[bool] = True

    def __call__(self, given: LabelBatch) -> RelabelResult:
        """One candidate each."""
        return RelabelResult(one_hot(given.generator.integers(given.n_candidates), given.probs.shape[1]))


@dataclass(frozen=True)
class Constant:
    """Label each example with its first candidate, with certainty (control)."""

    every_split: ClassVar[bool] = True

    def __call__(self, given: LabelBatch) -> RelabelResult:
        """The first candidate each."""
        return RelabelResult(one_hot(np.zeros(len(given), dtype=np.int64), given.probs.shape[1]))
