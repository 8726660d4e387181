"""Naive finetuning."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from w2slab.experiment.trial import Trial
    from w2slab.graph.job import Job
    from w2slab.study.study import Rung, Study


@dataclass(frozen=True)
class Naive:
    """Finetune the strong model on the weak labels as they are (Burns et al. 2023, section 3)."""

    def problems(self, study: Study) -> Iterable[str]:
        """Nothing stands in its way."""
        return ()

    def student(self, trial: Trial, weak: Rung, strong: Rung, labels: Job) -> Job:
        """Cross-entropy on the weak labels."""
        return trial.finetune(strong, labels=labels)
