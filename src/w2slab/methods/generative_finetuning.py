"""Generative finetuning."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from w2slab.methods.method import Roles, without_supervisors, without_text

if TYPE_CHECKING:
    from w2slab.graph.job import Job
    from w2slab.setting import Setting
    from w2slab.study import Rung, Study


@dataclass(frozen=True)
class GenerativeFinetuning:
    """Before it meets a label, the model learns to write the task's texts (Burns et al. 2023, section 5.2.2).

    Every text is learned, whichever candidate is right. The paper's early stopping by true labels (its figure 17)
    needs no study of its own: it is the stopping point `true-labels` of the results.

    Args:
        variant: Who begins so: student and ceiling, held against the usual supervisor (the paper's figure 10), or all
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

    def student(self, setting: Setting, weak: Rung, strong: Rung, labels: Job) -> Roles:
        """The naive student and its ceiling, both from a model that knows the texts."""
        start, supervisor = self._writer(setting, strong), None
        if self.variant == "all":
            labels = supervisor = setting.supervisor(weak, start=self._writer(setting, weak))
        return Roles(
            student=setting.finetune(strong, labels=labels, start=start),
            ceiling=setting.ceiling(strong, start=start),
            supervisor=supervisor,
        )

    def _writer(self, setting: Setting, rung: Rung) -> Job:
        return setting.generative(rung, texts=self.texts, epochs=self.epochs, lr=self.lr)
