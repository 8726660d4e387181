"""What a method is, and what methods ask of the models of a study."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, Protocol

from pydantic import BeforeValidator, WithJsonSchema

from w2slab.errors import W2SError

if TYPE_CHECKING:
    from w2slab.experiment.trial import Trial
    from w2slab.graph.job import Job
    from w2slab.study.study import Rung, Study


LabelSource = Annotated[
    Literal["weak", "true"],
    BeforeValidator(lambda written: "true" if written is True else written),  # as YAML reads `labels: true`
    WithJsonSchema({"enum": ["weak", "true", True]}),
]
"""Whose labels something is told: the supervisor's, or the true ones."""


@dataclass(frozen=True)
class StudentWithReferences:
    """A student that is held against a supervisor or a ceiling of its own.

    Args:
        student: The job whose predictions are the student's.
        ceiling: The job of its ceiling; `None` is the strong model finetuned on true labels.
        supervisor: The job of its supervisor; `None` is the weak model finetuned on true labels.
    """

    student: Job
    ceiling: Job | None = None
    supervisor: Job | None = None


class Method(Protocol):
    """How a student is obtained: a frozen dataclass whose fields are what a study may write.

    A method *describes* jobs; it computes nothing and imports without torch. One that tells its student true labels of
    `student_train` says so by an attribute `uses_truth` that is true; reports then set it apart.
    """

    def problems(self, study: Study) -> Iterable[str]:
        """What makes this method impossible in this study, as sentences; usually nothing."""
        ...

    def student(self, trial: Trial, weak: Rung, strong: Rung, labels: Job) -> Job | StudentWithReferences:
        """The job whose predictions are the student's, alone or with its own supervisor and ceiling.

        Args:
            trial: Makes jobs for one task under one seed.
            weak: The rung of the supervisor.
            strong: The rung of the student.
            labels: A job that left weak labels for `student_train`, `validation` and `reserve`.
        """
        ...


def without_text(study: Study, *, supervisors: bool = False) -> Iterator[str]:
    """A sentence for each rung that would have to continue a text and cannot.

    Args:
        study: The study.
        supervisors: Whether weak models must be able to, as strong ones must.
    """
    for rung in _rungs(study, supervisors):
        if _ask(rung, "generates") is False:
            yield f'ladder: "{rung.name}" is no causal language model and cannot continue a text'


def without_features(study: Study) -> Iterator[str]:
    """A sentence for each strong rung whose network has no features that a probe could read."""
    for rung in _rungs(study, False):
        if _ask(rung, "has_features") is False:
            yield f'ladder: the network of "{rung.name}" has no features that a probe could read'


def frozen_features(study: Study) -> Iterator[str]:
    """A sentence where the study trains heads alone and a method needs more."""
    if study.tuning is not None:
        yield "tuning: head trains no features, and this method does; leave it out, or set tuning: full"


def without_supervisors(study: Study) -> Iterator[str]:
    """A sentence where weak labels do not come from models, and a method needs more than one of them."""
    if study.supervision is not None:
        yield "supervision: this method trains weak models of its own; set supervision: model, or leave it out"


def _rungs(study: Study, supervisors: bool) -> list[Rung]:
    """Strong models of the study's pairs, and weak ones where they matter too."""
    names = {side.name for side in study.sides}
    if study.pairs != "all" and not all(name in names for pair in study.pairs for name in pair):
        return []  # reported with its place already
    wanted = {
        rung.name for weak, strong in study.all_pairs() for rung in ((weak, strong) if supervisors else (strong,))
    }
    return [rung for rung in study.ladder if rung.name in wanted]


def _ask(rung: Rung, question: str) -> bool | None:
    """What a rung's family answers: no where it does not know the question, `None` where it cannot tell here."""
    try:
        return bool(getattr(rung.make(), question, False))
    except W2SError:
        return None  # a file or a model is missing; planning tells it with its own advice
