"""The student to export: one of a study, or that of `elicit`."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from w2slab.apps.elicit.elicit_text import interval, points, recipe
from w2slab.apps.elicit.student_record import StudentRecord
from w2slab.apps.study_source import open_source
from w2slab.errors import StudyError, UnavailableError
from w2slab.graph.fingerprint import LocalFile
from w2slab.graph.store import Store
from w2slab.jobs.finetune import FinetuneSpec
from w2slab.report.words import percent, span

if TYPE_CHECKING:
    from w2slab.jobs.comparison import Comparison
    from w2slab.study.parts import Supervision
    from w2slab.study.study import Study

WEIGHTS = Path("checkpoint") / "model.safetensors"


@dataclass(frozen=True)
class Student:
    """A finetuned model in a store, with the facts and figures of its card.

    Args:
        store: Where it is.
        key: Its job.
        network: The record of its network.
        name: Heading of the card.
        facts: Supervisor, base model, method and recipe, by term.
        figures: Accuracy and other metrics, with confidence intervals, by term.
        evaluated_on: The data and the seeds of the figures.
        accuracy: Accuracy, and the data set of its ground truth; `None` where no ground truth is known.
        how: The command that made it.
    """

    store: Store
    key: str
    network: StudentRecord
    name: str
    facts: Mapping[str, str]
    figures: Mapping[str, str] = field(default_factory=dict)
    evaluated_on: str = ""
    accuracy: tuple[float, str] | None = None
    how: str = ""

    @property
    def inputs(self) -> dict[str, str]:
        """Keys of the job's inputs."""
        return dict(self.store.record(self.key)["payload"]["inputs"])

    def require_unchanged(self) -> None:
        """Refuse a model whose files have changed.

        Raises:
            UnavailableError: One has changed since the student was trained.
        """
        trained_with = self.store.record(self.key)["payload"]["files"]
        for path in self.network.model.files():
            if not any(LocalFile(str(path), digest).is_unchanged() for digest in trained_with):
                raise UnavailableError(f"{path} has changed since the student was trained; restore the file as it was")

    @property
    def weights(self) -> Path:
        """Its weights.

        Raises:
            UnavailableError: They were not kept.
        """
        path = self.store.folder(self.key) / WEIGHTS
        if not path.exists():
            raise UnavailableError(
                f"{self.store.folder(self.key)}: the weights of this student were not kept. Remove that folder and run "
                "the study again with --keep-checkpoints; only missing jobs are computed"
            )
        return path


def of_elicited(folder: Path) -> Student:
    """The student of all labels of the first seed.

    Raises:
        StudyError: `elicit` has not written this folder, or by a method that has no weights.
        UnavailableError: Its store is gone.
    """
    path = folder / "summary.json"
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
        student = summary["student"]
        store, key, written = Store(student["store"]), str(student["key"]), student["network"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StudyError(f"{path}: not what `w2slab elicit` writes ({error}); name its --out folder") from None
    _require(store, key)
    kind = store.record(key)["payload"]["kind"]
    if kind != FinetuneSpec.KIND:
        raise StudyError(f"{summary['method']}: its student is a {kind} job, not a finetuned model; nothing to export")
    network, seeds = StudentRecord.read(written, path), ", ".join(map(str, summary["seeds"]))
    facts = {
        "Supervisor": f"user-provided labels of {summary['n_texts']:,} texts; their accuracy is unknown",
        "Base model": str(summary["model"]),
        "Method": f"{summary['method']}, on {summary['weak_labels']} labels",
        "Recipe": recipe(summary["recipe"]),
        "Seed": str(network.seed),
    }
    return Student(
        store=store,
        key=key,
        network=network,
        name=f"{summary['model']}, finetuned on weak labels",
        facts=facts,
        figures=_elicited_figures(summary),
        evaluated_on="This model is trained on all labels. The figures are those of students trained in the same way "
        f"on part of the labels ({summary['folds']} folds, seeds {seeds}) and evaluated on the rest.",
        accuracy=None if summary["truth"] is None else (summary["truth"]["student"]["value"], "user-provided labels"),
        how=str(summary["command"]),
    )


def _elicited_figures(summary: Mapping[str, Any]) -> dict[str, str]:
    """Figures of the cross-fitted students: this one is trained on all labels and has no held-out text."""
    agreement, truth = summary["agreement"], summary["truth"]
    level = f"{100 * summary['level']:g}% CI"
    figures = {"Agreement with held-out labels": f"{percent(agreement['value'])}% ({level} {interval(agreement)})"}
    if truth is None:
        return figures | {"Accuracy": "unknown (no ground truth)"}
    for name, term in (("student", "Accuracy"), ("weak", "Accuracy of the weak labels")):
        figures[f"{term}, on {truth['n']:,} ground-truth labels"] = (
            f"{percent(truth[name]['value'])}% ({level} {interval(truth[name])})"
        )
    figures["Difference, points"] = (
        f"{percent(truth['difference']['value'])} ({level} {points(truth['difference'])}; p = {truth['p']:.3g})"
    )
    return figures


def of_study(
    source: Study | Path | str,
    settings: Sequence[str] = (),
    store: Store | Path | str | None = None,
    chosen: Mapping[str, str | int] = MappingProxyType({}),
) -> Student:
    """One student of a study.

    Args:
        source: A study, or the path of a study file.
        settings: Overrides of its file, as the run had them.
        store: Its store; `None` is `.w2slab`, beside its file where there is one.
        chosen: `task`, `weak`, `strong`, `method`, `seed`, as far as they are needed.

    Raises:
        StudyError: None or several students match, or the one that matches is not finished.
    """
    from w2slab.experiment.plan import plan

    study, opened, *_ = open_source(source, settings, store)
    comparison = _one(plan(study).comparisons, chosen)
    job = comparison.student
    _require(opened, job.key)
    if not isinstance(job.spec, FinetuneSpec):
        raise StudyError(
            f"{comparison.method}: its student is a {job.kind} job, not a finetuned model; nothing to export"
        )
    figures, accuracy = _study_figures(study, opened, comparison)
    facts = {
        "Supervisor": _supervisor(comparison, study.supervision),
        "Base model": comparison.strong,
        "Task": comparison.task,
        "Method": f"{comparison.method}, on {study.weak_labels} labels",
        "Recipe": recipe(vars(job.spec.recipe)),
        "Seed": str(comparison.seed),
    }
    return Student(
        store=opened,
        key=job.key,
        network=StudentRecord.of(job.spec),
        name=f"{comparison.strong}, finetuned on labels of {comparison.weak}",
        facts=facts,
        figures=figures,
        evaluated_on=f"On the test split of {comparison.task}, over seeds {', '.join(map(str, study.seeds))}.",
        accuracy=accuracy,
        how=_command(source, settings),
    )


def _command(source: Study | Path | str, settings: Sequence[str]) -> str:
    """The command that trains the student; the card has the file's name and not its folder."""
    if not isinstance(source, Path | str):
        return f"w2slab.run(...) of the study {source.name}, keeping checkpoints"
    overrides = [part for setting in settings for part in ("--set", setting)]
    return shlex.join(["w2slab", "run", Path(source).name, *overrides, "--keep-checkpoints"])


def _supervisor(comparison: Comparison, supervision: Supervision | None) -> str:
    """The source of the student's labels."""
    from w2slab.analysis.sources import label_sources

    source = label_sources([comparison], supervision).get(comparison.weak)
    if source is not None:
        return f"{comparison.weak}: {source} (not a model)"
    return f"{comparison.weak}, finetuned on ground truth; its predictions are the labels"


def _one(comparisons: Sequence[Comparison], chosen: Mapping[str, str | int]) -> Comparison:
    """The one comparison that matches.

    Raises:
        StudyError: None or several match.
    """
    names = ("task", "weak", "strong", "method", "seed")
    own = [c for c in comparisons if c.control is None]
    fitting = [c for c in own if all(getattr(c, name) == value for name, value in chosen.items())]
    if len(fitting) == 1:
        return fitting[0]
    pool = fitting or own
    left = {n: list(dict.fromkeys(str(getattr(c, n)) for c in pool)) for n in names}
    said = "; ".join(
        f"--{name} {' | '.join(values)}" for name, values in left.items() if len(values) > 1 or not fitting
    )
    request = " ".join(f"--{name} {value}" for name, value in chosen.items()) or "the request"
    found = f"{len(fitting)} students match" if fitting else "no student matches"
    raise StudyError(f"{found} {request}. Choose with: {said}")


def _study_figures(study: Study, store: Store, of: Comparison) -> tuple[dict[str, str], tuple[float, str] | None]:
    from w2slab.experiment import run as api

    results = api.load_results(study, store)
    row = next(
        (r for r in results.reported() if all(r[n] == getattr(of, n) for n in ("task", "weak", "strong", "method"))),
        None,
    )
    if row is None:
        return {"Accuracy": "unknown (the study is not finished)"}, None
    level = f"{100 * results.level:g}% CI"
    figures = {
        f"Accuracy of {who}": f"{percent(row[f'{who}_accuracy'])}% ({level} {span(row, f'{who}_accuracy')})"
        for who in ("student", "supervisor", "ceiling")
    }
    reason = row["pgr_reason"]
    figures["Performance gap recovered"] = (
        f"{percent(row['pgr'], 0)}% ({level} {span(row, 'pgr', 0)})" if reason is None else f"undefined: {reason}"
    )
    figures["Confidence intervals (CI) over"] = str(row["interval_covers"])
    return figures, (row["student_accuracy"], of.task)


def _require(store: Store, key: str) -> None:
    if not store.has(key):
        raise UnavailableError(f"{store.root}: there is no result {key}; run first, or name the right --store")
