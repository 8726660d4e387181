"""The experiment: a study in, its graph of jobs out. Who opens only this file understands what is done.

For each task and seed, a weak *supervisor* learns on ground truth of `supervisor_train`. Its predictions on
`student_train` are the *weak labels*. A strong *student* learns on those, by one method or another; the *ceiling*, the
same strong model, learns on ground truth of the same examples. All three are evaluated on `test`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import TypeVar

from w2slab import registry
from w2slab.errors import DataError, UnavailableError, W2SError
from w2slab.experiment.trial import Trial
from w2slab.graph.component import Component
from w2slab.graph.job import Graph
from w2slab.jobs.comparison import Comparison
from w2slab.jobs.spec import FileDigests
from w2slab.methods.method import Method
from w2slab.methods.naive import Naive
from w2slab.relabelings.controls import Constant, Random, Shuffled
from w2slab.relabelings.relabeling import Relabeling
from w2slab.study.study import Study

C = TypeVar("C", bound=Component)

CONTROLS: dict[str, Relabeling] = {"shuffled": Shuffled(), "random": Random(), "constant": Constant()}


@dataclass(frozen=True)
class Plan:
    """The jobs of a study, and which of them are compared with each other."""

    study: Study
    graph: Graph
    comparisons: list[Comparison]

    @property
    def baseline(self) -> str:
        """Name in the results of the method with which the others are compared, and which controls use."""
        return _baseline(self.study)


def plan(study: Study) -> Plan:
    """Return every job of the study, in the order the story is told.

    Raises:
        DataError: A task's file is missing.
        UnavailableError: A model is missing on this machine.
    """
    graph, files = Graph(), FileDigests()
    comparisons: list[Comparison] = []
    tasks = [_there(task.resolved(), DataError) for task in study.tasks]
    resolved = replace(study, ladder=tuple(_there(model.resolved(), UnavailableError) for model in study.ladder))
    for task, seed in product(tasks, study.seeds):
        trial = Trial(resolved, task, seed, files)
        for weak, strong in resolved.all_pairs():
            weak_labels = trial.weak_labels(weak, strong)
            for method in study.methods:
                assert isinstance(method, Method)  # what a study holds, under the name by which it knows it
                found = method.student(trial, weak, strong, weak_labels)
                comparisons.append(
                    trial.compare(weak, strong, found, method.display_name, uses_truth=method.uses_truth)
                )
        comparisons += _controls(trial)
    for comparison in comparisons:
        for compared in (comparison.data, comparison.supervisor, comparison.ceiling, comparison.student):
            graph.add(compared, wanted=True)
    return Plan(study, graph, comparisons)


def _there(component: C, missing: type[W2SError]) -> C:
    """The component, whose files must exist."""
    for path in component.files():
        if not path.exists():
            raise missing(f"{registry.name_of(component)}: {path} does not exist; mend the path in the study")
    return component


def _baseline(study: Study) -> str:
    return next((method.display_name for method in study.methods if isinstance(method, Naive)), "naive")


def _controls(trial: Trial) -> list[Comparison]:
    """Naive students of labels that carry no knowledge, on the widest pair; and each supervisor's own copy."""
    study, rows = trial.study, []
    order = [r.name for r in study.ladder]
    pairs = study.all_pairs()
    weak, strong = max(
        pairs, key=lambda p: order.index(p[1].name) - (order.index(p[0].name) if p[0].name in order else 0)
    )
    for control in study.controls:
        if control == "self-training":
            for model in {weak.name: weak for weak, _ in pairs}.values():
                student = trial.finetune(model, labels=trial.supervisor(model))
                rows.append(trial.compare(model, model, student, _baseline(study), control))
        else:
            labels = trial.relabel(CONTROLS[control], trial.weak_labels(weak, strong))
            student = trial.finetune(strong, labels=labels)
            rows.append(trial.compare(weak, strong, student, _baseline(study), control))
    return rows
