"""`elicit` from files to report: checked first, run as a graph of jobs, written at the end."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from w2slab.apps.elicit.elicit_page import write_page
from w2slab.apps.elicit.elicit_plan import ElicitPlan, plan
from w2slab.apps.elicit.elicit_request import ElicitRequest, request_of
from w2slab.apps.elicit.elicit_summary import summarise, write_files
from w2slab.apps.elicit.findings import Findings, GroundTruth, collect
from w2slab.apps.elicit.student_record import StudentRecord
from w2slab.data.examples import Examples
from w2slab.data.readers.annotations import read_labels, read_truth
from w2slab.data.readers.texts import Layout, read_more, read_texts
from w2slab.errors import DataError, JobError
from w2slab.experiment import run as api
from w2slab.graph.runner import Outcome
from w2slab.graph.store import Store
from w2slab.jobs.finetune import FinetuneSpec
from w2slab.jobs.own_labels import OwnLabelsSpec
from w2slab.methods.method import Method
from w2slab.models.model import Model
from w2slab.study.writing import plain
from w2slab.training.recipe import Recipe


@dataclass(frozen=True)
class OwnFiles:
    """A user's files.

    Args:
        texts: The texts.
        labels: Their labels.
        truth: Some ground-truth labels, or `None`.
        more: Texts without labels, or `None`.
        layout: Fields of a row of texts.
        classes: Names of the classes, in order; `None` is those that occur in the labels.
    """

    texts: Path
    labels: Path
    truth: Path | None = None
    more: Path | None = None
    layout: Layout = field(default_factory=Layout)
    classes: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Prepared:
    """A request that was checked and planned.

    Args:
        request: The request.
        files: The user's files.
        plan: The jobs.
        truth: Some ground-truth labels, or `None`.
    """

    request: ElicitRequest
    files: OwnFiles
    plan: ElicitPlan
    truth: GroundTruth | None


def prepare(request: ElicitRequest, files: OwnFiles) -> Prepared:
    """Read and check all files of the user, and plan; nothing is written.

    Raises:
        DataError: A file is malformed, files do not belong together, or the model cannot learn from them.
        UnavailableError: The model is missing on this machine.
    """
    texts = read_texts(files.texts, files.layout)
    labels = read_labels(files.labels, texts, files.classes)
    if files.more is not None:
        read_more(files.more, files.layout, texts)
    truth = None if files.truth is None else GroundTruth(*read_truth(files.truth, texts, labels.classes))
    n_groups = len(set(texts.table.column("group").to_pylist()))
    if n_groups < request.folds:
        raise DataError(
            f"{files.texts}: {n_groups} groups of texts cannot be divided into {request.folds} folds; ask for fewer "
            "folds, or bring more texts"
        )
    own = OwnLabelsSpec(
        texts=files.texts, labels=files.labels, more=files.more, layout=files.layout, classes=labels.classes
    )
    planned = plan(request, own)
    for problem in request.model.problems(Examples(texts.table, labels.classes)):
        raise DataError(f"{request.model.name}: {problem}")
    return Prepared(request, files, planned, truth)


def run(prepared: Prepared, store: Store, **how: Any) -> Outcome:
    """Run the jobs that are missing; `how` as for `experiment.run.execute`."""
    return api.execute(prepared.plan.graph, store, **how)


def write(prepared: Prepared, store: Store, out: Path, *, command: str) -> tuple[Path, dict[str, Any]]:
    """Write labels, disagreements, summary and report into a folder; the page and the summary are returned.

    Args:
        prepared: A request whose jobs are done.
        store: The store of their results.
        out: The folder; files of the same names in it are replaced.
        command: The command that reproduces the folder.
    """
    request, files = prepared.request, prepared.files
    findings = collect(prepared.plan, store, prepared.truth, request.level)
    summary = _described(prepared, store, findings, command)
    out.mkdir(parents=True, exist_ok=True)
    page = write_page(findings, summary, request, out, name=f"Labels of {files.texts.name}", command=command)
    write_files(findings, summary, out)
    return page, summary


def _described(prepared: Prepared, store: Store, findings: Findings, command: str) -> dict[str, Any]:
    """The summary, with the request and the place of the student."""
    request, planned = prepared.request, prepared.plan
    student = planned.finals[request.seeds[0]]
    facts = store.record(student.key).get("facts") or {}
    truncated = ((facts.get("notes") or {}).get("student_train") or {}).get("n_truncated")
    method = plain(request.method, Path())
    return {
        "w2slab": version("w2slab"),
        "command": command,
        "model": request.model.name,
        "n_parameters": facts.get("n_parameters"),
        "method": request.method.display_name,
        "method_fields": {name: value for name, value in method.items() if name not in ("name", "called")},
        "recipe": asdict(request.recipe),
        "weak_labels": request.weak_labels,
        "seeds": list(request.seeds),
        "folds": request.folds,
        "layout": asdict(prepared.files.layout),
        "n_truncated": truncated,
        **summarise(findings),
        "student": {
            "store": os.path.abspath(store.root),
            "key": student.key,
            "data": student.inputs["data"].key,
            "network": StudentRecord.of(student.spec).written() if isinstance(student.spec, FinetuneSpec) else None,
        },
    }


# --- from Python ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Elicited:
    """Students of a user's labels.

    Args:
        prepared: The request and its jobs.
        store: The store of their results.
        outcome: How the run ended. One that was stopped goes on when `elicit` is called again.
    """

    prepared: Prepared
    store: Store
    outcome: Outcome

    def findings(self) -> Findings:
        """Read what the students predict, beside the labels."""
        return collect(self.prepared.plan, self.store, self.prepared.truth, self.prepared.request.level)

    def summary(self) -> dict[str, Any]:
        """Every number of the findings, as JSON-like data."""
        return summarise(self.findings())

    def write(self, out: Path | str, *, command: str = "w2slab.elicit(...)") -> Path:
        """Write labels, disagreements, summary and report into a folder; the page is returned."""
        return write(self.prepared, self.store, Path(out), command=command)[0]


def elicit(
    texts: Path | str,
    labels: Path | str,
    *,
    model: Model | str,
    method: Method | str = "naive",
    truth: Path | str | None = None,
    more: Path | str | None = None,
    layout: Layout | None = None,
    classes: Sequence[str] | None = None,
    recipe: Recipe | None = None,
    weak_labels: Literal["hard", "soft"] = "soft",
    seeds: Sequence[int] = (0,),
    folds: int = 3,
    level: float = 0.95,
    store: Store | Path | str = ".w2slab",
    **how: Any,
) -> Elicited:
    """Train students on a user's labels, so that each text is labelled by students that were not trained on its label.

    Args:
        texts: File of texts with ids.
        labels: File of labels by id.
        model: A model; or the name of a shipped rung, a folder, `package:module/folder`, or a hub id.
        method: A method, or the name of one.
        truth: File of some ground-truth labels by id.
        more: File of texts without labels, which the student labels.
        layout: Fields of a row of texts.
        classes: Names of the classes, in order; `None` is those that occur in the labels.
        recipe: The training; `None` is the usual one of `elicit`.
        weak_labels: Labels as probabilities (`soft`) or as the likeliest class (`hard`).
        seeds: Students are averaged over seeds.
        folds: Number of parts of the texts; a student is trained on the labels of all parts but one.
        level: Coverage of the confidence intervals.
        store: Where results are kept.
        how: How to compute, as keyword arguments of `run`.

    Raises:
        StudyError: The request has mistakes, or the method uses ground truth.
        DataError: A file is malformed, or files do not belong together.
        UnavailableError: The model is missing on this machine.
        JobError: A job failed.
    """
    request = request_of(model, method, recipe, weak_labels=weak_labels, seeds=tuple(seeds), folds=folds, level=level)
    files = OwnFiles(
        texts=Path(texts),
        labels=Path(labels),
        truth=None if truth is None else Path(truth),
        more=None if more is None else Path(more),
        layout=layout or Layout(),
        classes=None if classes is None else tuple(classes),
    )
    prepared = prepare(request, files)
    opened = api.open_store(store)
    outcome = run(prepared, opened, **how)
    for key, message in outcome.failed.items():
        raise JobError(f"{prepared.plan.graph[key].title}: {message}")
    return Elicited(prepared, opened, outcome)
