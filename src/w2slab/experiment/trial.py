"""One task under one seed: the jobs of which supervisors, students and ceilings consist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from w2slab.errors import DataError
from w2slab.experiment.pinning import checked
from w2slab.graph.fingerprint import LocalFile, digest
from w2slab.graph.job import Job
from w2slab.randomness import derived_seed
from w2slab.specs import (
    BootstrapSpec,
    CombineSpec,
    Comparison,
    CorruptSpec,
    EmbedSpec,
    FinetuneSpec,
    GenerativeSpec,
    HeadSpec,
    LabelFileSpec,
    PluginSpec,
    ProbeSpec,
    PromptSpec,
    RecipeSpec,
    RelabelSpec,
    ReweightSpec,
    SplitSpec,
    TaskSpec,
    job,
)
from w2slab.study.study import Rung, Study, TaskEntry, label

if TYPE_CHECKING:
    from w2slab.methods.method import StudentWithReferences

Objective = tuple[str, Mapping[str, Any]]
CROSS_ENTROPY: Objective = ("cross-entropy", {})
NOTHING: Mapping[str, Any] = {}


class Trial:
    """One task under one seed: makes the jobs of which supervisors, students and ceilings consist.

    Where the study trains heads alone, `finetune` and all that is made of it trains heads on frozen features; methods
    need not know.
    """

    def __init__(self, study: Study, task: TaskEntry, spec: PluginSpec, models: Mapping[str, PluginSpec], seed: int):
        self.study = study
        self.task = label(task)
        self.seed = seed
        self._models = models
        self._jobs: dict[Any, Job] = {}  # the same job is asked for many times
        self.data = job(
            SplitSpec(sizes=study.splits.model_dump(), seed=seed),
            title=f"data {self.task} seed {seed}",
            task=job(TaskSpec(task=spec), title=f"examples of {self.task}"),
        )

    @property
    def examples(self) -> Job:
        """The task's table of examples, the same for every seed."""
        return self.data.inputs["task"]

    # --- models that learn --------------------------------------------------------------------------------------------

    def finetune(
        self,
        rung: Rung,
        *,
        labels: Job | None,
        on: str = "student_train",
        fresh: int = 0,
        objective: Objective = CROSS_ENTROPY,
        recipe: Mapping[str, Any] = NOTHING,
        start: Job | None = None,
        weights: Job | None = None,
        mixture: int = 1,
        copy: int = 0,
        keep_weights: bool = False,
        predict_train_split: bool = False,
    ) -> Job:
        """A model finetuned on a split.

        Args:
            rung: The model to start from.
            labels: The job that left the labels; `None` is the true ones.
            on: The split learned on.
            fresh: 0 learns on that split; k > 0 on as many examples of the reserve, the k-th such part of it.
            objective: A row of the objectives' table with its fields.
            recipe: Fields of `RecipeSpec` that differ from the study's.
            start: A `generative` job of the same rung, from whose weights training starts.
            weights: A job that left weights of examples; `None` is those of `labels`, if there are any.
            mixture: Heads whose probabilities are mixed; 1 is a single head.
            copy: 0 has the study's seed; k > 0 is another model of the same kind, its order of examples drawn anew.
            keep_weights: Whether another job reads the weights.
            predict_train_split: Whether another job reads predictions of the split learned on.
        """
        asked: Any = (rung.name, labels, on, fresh, digest(objective), digest(recipe), start, weights, mixture, copy)
        asked += (keep_weights, predict_train_split)
        if asked in self._jobs:
            return self._jobs[asked]
        size = self.study.splits.student_train
        common: dict[str, Any] = {
            "train_split": "reserve" if fresh else on,
            "train_range": ((fresh - 1) * size, fresh * size) if fresh and size else None,
            "labels": "true" if labels is None else self.study.weak_labels,
            "objective": checked("objectives", *objective),
            "recipe": replace(self._recipe(rung), **recipe),
            "predict_train_split": predict_train_split,
            "seed": self._seed(copy),
        }
        inputs = self._inputs(labels=labels, weights=weights)
        spec: FinetuneSpec | HeadSpec
        if self.study.tuning is None:
            spec = FinetuneSpec(model=self._models[rung.name], mixture=mixture, keep_weights=keep_weights, **common)
            inputs |= self._inputs(start=start)
        else:
            spec = HeadSpec(head=replace(self.study.tuning.shape, mixture=mixture), **common)
            inputs["features"] = self.embed(rung, start=start)
        extra = f" by {objective[0]}" if objective != CROSS_ENTROPY else ""
        extra += "".join(f", {name} {value}" for name, value in recipe.items())
        extra += ("" if mixture == 1 else f", {mixture} heads") + (f", copy {copy}" if copy else "")
        extra += (f", {weights.kind} weights" if weights else "") + (", kept" if keep_weights else "")
        title = f"{_after(rung, start)} ← {_labels(labels)}{extra}"
        self._jobs[asked] = job(spec, title=title, **inputs)
        return self._jobs[asked]

    def _recipe(self, rung: Rung) -> RecipeSpec:
        tuning = self.study.tuning
        return self.study.recipe_of(rung) if tuning is None else tuning.recipe_spec(self.study.recipe)

    def _seed(self, copy: int) -> int:
        return self.seed if copy == 0 else derived_seed(self.seed, f"copy {copy}") % 2**31

    def supervisor(
        self,
        rung: Rung,
        *,
        start: Job | None = None,
        copy: int = 0,
        weights: Job | None = None,
        predict_train_split: bool = False,
    ) -> Job:
        """The weak model, finetuned on true labels; its predictions are the weak labels."""
        return self.finetune(
            rung,
            labels=None,
            on="supervisor_train",
            start=start,
            copy=copy,
            weights=weights,
            predict_train_split=predict_train_split,
        )

    def ceiling(self, rung: Rung, *, start: Job | None = None) -> Job:
        """The strong model, finetuned on true labels."""
        return self.finetune(rung, labels=None, on=self.study.ceiling_learns_on, start=start)

    def weak_labels(self, weak: Rung, strong: Rung) -> Job:
        """What students of the pair learn from and are held against: the supervisor, or another source of labels."""
        asked = self.study.supervision
        if asked is None:
            return self.supervisor(weak)
        if asked.source == "file":
            return self._labels_of_file(asked.path)
        as_weak = weak if asked.errors_of is None else self.study.rung(asked.errors_of)
        like = self.supervisor(as_weak) if asked.rate is None else None
        chosen_by = self.ceiling(strong) if asked.choose in ("least-sure", "surely-right") else None
        return job(
            CorruptSpec(choose=asked.choose, rate=asked.rate, seed=self.seed),
            title=asked.words(as_weak.name),
            **self._inputs(like=like, ceiling=chosen_by),
        )

    def _labels_of_file(self, path: Path | None) -> Job:
        if path is None or not path.exists():
            how = "mend the path in the study. What is to be labelled is written by: w2slab examples"
            raise DataError(f"supervision: {path} does not exist; {how}")
        spec = LabelFileSpec(file=LocalFile.of(path))
        return job(spec, title=f"labels of {path.name}", **self._inputs())

    # --- features and labels ------------------------------------------------------------------------------------------

    def embed(self, rung: Rung, *, start: Job | None = None) -> Job:
        """Frozen features of a model: before finetuning, or after it has learned to write the texts."""
        tuning = self.study.tuning
        if tuning is not None and tuning.features_of == "task":
            inputs, of = {"task": self.examples}, self.examples
        else:
            inputs, of = self._inputs(), self.data
        spec = EmbedSpec(
            model=self._models[rung.name],
            readout="head" if tuning is None else tuning.readout,
            layer=None if tuning is None else tuning.layer,
            precision=self._recipe(rung).precision,
        )
        inputs |= {} if start is None else {"start": start}
        return job(spec, title=f"features of {_after(rung, start)}, {of.title}", **inputs)

    def relabel(
        self,
        name: str,
        labels: Job,
        *,
        fields: Mapping[str, Any] = NOTHING,
        features: Job | None = None,
        others: Sequence[Job] = (),
        n_trusted: int = 0,
    ) -> Job:
        """Weak labels made from weak labels, or weights of examples.

        Args:
            name: A row of the relabelings' table.
            labels: The job that left the labels.
            fields: The row's fields.
            features: An `embed` job, where the row looks at features.
            others: Jobs that left labels of the same examples, where the row looks at several.
            n_trusted: How many examples of `student_train` are told with their true labels.
        """
        spec = RelabelSpec(
            relabeling=checked("relabelings", name, fields),
            n_trusted=n_trusted,
            seed=self.seed,
        )
        inputs = self._inputs(labels=labels, features=features)
        inputs |= {f"other_{i}": each for i, each in enumerate(others)}
        return job(spec, title=f"{_labels(labels)} made {name}", **inputs)

    def combine(
        self,
        members: Sequence[Job],
        how: Literal["mean", "vote", "boosted"] = "mean",
        weights: Sequence[Job | None] = (),
    ) -> Job:
        """Predictions of several models as those of one; see `CombineSpec`.

        Args:
            members: Jobs that left predictions.
            how: What is made of them.
            weights: With which weights of `supervisor_train` each was trained, where `how` is `boosted`.
        """
        inputs = {f"member_{i}": each for i, each in enumerate(members)}
        inputs |= {f"weights_{i}": each for i, each in enumerate(weights) if each is not None}
        title = f"{how} of {len(members)}: {_labels(members[0])}"
        return job(CombineSpec(how=how), title=title, **self._inputs(), **inputs)

    def reweight(self, member: Job, weights: Job | None) -> Job:
        """Weights of examples for the next member of a boosted ensemble."""
        return job(
            ReweightSpec(), title=f"weights after {member.title}", **self._inputs(member=member, weights=weights)
        )

    def bootstrap(self, split: str, copy: int) -> Job:
        """How often each example of a split was drawn with replacement, as weights."""
        spec = BootstrapSpec(split=split, seed=self._seed(copy))
        return job(spec, title=f"{split} drawn with replacement, copy {copy}", **self._inputs())

    # --- other models -------------------------------------------------------------------------------------------------

    def generative(self, rung: Rung, *, texts: tuple[str, ...], epochs: int = 1, lr: float | None = None) -> Job:
        """A model that has learned to write the task's texts, and no label: where a finetuning may start.

        Args:
            rung: The model.
            texts: The splits whose texts are learned.
            epochs: Passes over them.
            lr: Peak learning rate; `None` is the rung's. Batches and precision are the recipe's.
        """
        recipe = self.study.recipe_of(rung)
        spec = GenerativeSpec(
            model=self._models[rung.name],
            splits=texts,
            epochs=epochs,
            batch_size=recipe.batch_size,
            lr=recipe.lr if lr is None else lr,
            precision=recipe.precision,
            seed=self.seed,
        )
        return job(spec, title=f"{rung.name} ← texts of {', '.join(texts)}", **self._inputs())

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
            precision=self.study.recipe_of(rung).precision,
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
            precision=self.study.recipe_of(rung).precision,
            seed=self.seed,
        )
        title = f"{rung.name} asked" + (f", {shots} shots ← {_labels(labels)}" if shots else "")
        return job(spec, title=title, **self._inputs(labels=labels if shots else None))

    def _inputs(self, **others: Job | None) -> dict[str, Job]:
        return {"task": self.examples, "data": self.data} | {
            name: each for name, each in others.items() if each is not None
        }

    def compare(
        self,
        weak: Rung,
        strong: Rung,
        found: Job | StudentWithReferences,
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
            supervisor=own.get("supervisor") or self.weak_labels(weak, strong),
            ceiling=own.get("ceiling") or self.ceiling(strong),
        )


def _after(rung: Rung, start: Job | None) -> str:
    """A model in the title of a job, with the job from whose weights it starts."""
    return rung.name if start is None else f"{rung.name} after {start.kind}"


def _labels(labels: Job | None) -> str:
    """Labels in the title of a job."""
    title = "true labels" if labels is None else labels.title
    return title if len(title) <= 60 else "…" + title[-59:]
