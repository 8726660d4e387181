"""Label correction by students of the weak labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from w2slab.relabelings.relabeling import LabelBatch, Relabeling, RelabelResult, one_hot, others_of


@dataclass(frozen=True)
class EarlyLearningRelabel(Relabeling):
    """Mix weak labels with predictions of an early-stopped student, a variant (Liu et al. 2020, arXiv 2007.00151).

    The new label is (1 - m) w + m t, with t the prediction of a student that has not yet memorised the weak labels'
    errors. Where several are given, from successive points of training, t is the source's running mean of
    them, t(l) = beta t(l-1) + (1 - beta) f(l) from t(0) = 0 on, made to sum to one. A variant: the source makes its
    targets anew in every epoch and draws the student to them by a term of the loss, where here labels are made once.

    Args:
        weight: The share m of the student.
        momentum: The share beta that earlier predictions keep; where one is given it changes nothing.
    """

    needs_others: ClassVar[int] = 1

    weight: Annotated[float, Field(ge=0, le=1)] = 0.5
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.7

    def __call__(self, batch: LabelBatch) -> RelabelResult:
        """Return the mixed labels."""
        targets: np.ndarray = np.zeros(batch.probs.shape)
        for predicted in others_of(batch, 1):
            targets = self.momentum * targets + (1 - self.momentum) * predicted
        targets /= targets.sum(axis=1, keepdims=True)
        mixed = (1 - self.weight) * batch.probs + self.weight * targets
        return RelabelResult(mixed.astype(np.float32))


@dataclass(frozen=True)
class SelfRelabel(Relabeling):
    """Replace weak labels by a student's predictions for the next student (EleutherAI 2024, github.com/EleutherAI/w2s).

    Strong-to-strong iteration, one step of it. Hardness is kept: where every weak label is certain, the student's
    likeliest candidates are the labels, with certainty; otherwise its probabilities are.
    """

    needs_others: ClassVar[int] = 1

    def __call__(self, batch: LabelBatch) -> RelabelResult:
        """Return the student's predictions as labels."""
        predicted = others_of(batch, 1)[0]
        are_hard = bool((batch.probs.max(axis=1) == 1).all())
        return RelabelResult(one_hot(predicted.argmax(axis=1), predicted.shape[1]) if are_hard else predicted)
