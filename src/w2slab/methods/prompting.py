"""Prompting."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from w2slab.methods.method import LabelSource, Method, without_text

if TYPE_CHECKING:
    from w2slab.experiment.trial import Trial
    from w2slab.graph.job import Job
    from w2slab.models.model import Model
    from w2slab.study.study import Study


@dataclass(frozen=True)
class Prompting(Method):
    """Ask the strong model and train nothing: zero-shot, or with labelled examples (Burns et al. 2023, section 5.2.1).

    Args:
        shots: Labelled examples of `student_train` in the prompt; the paper's number is 5.
        labels: Of the shots: the supervisor's, as its likeliest candidate, or true ones.
        instruction: A sentence or two that stand before everything else. The classes of a task are asked for as `0`,
            `1` and so on, so it should say what these mean.
    """

    shots: Annotated[int, Field(ge=0, le=1000)] = 0
    labels: LabelSource = "weak"
    instruction: str = ""

    @property
    def uses_truth(self) -> bool:
        """True if shots have ground truth."""
        return self.shots > 0 and self.labels == "true"

    def problems(self, study: Study) -> Iterable[str]:
        """Models that cannot continue a text."""
        yield from without_text(study)

    def student(self, trial: Trial, weak: Model, strong: Model, labels: Job) -> Job:
        """One job that asks; without shots it is the same for every supervisor."""
        return trial.prompt(
            strong, instruction=self.instruction, shots=self.shots, labels=labels if self.labels == "weak" else None
        )
