"""The experiment: a study in, its graph of jobs out. Who opens only this file understands what is done.

For each task and seed, a weak *supervisor* learns on true labels of `supervisor_train`. Its predictions on
`student_train` are the *weak labels*. A strong *student* learns on those, by one method or another; the *ceiling*, the
same strong model, learns on the true labels of the same examples. All three are judged on `test`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from w2slab import registry
from w2slab.experiment.pinning import model_spec, task_spec
from w2slab.experiment.trial import Trial
from w2slab.graph.job import Graph
from w2slab.specs import Comparison
from w2slab.study.study import Study, label


@dataclass(frozen=True)
class Plan:
    """The jobs of a study, and which of them are held against each other."""

    graph: Graph
    comparisons: list[Comparison]
    baseline: str = "naive"
    """Name in the results of the method that the others are held against, and that controls use."""


def plan(study: Study) -> Plan:
    """Every job of the study, in the order the story is told.

    Raises:
        DataError: A task's file is missing.
        UnavailableError: A model is missing on this machine.
    """
    graph = Graph()
    comparisons: list[Comparison] = []
    methods = [(label(m), registry.build("methods", m.name, m.fields)) for m in study.methods]
    tasks = [(task, task_spec(task)) for task in study.tasks]
    models = {rung.name: model_spec(rung) for rung in study.ladder}
    for (task, spec), seed in product(tasks, study.seeds):
        trial = Trial(study, task, spec, models, seed)
        for weak, strong in study.all_pairs():
            weak_labels = trial.weak_labels(weak, strong)
            for name, method in methods:
                found = method.student(trial, weak, strong, weak_labels)
                uses_truth = getattr(method, "uses_truth", False)
                comparisons.append(trial.compare(weak, strong, found, name, uses_truth=uses_truth))
        comparisons += _controls(trial)
    for comparison in comparisons:
        for judged in (comparison.data, comparison.supervisor, comparison.ceiling, comparison.student):
            graph.add(judged, wanted=True)
    return Plan(graph, comparisons, _baseline(study))


def _baseline(study: Study) -> str:
    return next((label(m) for m in study.methods if m.name == "naive"), "naive")


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
            for rung in {weak.name: weak for weak, _ in pairs}.values():
                student = trial.finetune(rung, labels=trial.supervisor(rung))
                rows.append(trial.compare(rung, rung, student, _baseline(study), control))
        else:
            labels = trial.relabel(control, trial.weak_labels(weak, strong))
            student = trial.finetune(strong, labels=labels)
            rows.append(trial.compare(weak, strong, student, _baseline(study), control))
    return rows
