"""The experiment: a study in, its graph of jobs out. Who opens only this file understands what is done.

For each task and seed, a weak *supervisor* learns on true labels of `supervisor_train`. Its predictions on
`student_train` are the *weak labels*. A strong *student* learns on those, by one method or another; the *ceiling*, the
same strong model, learns on the true labels of the same examples. All three are judged on `test`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from w2slab import registry
from w2slab.errors import DataError, UnavailableError
from w2slab.graph.fingerprint import Aside, LocalFile, digest
from w2slab.graph.job import Graph, Job
from w2slab.specs import Comparison, FinetuneSpec, PluginSpec, PrepareSpec, RelabelSpec, job
from w2slab.study import Rung, Study, TaskEntry, label

CROSS_ENTROPY: tuple[str, Mapping[str, Any]] = ("cross-entropy", {})


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
    tasks = [(task, _task(task)) for task in study.tasks]
    models = {rung.name: _model(rung) for rung in study.ladder}
    for (task, task_spec), seed in product(tasks, study.seeds):
        setting = Setting(study, task, task_spec, models, seed)
        for weak, strong in study.all_pairs():
            weak_labels = setting.supervisor(weak)
            for name, method in methods:
                student = method.student(setting, weak, strong, weak_labels)
                comparisons.append(setting.compare(weak, strong, student, name))
        comparisons += _controls(setting)
    for comparison in comparisons:
        for judged in (comparison.data, comparison.supervisor, comparison.ceiling, comparison.student):
            graph.add(judged, wanted=True)
    return Plan(graph, comparisons, _baseline(study))


def _baseline(study: Study) -> str:
    return next((label(m) for m in study.methods if m.name == "naive"), "naive")


def _controls(setting: Setting) -> list[Comparison]:
    """Naive students of labels that carry no knowledge, on the widest pair; and each supervisor's own copy."""
    study, rows = setting.study, []
    order = [r.name for r in study.ladder]
    pairs = study.all_pairs()
    weak, strong = max(pairs, key=lambda p: order.index(p[1].name) - order.index(p[0].name))
    for control in study.controls:
        if control == "weak-is-strong":
            for rung in {weak.name: weak for weak, _ in pairs}.values():
                student = setting.finetune(rung, labels=setting.supervisor(rung))
                rows.append(setting.compare(rung, rung, student, _baseline(study), control))
        else:
            labels = setting.relabel(control, setting.supervisor(weak))
            student = setting.finetune(strong, labels=labels)
            rows.append(setting.compare(weak, strong, student, _baseline(study), control))
    return rows


class Setting:
    """One task under one seed: makes the jobs of which supervisors, students and ceilings consist."""

    def __init__(self, study: Study, task: TaskEntry, spec: PluginSpec, models: Mapping[str, PluginSpec], seed: int):
        self.study = study
        self.task = label(task)
        self.seed = seed
        self._models = models
        self._recipes = {rung.name: study.recipe_of(rung) for rung in study.ladder}
        self._jobs: dict[Any, Job] = {}  # the same job is asked for many times
        self.data = job(
            PrepareSpec(task=spec, sizes=study.splits.model_dump(), seed=seed), title=f"data {self.task} seed {seed}"
        )

    def finetune(
        self,
        rung: Rung,
        *,
        labels: Job | None,
        on: str = "student_train",
        fresh: int = 0,
        objective: tuple[str, Mapping[str, Any]] = CROSS_ENTROPY,
    ) -> Job:
        """A model finetuned on a split.

        Args:
            rung: The model to start from.
            labels: The job that left the labels; `None` is the true ones.
            on: The split learned on.
            fresh: 0 learns on that split; k > 0 on as many examples of the reserve, the k-th such part of it.
            objective: A row of the objectives' table with its fields.
        """
        asked = (rung.name, labels, on, fresh, digest(objective))
        if asked not in self._jobs:
            self._jobs[asked] = self._new_job(rung, labels, on, fresh, objective)
        return self._jobs[asked]

    def _new_job(
        self, rung: Rung, labels: Job | None, on: str, fresh: int, objective: tuple[str, Mapping[str, Any]]
    ) -> Job:
        size = self.study.splits.student_train
        spec = FinetuneSpec(
            model=self._models[rung.name],
            train_split="reserve" if fresh else on,
            train_range=((fresh - 1) * size, fresh * size) if fresh and size else None,
            labels="true" if labels is None else self.study.weak_labels,
            objective=PluginSpec(name=objective[0], fields=registry.check("objectives", *objective)),
            recipe=self._recipes[rung.name],
            seed=self.seed,
        )
        learns_from = "true labels" if labels is None else labels.title
        inputs = {"data": self.data} | ({} if labels is None else {"labels": labels})
        extra = f" by {objective[0]}" if objective != CROSS_ENTROPY else ""
        return job(spec, title=f"{rung.name} ← {_shorter(learns_from)}{extra}", **inputs)

    def supervisor(self, rung: Rung) -> Job:
        """The weak model, finetuned on true labels; its predictions are the weak labels."""
        return self.finetune(rung, labels=None, on="supervisor_train")

    def ceiling(self, rung: Rung) -> Job:
        """The strong model, finetuned on true labels."""
        return self.finetune(rung, labels=None, on=self.study.ceiling_learns_on)

    def relabel(self, name: Any, labels: Job) -> Job:
        """Weak labels made from weak labels."""
        return job(RelabelSpec(name=name, seed=self.seed), title=f"{name} labels", data=self.data, labels=labels)

    def compare(self, weak: Rung, strong: Rung, student: Job, method: str, control: str | None = None) -> Comparison:
        """A student beside its supervisor and its ceiling."""
        return Comparison(
            task=self.task,
            weak=weak.name,
            strong=strong.name,
            method=method,
            seed=self.seed,
            control=control,
            data=self.data,
            supervisor=self.supervisor(weak),
            student=student,
            ceiling=self.ceiling(strong),
        )


def _task(entry: TaskEntry) -> PluginSpec:
    return _plugin("tasks", entry.name, entry.fields, DataError)


def _model(rung: Rung) -> PluginSpec:
    fields = rung.fields
    if "name" in registry.parameters("models", rung.family):
        fields["name"] = rung.name
    return _plugin("models", rung.family, fields, UnavailableError)


def _plugin(kind: str, name: str, fields: dict[str, Any], missing: type[Exception]) -> PluginSpec:
    """A row with all its fields as it enters a job: files by their digests, wherever they are."""
    files = registry.build(kind, name, fields).files()
    for path in files:
        if not path.exists():
            raise missing(f"{name}: {path} does not exist; mend the path in the study")
    values = {k: _aside(k, v) for k, v in registry.check(kind, name, fields).items()}
    return PluginSpec(name=name, fields=values, files=tuple(LocalFile.of(path) for path in files))


def _aside(name: str, value: Any) -> Any:
    """The value of a field; names of rungs and places of files decide nothing, since `files` stand beside them."""
    if name == "name":
        return Aside(value)
    if isinstance(value, list | tuple):
        return tuple(_aside("", each) for each in value)
    return Aside(str(value)) if isinstance(value, Path) else value


def _shorter(title: str) -> str:
    return title if len(title) <= 60 else "…" + title[-59:]
