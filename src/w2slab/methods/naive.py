"""Naive finetuning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from w2slab.methods.method import Method

if TYPE_CHECKING:
    from w2slab.experiment.trial import Trial
    from w2slab.graph.job import Job
    from w2slab.models.model import Model


@dataclass(frozen=True)
class Naive(Method):
    """Finetune the strong model on the weak labels as they are (Burns et al. 2023, section 3)."""

    def student(self, trial: Trial, weak: Model, strong: Model, labels: Job) -> Job:
        """Return the job that minimises cross-entropy on the weak labels."""
        return trial.finetune(strong, labels=labels)
