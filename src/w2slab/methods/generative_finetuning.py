"""Generative finetuning."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from w2slab.jobs.comparison import StudentWithReferences
from w2slab.methods.method import Method, without_supervisors, without_text

if TYPE_CHECKING:
    from w2slab.experiment.trial import Trial
    from w2slab.graph.job import Job
    from w2slab.models.model import Model
    from w2slab.study.study import Study


@dataclass(frozen=True)
class GenerativeFinetuning(Method):
    """Before it meets a label, the model learns to write the task's texts (Burns et al. 2023, section 5.2.2).

    Every text is learned, whichever candidate is right. The paper's early stopping by ground truth (its figure 17)
    needs no study of its own: it is the stopping point `oracle` of the results.

    Args:
        variant: Who begins so: student and ceiling, compared with the usual supervisor (the paper's figure 10), or all
            three, the student learning from the labels of that supervisor (figure 18).
        texts: The splits whose texts are learned.
        epochs: Passes over these texts.
        lr: Peak learning rate; `None` is the rung's.
    """

    variant: Literal["student-and-ceiling", "all"] = "student-and-ceiling"
    texts: Annotated[
        tuple[Literal["supervisor_train", "student_train", "validation", "reserve"], ...], Field(min_length=1)
    ] = ("student_train",)
    epochs: Annotated[int, Field(ge=1, le=10_000)] = 1
    lr: Annotated[float, Field(gt=0)] | None = None

    def problems(self, study: Study) -> Iterable[str]:
        """Models that cannot continue a text; a split that the study does not make."""
        yield from without_text(study, supervisors=self.variant == "all")
        if self.variant == "all":
            yield from without_supervisors(study)
        if "reserve" in self.texts and not study.splits.reserve:
            yield "texts: the study has no reserve; set splits.reserve, or leave it out"

    def student(self, trial: Trial, weak: Model, strong: Model, labels: Job) -> StudentWithReferences:
        """The naive student and its ceiling, both from a model that knows the texts."""
        start, supervisor = self._writer(trial, strong), None
        if self.variant == "all":
            labels = supervisor = trial.supervisor(weak, start=self._writer(trial, weak))
        return StudentWithReferences(
            student=trial.finetune(strong, labels=labels, start=start),
            ceiling=trial.ceiling(strong, start=start),
            supervisor=supervisor,
        )

    def _writer(self, trial: Trial, rung: Model) -> Job:
        return trial.generative(rung, texts=self.texts, epochs=self.epochs, lr=self.lr)
