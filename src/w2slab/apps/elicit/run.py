"""`elicit` from files to report: checked first, run as a graph of jobs, written at the end."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from w2slab.apps.elicit.findings import Findings, Truth, collect
from w2slab.apps.elicit.page import write_page
from w2slab.apps.elicit.plan import Plan, plan
from w2slab.apps.elicit.request import Request
from w2slab.apps.elicit.summary import summarise, write_files
from w2slab.data.examples import Examples
from w2slab.data.readers.annotations import read_labels, read_truth
from w2slab.data.readers.texts import Layout, read_more, read_texts
from w2slab.errors import DataError
from w2slab.experiment import run as api
from w2slab.graph.fingerprint import transport
from w2slab.graph.runner import Outcome
from w2slab.graph.store import Store


@dataclass(frozen=True)
class Files:
    """What the user brings.

    Args:
        texts: The texts.
        labels: Their labels.
        truth: A few true labels, or `None`.
        more: Texts without labels, or `None`.
        layout: Which fields of a row of texts are what.
        classes: Names of the classes, in order; `None` is those that occur in the labels.
    """

    texts: Path
    labels: Path
    truth: Path | None = None
    more: Path | None = None
    layout: Layout = field(default_factory=Layout)
    classes: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Elicited:
    """A request that was checked and planned.

    Args:
        plan: Its jobs.
        truth: A few true labels, or `None`.
    """

    request: Request
    files: Files
    plan: Plan
    truth: Truth | None


def prepare(request: Request, files: Files) -> Elicited:
    """Read and check everything that the user brings, and plan; nothing is written.

    Raises:
        DataError: A file is malformed, files do not belong together, or the model cannot learn from them.
        UnavailableError: The model is missing on this machine.
    """
    texts = read_texts(files.texts, files.layout)
    labels = read_labels(files.labels, texts, files.classes)
    if files.more is not None:
        read_more(files.more, files.layout, texts)
    truth = None if files.truth is None else Truth(*read_truth(files.truth, texts, labels.classes))
    n_groups = len(set(texts.table.column("group").to_pylist()))
    if n_groups < request.folds:
        raise DataError(
            f"{files.texts}: {n_groups} groups of texts cannot be dealt into {request.folds} folds; ask for fewer "
            "folds, or bring more texts"
        )
    family = request.model.make()
    planned = plan(request, files.texts, files.labels, files.more, asdict(files.layout), labels.classes)
    for problem in family.problems(Examples(texts.table, labels.classes)):
        raise DataError(f"{family.name}: {problem}")
    return Elicited(request, files, planned, truth)


def run(elicited: Elicited, store: Store, **how: Any) -> Outcome:
    """Run the jobs that are missing; `how` as for `api.execute`."""
    return api.execute(elicited.plan.graph, store, **how)


def write(elicited: Elicited, store: Store, out: Path, *, command: str) -> tuple[Path, dict[str, Any]]:
    """Write labels, disagreements, summary and report into a folder; the page and the summary are returned.

    Args:
        elicited: What was run.
        store: Where its results are.
        out: The folder; files of the same names in it are replaced.
        command: What makes all of this again.
    """
    request, files = elicited.request, elicited.files
    findings = collect(elicited.plan, store, elicited.truth, request.level)
    summary = _described(elicited, store, findings, command)
    out.mkdir(parents=True, exist_ok=True)
    page = write_page(findings, summary, request, out, name=f"Labels of {files.texts.name}", command=command)
    write_files(findings, summary, out)
    return page, summary


def _described(elicited: Elicited, store: Store, findings: Findings, command: str) -> dict[str, Any]:
    """The summary, with what was asked and where the student is."""
    request, plan = elicited.request, elicited.plan
    student = plan.finals[request.seeds[0]]
    facts = store.record(student.key).get("facts") or {}
    truncated = ((facts.get("notes") or {}).get("student_train") or {}).get("n_truncated")
    return {
        "w2slab": version("w2slab"),
        "command": command,
        "model": request.model.name,
        "n_parameters": facts.get("n_parameters"),
        "method": request.method.name,
        "method_fields": request.method.fields,
        "recipe": request.recipe.model_dump(),
        "weak_labels": request.weak_labels,
        "seeds": list(request.seeds),
        "folds": request.folds,
        "layout": asdict(elicited.files.layout),
        "n_truncated": truncated,
        **summarise(findings),
        "student": {
            "store": os.path.abspath(store.root),
            "key": student.key,
            "data": student.inputs["data"].key,
            "seed": request.seeds[0],
            "spec": transport(student.spec),
        },
    }
