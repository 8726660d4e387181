"""Label hardening, and label filtering by the supervisor's confidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from w2slab.relabelings.relabeling import LabelBatch, Relabeling, RelabelResult, confidence, kept, lowest, one_hot


@dataclass(frozen=True)
class HardLabels(Relabeling):
    """Harden each weak label to its likeliest candidate (Burns et al. 2023, arXiv 2312.09390).

    Of equally likely candidates the first counts.
    """

    every_split: ClassVar[bool] = True

    def __call__(self, batch: LabelBatch) -> RelabelResult:
        """Return rows of 0 and 1."""
        return RelabelResult(one_hot(batch.choices, batch.probs.shape[1]))


@dataclass(frozen=True)
class ConfidenceFilter(Relabeling):
    """Keep the most confident weak labels, the same share of each class (Zou et al. 2018, arXiv 1810.07911).

    An example is of the class that its label finds likeliest, and the balance of the classes stays. Where candidates
    differ by example there are no classes, and the share is that of all. A share is rounded up; of equally confident
    labels those kept are drawn, so where all are equally confident (hard labels) examples are left out at random.

    Args:
        keep: Share of the examples that is kept.
    """

    keep: Annotated[float, Field(gt=0, le=1)] = 0.5

    def __call__(self, batch: LabelBatch) -> RelabelResult:
        """Return weight 1 for the most confident."""
        unsure = -confidence(batch.probs, batch.n_candidates)
        keep = np.zeros(len(batch), dtype=bool)
        classes = batch.choices if batch.shared_candidates else np.zeros(len(batch), dtype=np.int64)
        for each in np.unique(classes):
            members = np.flatnonzero(classes == each)
            keep[members[lowest(unsure[members], self.keep, batch.generator)]] = True
        return kept(batch, keep, "keep a larger share")
