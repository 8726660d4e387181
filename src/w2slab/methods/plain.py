"""Methods that are naive but for one thing: another objective, or other labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar

from w2slab.methods.method import frozen_features, without_features

if TYPE_CHECKING:
    from w2slab.experiment.trial import Trial
    from w2slab.graph.job import Job
    from w2slab.study.study import Rung, Study


class _OfObjective:
    """The naive student with another objective, whose fields are the method's."""

    row: ClassVar[str]

    def problems(self, study: Study) -> Iterable[str]:
        """Networks without features, or with frozen ones, where the objective looks at them."""
        if getattr(self, "needs_features", False):
            yield from frozen_features(study)
            yield from without_features(study)

    def student(self, trial: Trial, weak: Rung, strong: Rung, labels: Job) -> Job:
        """The naive job with another objective."""
        return trial.finetune(strong, labels=labels, objective=(self.row, values(self)))


class _OfRelabeling:
    """The naive student on labels that a relabeling has made of the weak ones."""

    row: ClassVar[str]

    def problems(self, study: Study) -> Iterable[str]:
        """What no naive student has: labels beside the supervisor's, or features where the network gives none."""
        if getattr(self, "needs_others", 0) or getattr(self, "needs_trusted", False):
            yield f"{self.row} needs labels beside the supervisor's, which only a method of its own can give it"
        if getattr(self, "needs_features", False):
            yield from without_features(study)

    def student(self, trial: Trial, weak: Rung, strong: Rung, labels: Job) -> Job:
        """The naive job on other labels."""
        features = trial.embed(strong) if getattr(self, "needs_features", False) else None
        changed = trial.relabel(self.row, labels, fields=values(self), features=features)
        return trial.finetune(strong, labels=changed)


def of_objective(name: str) -> type:
    """The method that an objective is."""
    return _method("objectives", name, _OfObjective)


def of_relabeling(name: str) -> type:
    """The method that a relabeling is."""
    return _method("relabelings", name, _OfRelabeling)


def values(row: Any) -> dict[str, Any]:
    """What a study may write of a row, by field."""
    return {field.name: getattr(row, field.name) for field in fields(row)}


def _method(kind: str, name: str, student: type) -> type:
    from w2slab import registry

    row = registry.load(kind, name)
    return type(row.__name__, (student, row), {"row": name, "__doc__": row.__doc__, "__module__": row.__module__})
