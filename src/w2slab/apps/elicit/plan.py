"""The jobs of `elicit`: the labels, folds of them, a student of each, and one student of all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from w2slab import registry
from w2slab.apps.elicit.request import Request
from w2slab.errors import StudyError
from w2slab.experiment.pinning import model_spec
from w2slab.experiment.trial import Trial
from w2slab.graph.fingerprint import LocalFile
from w2slab.graph.job import Graph, Job
from w2slab.specs import FinetuneSpec, FoldSpec, OwnLabelsSpec, PluginSpec, job
from w2slab.study.study import TaskEntry


@dataclass(frozen=True)
class Plan:
    """Jobs by what they are for.

    Args:
        own: Texts and weak labels.
        folds: By seed: a student for each fold, in order.
        finals: By seed: the student of all labels; that of the first seed is the one that is exported.
    """

    graph: Graph
    own: Job
    folds: dict[int, list[Job]]
    finals: dict[int, Job]


def plan(
    request: Request,
    texts: Path,
    labels: Path,
    more: Path | None,
    layout: Mapping[str, Any],
    classes: tuple[str, ...] | None,
) -> Plan:
    """The graph of a request.

    Args:
        request: What is asked.
        texts: The file of texts.
        labels: The file of labels.
        more: A file of texts without labels.
        layout: Fields of `tasks.text.identified.Layout`.
        classes: Their names; `None` where each text has its own candidates.

    Raises:
        StudyError: The method does not suit the model, or asks for true labels.
        UnavailableError: The model is missing on this machine.
    """
    own = job(
        OwnLabelsSpec(
            texts=LocalFile.of(texts),
            labels=LocalFile.of(labels),
            more=None if more is None else LocalFile.of(more),
            layout=dict(layout),
            classes=classes,
        ),
        title=f"labels of {texts.name}",
    )
    model = model_spec(request.model)
    method = registry.build("methods", request.method.name, request.method.fields)
    problems = list(method.problems(request.study()))
    if problems:
        raise StudyError("; ".join(f"{request.method.name}: {problem}" for problem in problems))
    graph, by_seed, finals = Graph(), {}, {}
    for seed in request.seeds:

        def student(fold: int | None, seed: int = seed) -> Job:
            return _student(request, method, model, own, fold, seed)

        by_seed[seed] = [student(fold) for fold in range(request.folds)]
        finals[seed] = _with_weights(student(None))
        for each in (*by_seed[seed], finals[seed]):
            graph.add(each, wanted=True)
    if any(getattr(each.spec, "labels", None) == "true" for each in graph):
        raise StudyError(f"{request.method.name}, as it is set, learns from true labels, of which there are none here")
    return Plan(graph, own, by_seed, finals)


def _student(request: Request, method: Any, model: PluginSpec, own: Job, fold: int | None, seed: int) -> Job:
    """The method's student of the labels outside a fold, or of all."""
    kept = "all labels" if fold is None else f"labels but fold {fold + 1} of {request.folds}"
    data = job(
        FoldSpec(fold=fold, n_folds=request.folds, validation_frac=request.validation_frac, seed=seed),
        title=f"{kept}, seed {seed}",
        task=own,
    )
    rung = request.model
    own_labels = TaskEntry(name="own-labels")  # its `prepare` job is not asked for: the fold stands in its place
    trial = Trial(request.study(), own_labels, PluginSpec(name=own_labels.name), {rung.name: model}, seed)
    trial.data = data
    found = method.student(trial, rung, rung, data)
    return found if isinstance(found, Job) else found.student


def _with_weights(student: Job) -> Job:
    """The same job, which keeps its weights, so that they can be exported."""
    if not isinstance(student.spec, FinetuneSpec):
        return student
    return job(replace(student.spec, keep_weights=True), title=student.title, **student.inputs)
