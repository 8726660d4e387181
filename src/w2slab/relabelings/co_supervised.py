"""Labels of several supervisors, assigned to examples by their distance from the student."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from w2slab.relabelings.relabeling import LabelBatch, Relabeling, RelabelResult, kept, lowest, others_of


@dataclass(frozen=True)
class CoSupervised(Relabeling):
    """Assign each example the supervisor nearest to the student, a variant (Liu and Alahi 2024, arXiv 2402.15505).

    Supervisors are the weak labels and the further ones but the last, which is the student's current prediction f. An
    example is assigned the label w with the least cross entropy - sum w log f, the earliest of equals. Then those
    examples are left out whose label's likeliest candidate is least probable to the student (teacher-student
    consistency). A variant: the source knows which classes each supervisor is a specialist for and looks its specialist
    up by the student's choice, and it keeps as many examples as have a label among the student's likeliest three, which
    for two classes is all. Its levels, from generalists to specialists, are calls of this with a new student each.

    Args:
        by: The cross entropy alone, or first the agreement of a supervisor's choice with the student's.
        reject: Share of the examples that is left out, rounded down; of equally consistent ones those are drawn.
    """

    needs_others: ClassVar[int] = 2

    by: Literal["cross-entropy", "agreement"] = "cross-entropy"
    reject: Annotated[float, Field(ge=0, lt=1)] = 0.1

    def __call__(self, batch: LabelBatch) -> RelabelResult:
        """Return the assigned labels, and weight 0 for rejected examples."""
        *further, student = others_of(batch, 2)
        labels = np.stack([batch.probs, *further])
        logs = np.log(np.maximum(student.astype(np.float64), 1e-30))
        distances = -(labels * logs).sum(axis=2)
        if self.by == "agreement":
            disagrees = labels.argmax(axis=2) != student.argmax(axis=1)
            distances += disagrees * (distances.max() + 1)
        everyone = np.arange(len(batch))
        probs = labels[distances.argmin(axis=0), everyone]
        unlikely = -logs[everyone, probs.argmax(axis=1)]
        keep = lowest(unlikely, 1 - self.reject, batch.generator)
        return kept(batch, keep, "reject a smaller share")._replace(probs=probs)
