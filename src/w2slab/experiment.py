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
from typing import TYPE_CHECKING, Any

from w2slab import registry
from w2slab.errors import DataError, UnavailableError
from w2slab.graph.fingerprint import Aside, LocalFile, digest
from w2slab.graph.job import Graph, Job
from w2slab.specs import (
    Comparison,
    FinetuneSpec,
    GenerativeSpec,
    PluginSpec,
    PrepareSpec,
    ProbeSpec,
    PromptSpec,
    RelabelSpec,
    job,
)
from w2slab.study import Rung, Study, TaskEntry, label

if TYPE_CHECKING:
    from w2slab.methods.method import Roles

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
    models = {rung.name: model_spec(rung) for rung in study.ladder}
    for (task, task_spec), seed in product(tasks, study.seeds):
        setting = Setting(study, task, task_spec, models, seed)
        for weak, strong in study.all_pairs():
            weak_labels = setting.supervisor(weak)
            for name, method in methods:
                found = method.student(setting, weak, strong, weak_labels)
                uses_truth = getattr(method, "uses_truth", False)
                comparisons.append(setting.compare(weak, strong, found, name, uses_truth=uses_truth))
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
        start: Job | None = None,
        keep_weights: bool = False,
    ) -> Job:
        """A model finetuned on a split.

        Args:
            rung: The model to start from.
            labels: The job that left the labels; `None` is the true ones.
            on: The split learned on.
            fresh: 0 learns on that split; k > 0 on as many examples of the reserve, the k-th such part of it.
            objective: A row of the objectives' table with its fields.
            start: A `generative` job of the same rung, from whose weights training starts.
            keep_weights: Whether another job reads the weights.
        """
        asked = (rung.name, labels, on, fresh, digest(objective), start, keep_weights)
        if asked in self._jobs:
            return self._jobs[asked]
        size = self.study.splits.student_train
        spec = FinetuneSpec(
            model=self._models[rung.name],
            train_split="reserve" if fresh else on,
            train_range=((fresh - 1) * size, fresh * size) if fresh and size else None,
            labels="true" if labels is None else self.study.weak_labels,
            objective=PluginSpec(name=objective[0], fields=registry.check("objectives", *objective)),
            recipe=self._recipes[rung.name],
            keep_weights=keep_weights,
            seed=self.seed,
        )
        extra = (f" by {objective[0]}" if objective != CROSS_ENTROPY else "") + (", kept" if keep_weights else "")
        title = f"{_after(rung, start)} ← {_labels(labels)}{extra}"
        self._jobs[asked] = job(spec, title=title, **self._inputs(labels=labels, start=start))
        return self._jobs[asked]

    def supervisor(self, rung: Rung, *, start: Job | None = None) -> Job:
        """The weak model, finetuned on true labels; its predictions are the weak labels."""
        return self.finetune(rung, labels=None, on="supervisor_train", start=start)

    def ceiling(self, rung: Rung, *, start: Job | None = None) -> Job:
        """The strong model, finetuned on true labels."""
        return self.finetune(rung, labels=None, on=self.study.ceiling_learns_on, start=start)

    def generative(self, rung: Rung, *, texts: tuple[str, ...], epochs: int = 1, lr: float | None = None) -> Job:
        """A model that has learned to write the task's texts, and no label: where a finetuning may start.

        Args:
            rung: The model.
            texts: The splits whose texts are learned.
            epochs: Passes over them.
            lr: Peak learning rate; `None` is the rung's. Batches and precision are the recipe's.
        """
        recipe = self._recipes[rung.name]
        spec = GenerativeSpec(
            model=self._models[rung.name],
            splits=texts,
            epochs=epochs,
            batch_size=recipe.batch_size,
            lr=recipe.lr if lr is None else lr,
            precision=recipe.precision,
            seed=self.seed,
        )
        return job(spec, title=f"{rung.name} ← texts of {', '.join(texts)}", data=self.data)

    def probe(self, rung: Rung, *, labels: Job | None, l2: float = 1e-3, start: Job | None = None) -> Job:
        """A linear model on frozen features of `student_train`.

        Args:
            rung: The model whose features are read.
            labels: The job that left the labels; `None` is the true ones.
            l2: Weight of the squared norm of the coefficients.
            start: A `finetune` job of the same rung that kept its weights; `None` is the model before finetuning.
        """
        spec = ProbeSpec(
            model=self._models[rung.name],
            train_split="student_train",
            labels="true" if labels is None else self.study.weak_labels,
            l2=l2,
            precision=self._recipes[rung.name].precision,
            seed=self.seed,
        )
        title = f"probe of {_after(rung, start)} ← {_labels(labels)}"
        return job(spec, title=title, **self._inputs(labels=labels, start=start))

    def prompt(self, rung: Rung, *, labels: Job | None, shots: int = 0, instruction: str = "") -> Job:
        """A language model that is asked, and learns nothing.

        Args:
            rung: The model.
            labels: The job that left the labels of the shots; `None` is the true ones.
            shots: Labelled examples of `student_train` in the prompt.
            instruction: What stands before everything else.
        """
        spec = PromptSpec(
            model=self._models[rung.name],
            instruction=instruction,
            shots=shots,
            labels="none" if not shots else "true" if labels is None else "weak",
            precision=self._recipes[rung.name].precision,
            seed=self.seed,
        )
        title = f"{rung.name} asked" + (f", {shots} shots ← {_labels(labels)}" if shots else "")
        return job(spec, title=title, **self._inputs(labels=labels if shots else None))

    def _inputs(self, **others: Job | None) -> dict[str, Job]:
        return {"data": self.data} | {name: each for name, each in others.items() if each is not None}

    def relabel(self, name: Any, labels: Job) -> Job:
        """Weak labels made from weak labels."""
        return job(RelabelSpec(name=name, seed=self.seed), title=f"{name} labels", data=self.data, labels=labels)

    def compare(
        self,
        weak: Rung,
        strong: Rung,
        found: Job | Roles,
        method: str,
        control: str | None = None,
        *,
        uses_truth: bool = False,
    ) -> Comparison:
        """A student beside its supervisor and its ceiling, which a method may bring along."""
        own = {"student": found} if isinstance(found, Job) else {r: each for r, each in vars(found).items() if each}
        return Comparison(
            task=self.task,
            weak=weak.name,
            strong=strong.name,
            method=method,
            seed=self.seed,
            control=control,
            uses_truth=uses_truth,
            data=self.data,
            student=own["student"],
            supervisor=own.get("supervisor") or self.supervisor(weak),
            ceiling=own.get("ceiling") or self.ceiling(strong),
        )


def _task(entry: TaskEntry) -> PluginSpec:
    return _plugin("tasks", entry.name, entry.fields, DataError)


def model_spec(rung: Rung) -> PluginSpec:
    """The rung's model as it enters a job.

    Raises:
        UnavailableError: It is missing on this machine.
    """
    return _plugin("models", rung.family, rung.row_fields, UnavailableError)


def _plugin(kind: str, name: str, fields: dict[str, Any], missing: type[Exception]) -> PluginSpec:
    """A row with all its fields as it enters a job: names settled, files by their digests, wherever they are."""
    row = registry.build(kind, name, fields)
    row = row.pinned() if hasattr(row, "pinned") else row
    files = row.files()
    for path in files:
        if not path.exists():
            raise missing(f"{name}: {path} does not exist; mend the path in the study")
    values = {each: _aside(each, getattr(row, each)) for each in registry.parameters(kind, name)}
    return PluginSpec(name=name, fields=values, files=tuple(LocalFile.of(path) for path in files))


def _aside(name: str, value: Any) -> Any:
    """The value of a field; names of rungs and places of files decide nothing, since `files` stand beside them."""
    if name == "name":
        return Aside(value)
    if isinstance(value, list | tuple):
        return tuple(_aside("", each) for each in value)
    return Aside(str(value)) if isinstance(value, Path) else value


def _after(rung: Rung, start: Job | None) -> str:
    """A model in the title of a job, with the job from whose weights it starts."""
    return rung.name if start is None else f"{rung.name} after {start.kind}"


def _labels(labels: Job | None) -> str:
    """Labels in the title of a job."""
    title = "true labels" if labels is None else labels.title
    return title if len(title) <= 60 else "…" + title[-59:]
