"""The jobs of `elicit`: the labels, folds of them, a student of each, and one student of all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from w2slab.apps.elicit.elicit_request import ElicitRequest
from w2slab.errors import StudyError
from w2slab.experiment.trial import Trial
from w2slab.graph.job import Graph, Job
from w2slab.jobs.comparison import StudentWithReferences
from w2slab.jobs.finetune import FinetuneSpec
from w2slab.jobs.own_labels import FoldSpec, OwnLabelsSpec
from w2slab.jobs.probe import ProbeSpec
from w2slab.jobs.prompt import PromptSpec
from w2slab.jobs.spec import FileDigests, LearningSpec, job
from w2slab.methods.method import Method

if TYPE_CHECKING:
    from w2slab.study.study import Study


@dataclass(frozen=True)
class ElicitPlan:
    """Jobs by their purpose.

    Args:
        graph: All of them.
        own: Texts and weak labels.
        folds: By seed: a student for each fold, in order.
        finals: By seed: the student of all labels; that of the first seed is the one that is exported.
    """

    graph: Graph
    own: Job
    folds: dict[int, list[Job]]
    finals: dict[int, Job]


def plan(request: ElicitRequest, labels: OwnLabelsSpec) -> ElicitPlan:
    """Return the graph of a request.

    Args:
        request: The request.
        labels: The user's files.

    Raises:
        StudyError: The method asks for ground truth.
        UnavailableError: The model is missing on this machine.
    """
    files = FileDigests()
    own = job(labels, title=f"labels of {labels.texts.name}", files=files)
    study = request.study(request.model.resolved(), labels.labels)
    graph, by_seed, finals = Graph(), {}, {}
    for seed in request.seeds:
        by_seed[seed] = [_student(request, study, own, fold, seed, files) for fold in range(request.folds)]
        finals[seed] = _with_weights(_student(request, study, own, None, seed, files), files)
        for each in (*by_seed[seed], finals[seed]):
            graph.add(each, wanted=True)
    if any(_learns_truth(each) for each in graph):
        raise StudyError(f"{request.method.display_name}, as it is set, uses ground truth, and there is none here")
    return ElicitPlan(graph, own, by_seed, finals)


def _learns_truth(of: Job) -> bool:
    return isinstance(of.spec, LearningSpec | ProbeSpec | PromptSpec) and of.spec.labels == "true"


def _student(request: ElicitRequest, study: Study, own: Job, fold: int | None, seed: int, files: FileDigests) -> Job:
    """The method's student of the labels outside a fold, or of all."""
    kept = "all labels" if fold is None else f"labels but fold {fold + 1} of {request.folds}"
    spec = FoldSpec(fold=fold, n_folds=request.folds, validation_frac=request.validation_frac, seed=seed)
    data = job(spec, title=f"{kept}, seed {seed}", files=files, task=own)
    trial = Trial(study, study.tasks[0], seed, files, data=data)
    ((weak, strong),) = study.all_pairs()
    assert isinstance(request.method, Method)  # what a study holds, under the name by which it knows it
    found = request.method.student(trial, weak, strong, data)
    return found.student if isinstance(found, StudentWithReferences) else found


def _with_weights(student: Job, files: FileDigests) -> Job:
    """The same job, which keeps its weights, so that they can be exported."""
    if not isinstance(student.spec, FinetuneSpec):
        return student
    return job(replace(student.spec, keep_weights=True), title=student.title, files=files, **student.inputs)
