"""One task under one seed: the jobs of which supervisors, students and ceilings consist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Literal

from w2slab import registry
from w2slab.errors import DataError
from w2slab.graph.fingerprint import digest
from w2slab.graph.job import Job
from w2slab.jobs.combine import BootstrapSpec, CombineSpec, ReweightSpec
from w2slab.jobs.comparison import Comparison, StudentWithReferences
from w2slab.jobs.corrupt import CorruptSpec
from w2slab.jobs.embed import EmbedSpec
from w2slab.jobs.finetune import FinetuneSpec
from w2slab.jobs.generative import GenerativeSpec
from w2slab.jobs.heads import HeadSpec
from w2slab.jobs.label_file import LabelFileSpec
from w2slab.jobs.prepare import SplitSpec, TaskSpec
from w2slab.jobs.probe import ProbeSpec
from w2slab.jobs.prompt import PromptSpec
from w2slab.jobs.relabel import RelabelSpec
from w2slab.jobs.spec import FileDigests, Spec, job
from w2slab.models.model import Model
from w2slab.objectives import CrossEntropy
from w2slab.objectives.objective import Objective
from w2slab.randomness import derived_seed
from w2slab.relabelings.relabeling import Relabeling
from w2slab.study.study import Study
from w2slab.tasks.task import Task
from w2slab.training.recipe import Recipe

CROSS_ENTROPY = CrossEntropy()


class Trial:
    """One task under one seed: makes the jobs of which supervisors, students and ceilings consist.

    Where the study trains heads alone, `finetune` and all that is made of it trains heads on frozen features; methods
    need not know.

    Args:
        study: The study, its models resolved.
        task: The task, resolved.
        seed: The seed.
        files: Digests of files, shared by the trials of a plan.
        data: A job that left splits, in place of the task's own; its input `task` is one that left a table of examples.
    """

    def __init__(self, study: Study, task: Task, seed: int, files: FileDigests, data: Job | None = None) -> None:
        self.study = study
        self.task = task.display_name
        self.seed = seed
        self._files = files
        self._jobs: dict[Any, Job] = {}  # the same job is asked for many times
        self.data = data or self._job(
            SplitSpec(sizes=study.splits, seed=seed),
            title=f"data {self.task} seed {seed}",
            task=self._job(TaskSpec(task=task), title=f"examples of {self.task}"),
        )

    @property
    def examples(self) -> Job:
        """The task's table of examples, the same for every seed."""
        return self.data.inputs["task"]

    def _job(self, spec: Spec, *, title: str, **inputs: Job) -> Job:
        return job(spec, title=title, files=self._files, **inputs)

    # --- models that learn --------------------------------------------------------------------------------------------

    def finetune(
        self,
        model: Model,
        *,
        labels: Job | None,
        on: str = "student_train",
        reserve_chunk: int = 0,
        objective: Objective = CROSS_ENTROPY,
        recipe: Recipe | None = None,
        start: Job | None = None,
        weights: Job | None = None,
        n_heads: int = 1,
        replicate: int = 0,
        keep_weights: bool = False,
        predict_train_split: bool = False,
    ) -> Job:
        """Return a model finetuned on a split.

        Args:
            model: The model to start from.
            labels: The job that left the labels; `None` is ground truth.
            on: The split learned on.
            reserve_chunk: 0 learns on that split; k > 0 on as many examples of the reserve, the k-th such part of it.
            objective: What is minimised.
            recipe: How; `None` is `recipe(model)`.
            start: A `generative` job of the same model, from whose weights training starts.
            weights: A job that left weights of examples; `None` is those of `labels`, if there are any.
            n_heads: Heads whose probabilities are mixed; 1 is a single head.
            replicate: 0 has the study's seed; k > 0 is another model of the same kind with a seed of its own.
            keep_weights: Whether another job reads the weights.
            predict_train_split: Whether another job reads predictions of the split learned on.
        """
        usual = self.recipe(model)
        recipe = recipe or usual
        asked: Any = (model.name, labels, on, reserve_chunk, digest(objective), recipe, start, weights, n_heads)
        asked += (replicate, keep_weights, predict_train_split)
        if asked in self._jobs:
            return self._jobs[asked]
        size = self.study.splits.student_train
        common: dict[str, Any] = {
            "train_split": "reserve" if reserve_chunk else on,
            "train_range": ((reserve_chunk - 1) * size, reserve_chunk * size) if reserve_chunk and size else None,
            "labels": "true" if labels is None else self.study.weak_labels,
            "objective": objective,
            "recipe": recipe,
            "predict_train_split": predict_train_split,
            "seed": self._seed(replicate),
        }
        inputs = self._inputs(labels=labels, weights=weights)
        spec: FinetuneSpec | HeadSpec
        if self.study.tuning is None:
            spec = FinetuneSpec(model=model, n_heads=n_heads, keep_weights=keep_weights, **common)
            inputs |= self._inputs(start=start)
        else:
            spec = HeadSpec(head=replace(self.study.tuning.shape, n_heads=n_heads), **common)
            inputs["features"] = self.embed(model, start=start)
        extra = "" if objective == CROSS_ENTROPY else f" by {registry.name_of(objective)}"
        extra += _changes(usual, recipe)
        extra += ("" if n_heads == 1 else f", {n_heads} heads") + (f", copy {replicate}" if replicate else "")
        extra += (f", {weights.kind} weights" if weights else "") + (", kept" if keep_weights else "")
        title = f"{_after(model, start)} ← {_labels(labels)}{extra}"
        self._jobs[asked] = self._job(spec, title=title, **inputs)
        return self._jobs[asked]

    def recipe(self, model: Model) -> Recipe:
        """Return how a model, or a head on its features, is trained in this study."""
        tuning = self.study.tuning
        return self.study.recipe_of(model) if tuning is None else tuning.recipe_of(self.study.recipe)

    def _seed(self, replicate: int) -> int:
        return self.seed if replicate == 0 else derived_seed(self.seed, f"copy {replicate}") % 2**31

    def supervisor(
        self,
        model: Model,
        *,
        start: Job | None = None,
        replicate: int = 0,
        weights: Job | None = None,
        predict_train_split: bool = False,
    ) -> Job:
        """Return the weak model, finetuned on ground truth; its predictions are the weak labels."""
        return self.finetune(
            model,
            labels=None,
            on="supervisor_train",
            start=start,
            replicate=replicate,
            weights=weights,
            predict_train_split=predict_train_split,
        )

    def ceiling(self, model: Model, *, start: Job | None = None) -> Job:
        """Return the strong model, finetuned on ground truth."""
        return self.finetune(model, labels=None, on=self.study.ceiling_learns_on, start=start)

    def weak_labels(self, weak: Model, strong: Model) -> Job:
        """Return the labels that students of the pair learn: those of the supervisor, or of another source."""
        asked = self.study.supervision
        if asked is None:
            return self.supervisor(weak)
        if asked.source == "file":
            return self._labels_of_file(asked.path)
        as_weak = weak if asked.errors_of is None else self.study.rung(asked.errors_of)
        like = self.supervisor(as_weak) if asked.rate is None else None
        chosen_by = self.ceiling(strong) if asked.choose in ("least-sure", "surely-right") else None
        return self._job(
            CorruptSpec(choose=asked.choose, rate=asked.rate, seed=self.seed),
            title=asked.words(as_weak.name),
            **self._inputs(like=like, ceiling=chosen_by),
        )

    def _labels_of_file(self, path: Path | None) -> Job:
        if path is None or not path.exists():
            how = "mend the path in the study. What is to be labelled is written by: w2slab examples"
            raise DataError(f"supervision: {path} does not exist; {how}")
        return self._job(LabelFileSpec(path=path), title=f"labels of {path.name}", **self._inputs())

    # --- features and labels ------------------------------------------------------------------------------------------

    def embed(self, model: Model, *, start: Job | None = None) -> Job:
        """Return frozen features of a model: before finetuning, or after it has learned to write the texts."""
        tuning = self.study.tuning
        if tuning is not None and tuning.features_of == "task":
            inputs, of = {"task": self.examples}, self.examples
        else:
            inputs, of = self._inputs(), self.data
        spec = EmbedSpec(
            model=model,
            readout="head" if tuning is None else tuning.readout,
            layer=None if tuning is None else tuning.layer,
            precision=self.recipe(model).precision,
        )
        inputs |= {} if start is None else {"start": start}
        return self._job(spec, title=f"features of {_after(model, start)}, {of.title}", **inputs)

    def relabel(
        self,
        relabeling: Relabeling,
        labels: Job,
        *,
        features: Job | None = None,
        others: Sequence[Job] = (),
        n_trusted: int = 0,
    ) -> Job:
        """Return weak labels made from weak labels, or weights of examples.

        Args:
            relabeling: Makes them.
            labels: The job that left the labels.
            features: An `embed` job, where the relabeling looks at features.
            others: Jobs that left labels of the same examples, where it looks at several.
            n_trusted: Number of examples of `student_train` that are given with their ground truth.
        """
        spec = RelabelSpec(relabeling=relabeling, n_trusted=n_trusted, seed=self.seed)
        inputs = self._inputs(labels=labels, features=features)
        inputs |= {f"other_{i}": each for i, each in enumerate(others)}
        return self._job(spec, title=f"{_labels(labels)} made {registry.name_of(relabeling)}", **inputs)

    def combine(
        self,
        members: Sequence[Job],
        how: Literal["mean", "vote", "boosted"] = "mean",
        weights: Sequence[Job | None] = (),
    ) -> Job:
        """Return predictions of several models as those of one; see `CombineSpec`.

        Args:
            members: Jobs that left predictions.
            how: The combination.
            weights: The weights of `supervisor_train` with which each was trained, where `how` is `boosted`.
        """
        inputs = {f"member_{i}": each for i, each in enumerate(members)}
        inputs |= {f"weights_{i}": each for i, each in enumerate(weights) if each is not None}
        title = f"{how} of {len(members)}: {_labels(members[0])}"
        return self._job(CombineSpec(how=how), title=title, **self._inputs(), **inputs)

    def reweight(self, member: Job, weights: Job | None) -> Job:
        """Return weights of examples for the next member of a boosted ensemble."""
        title = f"weights after {member.title}"
        return self._job(ReweightSpec(), title=title, **self._inputs(member=member, weights=weights))

    def bootstrap(self, split: str, replicate: int) -> Job:
        """Return the number of times that each example of a split was drawn with replacement, as weights."""
        spec = BootstrapSpec(split=split, seed=self._seed(replicate))
        return self._job(spec, title=f"{split} drawn with replacement, copy {replicate}", **self._inputs())

    # --- other models -------------------------------------------------------------------------------------------------

    def generative(self, model: Model, *, texts: tuple[str, ...], epochs: int = 1, lr: float | None = None) -> Job:
        """Return a model that has learned to write the task's texts, and no label: where a finetuning may start.

        Args:
            model: The model.
            texts: The splits whose texts are learned.
            epochs: Passes over them.
            lr: Peak learning rate; `None` is the model's. Batches and precision are the recipe's.
        """
        recipe = self.study.recipe_of(model)
        spec = GenerativeSpec(
            model=model,
            splits=texts,
            epochs=epochs,
            batch_size=recipe.batch_size,
            lr=recipe.lr if lr is None else lr,
            precision=recipe.precision,
            seed=self.seed,
        )
        return self._job(spec, title=f"{model.name} ← texts of {', '.join(texts)}", **self._inputs())

    def probe(self, model: Model, *, labels: Job | None, l2: float = 1e-3, start: Job | None = None) -> Job:
        """Return a linear model on frozen features of `student_train`.

        Args:
            model: The model whose features are read.
            labels: The job that left the labels; `None` is ground truth.
            l2: Weight of the squared norm of the coefficients.
            start: A `finetune` job of the same model that kept its weights; `None` is the model before finetuning.
        """
        spec = ProbeSpec(
            model=model,
            train_split="student_train",
            labels="true" if labels is None else self.study.weak_labels,
            l2=l2,
            precision=self.study.recipe_of(model).precision,
            seed=self.seed,
        )
        title = f"probe of {_after(model, start)} ← {_labels(labels)}"
        return self._job(spec, title=title, **self._inputs(labels=labels, start=start))

    def prompt(self, model: Model, *, labels: Job | None, shots: int = 0, instruction: str = "") -> Job:
        """Return the answers of a language model that learns nothing.

        Args:
            model: The model.
            labels: The job that left the labels of the shots; `None` is ground truth.
            shots: Labelled examples of `student_train` in the prompt.
            instruction: Text before everything else.
        """
        spec = PromptSpec(
            model=model,
            instruction=instruction,
            shots=shots,
            labels="none" if not shots else "true" if labels is None else "weak",
            precision=self.study.recipe_of(model).precision,
            seed=self.seed,
        )
        title = f"{model.name} asked" + (f", {shots} shots ← {_labels(labels)}" if shots else "")
        return self._job(spec, title=title, **self._inputs(labels=labels if shots else None))

    def _inputs(self, **others: Job | None) -> dict[str, Job]:
        given = {name: each for name, each in others.items() if each is not None}
        return {"task": self.examples, "data": self.data} | given

    def compare(
        self,
        weak: Model,
        strong: Model,
        found: Job | StudentWithReferences,
        method: str,
        control: str | None = None,
        *,
        uses_truth: bool = False,
    ) -> Comparison:
        """Return a student beside its supervisor and its ceiling, which a method may bring along."""
        own = StudentWithReferences(found) if isinstance(found, Job) else found
        return Comparison(
            task=self.task,
            weak=weak.name,
            strong=strong.name,
            method=method,
            seed=self.seed,
            control=control,
            uses_truth=uses_truth,
            data=self.data,
            student=own.student,
            supervisor=own.supervisor or self.weak_labels(weak, strong),
            ceiling=own.ceiling or self.ceiling(strong),
        )


def _changes(usual: Recipe, recipe: Recipe) -> str:
    """The changes of a recipe in the title of a job."""
    names = [each.name for each in fields(recipe) if getattr(recipe, each.name) != getattr(usual, each.name)]
    return "".join(f", {name} {getattr(recipe, name)}" for name in names)


def _after(model: Model, start: Job | None) -> str:
    """A model in the title of a job, with the job from whose weights it starts."""
    return model.name if start is None else f"{model.name} after {start.kind}"


def _labels(labels: Job | None) -> str:
    """Labels in the title of a job."""
    title = "ground truth" if labels is None else labels.title
    return title if len(title) <= 60 else "…" + title[-59:]
