"""Which student is exported: one of a study, or that of `elicit`."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2slab.apps.elicit.words import interval, points, recipe
from w2slab.errors import StudyError, UnavailableError
from w2slab.graph.fingerprint import transport
from w2slab.graph.store import Store
from w2slab.report.words import percent, span
from w2slab.specs import FinetuneSpec

if TYPE_CHECKING:
    from w2slab.jobs.comparison import Comparison
    from w2slab.study.study import Study

WEIGHTS = Path("checkpoint") / "model.safetensors"


@dataclass(frozen=True)
class Student:
    """A finetuned model in a store, and what its card says of it.

    Args:
        store: Where it is.
        key: Its job.
        spec: What that job computed, as a worker was sent it.
        name: Heading of the card.
        facts: What and how, by term.
        figures: Accuracy and the like, with intervals, by term.
        judged: On what the figures were found.
        accuracy: Share of true labels that it gets right, and on what; `None` where no truth is known.
        how: The command by which it was made.
    """

    store: Store
    key: str
    spec: Mapping[str, Any]
    name: str
    facts: Mapping[str, str]
    figures: Mapping[str, str] = field(default_factory=dict)
    judged: str = ""
    accuracy: tuple[float, str] | None = None
    how: str = ""

    @property
    def inputs(self) -> dict[str, str]:
        """Keys of what the job read."""
        return dict(self.store.record(self.key)["payload"]["inputs"])

    @property
    def weights(self) -> Path:
        """Its weights.

        Raises:
            UnavailableError: They were not kept.
        """
        path = self.store.folder(self.key) / WEIGHTS
        if not path.exists():
            raise UnavailableError(
                f"{self.store.folder(self.key)}: the weights of this student were not kept. Remove that folder, and "
                "run the study again with --keep-checkpoints: only what is missing is made anew"
            )
        return path


def of_elicited(folder: Path) -> Student:
    """The student of all labels of the first seed.

    Raises:
        StudyError: `elicit` has not written this folder, or by a method that has no weights.
        UnavailableError: The store in which it stands is gone.
    """
    path = folder / "summary.json"
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
        student = summary["student"]
        store, key, spec = Store(student["store"]), str(student["key"]), student["spec"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StudyError(f"{path}: not what `w2slab elicit` writes ({error}); name its --out folder") from None
    _require(store, key)
    kind = store.record(key)["payload"]["kind"]
    if kind != FinetuneSpec.KIND:
        raise StudyError(f"{summary['method']}: its student is a {kind} job and no finetuned model; nothing to export")
    seeds = ", ".join(map(str, summary["seeds"]))
    facts = {
        "Supervisor": f"labels that a user brought, for {summary['n_texts']:,} texts; not known to be true",
        "Base model": str(summary["model"]),
        "Method": f"{summary['method']}, on {summary['weak_labels']} labels",
        "Recipe": recipe(summary["recipe"]),
        "Seed": str(student["seed"]),
    }
    return Student(
        store=store,
        key=key,
        spec=spec,
        name=f"{summary['model']}, finetuned on weak labels",
        facts=facts,
        figures=_elicited_figures(summary),
        judged="This model learned every label there was. The figures are those of students that were made like it "
        f"from a part of the labels ({summary['folds']} folds, seeds {seeds}) and judged on the rest.",
        accuracy=None if summary["truth"] is None else (summary["truth"]["student"]["value"], "true labels of a user"),
        how=str(summary["command"]),
    )


def _elicited_figures(summary: Mapping[str, Any]) -> dict[str, str]:
    """Of cross-fitted students: this one learned all labels, so that it cannot be judged on their texts."""
    agreement, truth = summary["agreement"], summary["truth"]
    level = f"{100 * summary['level']:g} % interval"
    figures = {"Agreement with labels not learned": f"{percent(agreement['value'])} % ({level} {interval(agreement)})"}
    if truth is None:
        return figures | {"Accuracy": "not known: there were no true labels"}
    for name, term in (("student", "Accuracy"), ("weak", "Accuracy of the labels it learned from")):
        figures[f"{term}, on {truth['n']:,} true labels"] = (
            f"{percent(truth[name]['value'])} % ({level} {interval(truth[name])})"
        )
    figures["Difference, points"] = (
        f"{percent(truth['difference']['value'])} ({level} {points(truth['difference'])}; p = {truth['p']:.3g})"
    )
    return figures


def of_study(path: Path, settings: Sequence[str], store: Path | None, chosen: Mapping[str, Any]) -> Student:
    """One student of a study.

    Args:
        path: The study's file.
        settings: Overrides, as the run had them.
        store: Its store; `None` is `.w2slab` beside it.
        chosen: `task`, `weak`, `strong`, `method`, `seed`, as far as they are needed.

    Raises:
        StudyError: None or several students are meant, or the one meant is not finished.
    """
    from w2slab.experiment import run as api
    from w2slab.study.reading import load_study

    study, opened = load_study(path, settings), Store(store or path.parent / ".w2slab")
    comparison = _one(api.plan(study).comparisons, chosen)
    job = comparison.student
    _require(opened, job.key)
    if not isinstance(job.spec, FinetuneSpec):
        raise StudyError(
            f"{comparison.method}: its student is a {job.kind} job and no finetuned model; nothing to export"
        )
    figures, accuracy = _study_figures(study, opened, comparison)
    overrides = [part for setting in settings for part in ("--set", setting)]
    facts = {
        "Supervisor": _supervisor(comparison),
        "Base model": comparison.strong,
        "Task": comparison.task,
        "Method": f"{comparison.method}, on {study.weak_labels} labels",
        "Recipe": recipe(vars(job.spec.recipe)),
        "Seed": str(comparison.seed),
    }
    return Student(
        store=opened,
        key=job.key,
        spec=transport(job.spec),
        name=f"{comparison.strong}, finetuned on labels of {comparison.weak}",
        facts=facts,
        figures=figures,
        judged=f"On the test split of {comparison.task}, over seeds {', '.join(map(str, study.seeds))}.",
        accuracy=accuracy,
        how=shlex.join(["w2slab", "run", path.name, *overrides, "--keep-checkpoints"]),
    )


def _supervisor(comparison: Comparison) -> str:
    """Whose labels the student learned."""
    from w2slab.analysis.sources import label_sources

    source = label_sources([comparison]).get(comparison.weak)
    if source is not None:
        return f"{comparison.weak}: {source}; no model gave them"
    return f"{comparison.weak}, finetuned on true labels; its predictions are the labels"


def _one(comparisons: Sequence[Comparison], chosen: Mapping[str, Any]) -> Comparison:
    """The comparison that is meant.

    Raises:
        StudyError: None or several fit.
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
    asked = " ".join(f"--{name} {value}" for name, value in chosen.items()) or "what was asked"
    what = f"{len(fitting)} students fit" if fitting else "no student fits"
    raise StudyError(f"{what} {asked}. To choose from: {said}")


def _study_figures(study: Study, store: Store, of: Comparison) -> tuple[dict[str, str], tuple[float, str] | None]:
    from w2slab.experiment import run as api

    results = api.load_results(study, store)
    row = next(
        (r for r in results.reported() if all(r[n] == getattr(of, n) for n in ("task", "weak", "strong", "method"))),
        None,
    )
    if row is None:
        return {"Accuracy": "not known yet: the study is not finished"}, None
    level = f"{100 * results.level:g} % interval"
    figures = {
        f"Accuracy of {who}": f"{percent(row[f'{who}_accuracy'])} % ({level} {span(row, f'{who}_accuracy')})"
        for who in ("student", "supervisor", "ceiling")
    }
    reason = row["pgr_reason"]
    figures["Performance gap recovered"] = (
        f"{percent(row['pgr'], 0)} % ({level} {span(row, 'pgr', 0)})" if reason is None else f"undefined: {reason}"
    )
    figures["Intervals cover"] = str(row["interval_covers"])
    return figures, (row["student_accuracy"], of.task)


def _require(store: Store, key: str) -> None:
    if not store.has(key):
        raise UnavailableError(f"{store.root}: there is no result {key}; run first, or name the right --store")
