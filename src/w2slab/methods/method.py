"""The base of all methods, and what methods ask of the models of a study."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, WithJsonSchema

from w2slab.errors import W2SError
from w2slab.jobs.comparison import StudentWithReferences
from w2slab.models.model import Model
from w2slab.study.study import Study, StudyMethod

if TYPE_CHECKING:
    from w2slab.experiment.trial import Trial
    from w2slab.graph.job import Job


LabelSource = Annotated[
    Literal["weak", "true"],
    BeforeValidator(lambda written: "true" if written is True else written),  # as YAML reads `labels: true`
    WithJsonSchema({"enum": ["weak", "true", True]}),
]
"""Whose labels something learns: the supervisor's, or ground truth."""


@dataclass(frozen=True)
class Method(StudyMethod):
    """The way a student is obtained from weak labels: a frozen dataclass whose fields are what a study may write.

    A method *describes* jobs; it computes nothing and imports without torch.
    """

    @abstractmethod
    def student(self, trial: Trial, weak: Model, strong: Model, labels: Job) -> Job | StudentWithReferences:
        """Return the job whose predictions are the student's, alone or with its own supervisor and ceiling.

        Args:
            trial: Makes jobs for one task under one seed.
            weak: The supervisor's model.
            strong: The student's model.
            labels: A job that left weak labels for `student_train`, `validation` and `reserve`.
        """


def without_text(study: Study, *, supervisors: bool = False) -> Iterator[str]:
    """Iterate over sentences, one for each rung that would have to continue a text and cannot.

    Args:
        study: The study.
        supervisors: Whether weak models must be able to, as strong ones must.
    """
    for model in _rungs(study, supervisors):
        if _answer(model, lambda each: each.generates) is False:
            yield f'ladder: "{model.name}" is no causal language model and cannot continue a text'


def without_features(study: Study) -> Iterator[str]:
    """Iterate over sentences, one for each strong rung whose network has no features that a probe could read."""
    for model in _rungs(study, False):
        if _answer(model, lambda each: each.has_features) is False:
            yield f'ladder: the network of "{model.name}" has no features that a probe could read'


def frozen_features(study: Study) -> Iterator[str]:
    """Yield a sentence where the study trains heads alone and a method needs more."""
    if study.tuning is not None:
        yield "tuning: head trains no features, and this method does; leave it out, or set tuning: full"


def without_supervisors(study: Study) -> Iterator[str]:
    """Yield a sentence where weak labels do not come from models, and a method needs more than one of them."""
    if study.supervision is not None:
        yield "supervision: this method trains weak models of its own on ground truth; set supervision: model"


def _rungs(study: Study, supervisors: bool) -> list[Model]:
    """Strong models of the study's pairs, and weak ones where they matter too."""
    names = {side.name for side in study.sides}
    if study.pairs != "all" and not all(name in names for pair in study.pairs for name in pair):
        return []  # reported with its place already
    wanted = {
        rung.name for weak, strong in study.all_pairs() for rung in ((weak, strong) if supervisors else (strong,))
    }
    return [rung for rung in study.ladder if rung.name in wanted]


def _answer(model: Model, question: Callable[[Model], bool]) -> bool | None:
    """The answer of a model; `None` where it cannot tell here."""
    try:
        return question(model)
    except W2SError:
        return None  # a file or a model is missing; planning tells it with its own advice
