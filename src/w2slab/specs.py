"""What each kind of job computes: frozen data that enters the job's key.

Every spec names its kind, its version and the function that does the work. Raise the version when the results of
a kind change; a change of defaults needs none, since defaults are written out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeVar

from pydantic import TypeAdapter

from w2slab.graph.job import Job

T = TypeVar("T")

SPLITS = ("supervisor_train", "student_train", "validation", "test", "reserve")
UNSEEN_BY_SUPERVISOR = ("student_train", "validation", "test", "reserve")


@dataclass(frozen=True, kw_only=True)
class PluginSpec:
    """A row of one of the tables (tasks, models, objectives) with all its fields.

    Args:
        name: The row.
        fields: Values by field; the place of a file and a rung's own name stand aside, since `files` decide.
        files: The files on disk that decide the result, each a `LocalFile`.
    """

    name: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[Any, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PrepareSpec:
    """Task -> splits on disk.

    Args:
        sizes: Examples of each split; `None` takes an equal share of what is left. Groups are kept whole.
        seed: Decides which examples go where; the test split does not depend on it.
    """

    KIND: ClassVar = "prepare"
    VERSION: ClassVar = 1
    RUN: ClassVar = "w2slab.jobs.prepare:prepare"

    task: PluginSpec
    sizes: Mapping[str, int | None]
    seed: int


@dataclass(frozen=True, kw_only=True)
class RecipeSpec:
    """How a model is finetuned.

    Args:
        epochs: Passes over the training examples.
        batch_size: Examples of one optimizer step.
        lr: Peak learning rate of AdamW.
        warmup_frac: Share of all steps over which the rate rises linearly from 0.
        decay: What the rate does after warm-up: falls to 0 along a line or a cosine, or stays.
        weight_decay: Decoupled weight decay.
        gradient_clip: Largest norm of the gradient; `None` does not clip.
        precision: Number type of the forward pass; `bf16` keeps the weights in fp32.
        curve_points: How often, evenly over training, test and validation are judged; 0 is never.
        curve_examples: How many examples of each are used for it; `None` is all.
        stop_at: The point whose predictions count: the last step, or the best accuracy on validation labels
            (weak ones for a student).
        ema_decay: Per step, how much of the running mean of the weights is kept; the mean is what predicts. `None`
            predicts with the weights themselves.
        dropout: Probability with which a feature that the head reads is set to 0 in training.
        head_first: Share of training in which the head alone learns, before everything does (Kumar et al. 2022).
    """

    epochs: int = 5
    batch_size: int = 32
    lr: float = 1e-3
    warmup_frac: float = 0.1
    decay: Literal["linear", "cosine", "none"] = "linear"
    weight_decay: float = 0.0
    gradient_clip: float | None = 1.0
    precision: Literal["fp32", "bf16"] = "fp32"
    curve_points: int = 20
    curve_examples: int | None = None
    stop_at: Literal["last", "weak-labels"] = "last"
    ema_decay: float | None = None
    dropout: float = 0.0
    head_first: float = 0.0


@dataclass(frozen=True, kw_only=True)
class HeadShape:
    """What reads features: a linear layer, or more.

    Args:
        hidden: Units of one hidden layer of rectified linear units; `None` is a linear head.
        mixture: Heads whose probabilities are mixed with learned weights, a convex combination (Mulgund and Pabbaraju
            2025); 1 is a single head.
    """

    hidden: int | None = None
    mixture: int = 1


@dataclass(frozen=True, kw_only=True)
class FinetuneSpec:
    """Model, examples and labels -> predictions.

    Inputs: `data` (a `prepare` job); unless it learns on true labels, `labels` (a job that left predictions, and
    perhaps weights of examples); `start`, a `generative` job, where training starts from its weights; and `weights`, a
    job that left weights of examples, where those of `labels` do not count.

    Args:
        train_split: The split learned on.
        train_range: First (included) and last (excluded) example of it; `None` is the whole split.
        labels: `true` labels, or weak ones as they are (`soft`) or as their likeliest candidate (`hard`).
        mixture: Heads whose probabilities are mixed in place of the network's one (`HeadShape.mixture`).
        keep_weights: Whether the weights stay beside the predictions, for a job that reads them.
        predicts_learned: Whether the split learned on is predicted as well.
        seed: Decides new heads and the order of examples.
    """

    KIND: ClassVar = "finetune"
    VERSION: ClassVar = 1
    RUN: ClassVar = "w2slab.jobs.finetune:finetune"

    model: PluginSpec
    train_split: str
    train_range: tuple[int, int] | None = None
    labels: Literal["true", "hard", "soft"]
    objective: PluginSpec
    recipe: RecipeSpec
    mixture: int = 1
    keep_weights: bool = False
    predicts_learned: bool = False
    seed: int


@dataclass(frozen=True, kw_only=True)
class PoolSpec:
    """Task -> all its examples, as the one split `pool`, for features that serve every seed. No input."""

    KIND: ClassVar = "pool"
    VERSION: ClassVar = 1
    RUN: ClassVar = "w2slab.jobs.prepare:pool"

    task: PluginSpec


@dataclass(frozen=True, kw_only=True)
class EmbedSpec:
    """Model -> frozen features of every split of its input `data`, a `prepare` or `pool` job.

    Input `start`, a `generative` job, where the features are those of a model that has learned to write the texts.

    Args:
        readout: What is read of an example: `head` is what the family's own head reads. Others are the family's.
        layer: Block after which features are read, counted from 1; `None` is the last.
        precision: Number type of the forward pass.
    """

    KIND: ClassVar = "embed"
    VERSION: ClassVar = 1
    RUN: ClassVar = "w2slab.jobs.embed:embed"

    model: PluginSpec
    readout: str = "head"
    layer: int | None = None
    precision: Literal["fp32", "bf16"] = "fp32"


@dataclass(frozen=True, kw_only=True)
class HeadSpec:
    """Frozen features, examples and labels -> predictions: a finetuning of the head alone.

    Inputs: `data`; `features` (an `embed` job, of `data` or of its task's pool); `labels` and `weights` as for
    `FinetuneSpec`. The other fields are as there; of the recipe all but `precision`, `gradient_clip`, `head_first`.

    Args:
        head: What reads the features.
    """

    KIND: ClassVar = "head"
    VERSION: ClassVar = 1
    RUN: ClassVar = "w2slab.jobs.heads:head"
    FUSED: ClassVar = "w2slab.jobs.heads:heads"
    BATCHED_BY: ClassVar = "features"

    train_split: str
    train_range: tuple[int, int] | None = None
    labels: Literal["true", "hard", "soft"]
    objective: PluginSpec
    recipe: RecipeSpec
    head: HeadShape
    predicts_learned: bool = False
    seed: int


@dataclass(frozen=True, kw_only=True)
class GenerativeSpec:
    """Texts of some splits -> a language model that has learned to write them; no label is read.

    Every text is learned with its answer, or once with each of its candidates, right or wrong (Burns et al. 2023,
    section 5.2.2). Input: `data`.

    Args:
        splits: The splits whose texts are learned.
        epochs, batch_size, lr, precision: As in `RecipeSpec`; an epoch sees every text once.
        seed: Decides the order of texts.
    """

    KIND: ClassVar = "generative"
    VERSION: ClassVar = 1
    RUN: ClassVar = "w2slab.jobs.generative:generative"

    model: PluginSpec
    splits: tuple[str, ...] = ("student_train",)
    epochs: int = 1
    batch_size: int = 32
    lr: float = 1e-3
    precision: Literal["fp32", "bf16"] = "fp32"
    seed: int


@dataclass(frozen=True, kw_only=True)
class ProbeSpec:
    """Logistic regression on frozen features of a model -> predictions (Burns et al. 2023, section 5.2.3).

    Inputs: `data`; `labels` as for `FinetuneSpec`; and `start`, a `finetune` job that kept its weights, where the
    features are those of a finetuned model.

    Args:
        labels: `true` labels, or weak ones as they are (`soft`) or as their likeliest candidate (`hard`).
        l2: Weight of the squared norm of the coefficients beside the mean loss.
        precision: Number type of the forward pass that makes the features.
        seed: Decides what the family draws.
    """

    KIND: ClassVar = "probe"
    VERSION: ClassVar = 1
    RUN: ClassVar = "w2slab.jobs.probe:probe"

    model: PluginSpec
    train_split: str
    labels: Literal["true", "hard", "soft"]
    l2: float = 1e-3
    precision: Literal["fp32", "bf16"] = "fp32"
    seed: int


@dataclass(frozen=True, kw_only=True)
class PromptSpec:
    """A language model is asked, and not trained -> predictions (Burns et al. 2023, section 5.2.1).

    Inputs: `data` and, for shots with weak labels, `labels`.

    Args:
        instruction: A sentence or two before everything else.
        shots: Labelled examples of `student_train` in the prompt.
        labels: Of the shots: `true`, `weak` (their likeliest candidate), or `none` where there are no shots.
        precision: Number type of the forward pass.
        seed: Decides which examples are shots.
    """

    KIND: ClassVar = "prompt"
    VERSION: ClassVar = 1
    RUN: ClassVar = "w2slab.jobs.prompt:prompt"

    model: PluginSpec
    instruction: str = ""
    shots: int = 0
    labels: Literal["none", "true", "weak"] = "none"
    precision: Literal["fp32", "bf16"] = "fp32"
    seed: int


@dataclass(frozen=True, kw_only=True)
class RelabelSpec:
    """Weak labels -> weak labels, and perhaps weights of examples.

    Inputs: `data`; `labels`; and what the relabeling asks for: `features` (an `embed` job of `data`), `other_0`,
    `other_1` and so on (jobs that left labels of the same examples).

    Args:
        relabeling: A row of the relabelings' table.
        n_trusted: How many examples of `student_train`, drawn at random, are told with their true labels.
        seed: Decides what the relabeling draws.
    """

    KIND: ClassVar = "relabel"
    VERSION: ClassVar = 2
    RUN: ClassVar = "w2slab.jobs.relabel:relabel"

    relabeling: PluginSpec
    n_trusted: int = 0
    seed: int


@dataclass(frozen=True, kw_only=True)
class CombineSpec:
    """Predictions of several models -> predictions of one.

    Inputs: `data`; `member_0`, `member_1` and so on; and, of a boosted ensemble, `weights_1` and so on, the weights of
    `supervisor_train` with which a member was trained, if they were not all equal.

    Args:
        how: `mean` of probabilities; `vote`, the share of members that choose a candidate; or `boosted`, where votes
            are weighted by what each member's error on `supervisor_train` is worth (Agrawal et al. 2024).
    """

    KIND: ClassVar = "combine"
    VERSION: ClassVar = 1
    RUN: ClassVar = "w2slab.jobs.combine:combine"

    how: Literal["mean", "vote", "boosted"]


@dataclass(frozen=True, kw_only=True)
class ReweightSpec:
    """Predictions of a model on what it learned -> weights for the next: one round of AdaBoost (SAMME).

    Inputs: `data`; `member`, a model that predicted `supervisor_train`; and `weights`, those that it learned with, if
    they were not all equal.
    """

    KIND: ClassVar = "reweight"
    VERSION: ClassVar = 1
    RUN: ClassVar = "w2slab.jobs.combine:reweight"


@dataclass(frozen=True, kw_only=True)
class BootstrapSpec:
    """Examples of a split -> how often each was drawn with replacement, as weights. Input: `data`.

    Args:
        split: The split drawn from.
        seed: Decides the draw.
    """

    KIND: ClassVar = "bootstrap"
    VERSION: ClassVar = 1
    RUN: ClassVar = "w2slab.jobs.combine:bootstrap"

    split: str
    seed: int


@dataclass(frozen=True, kw_only=True)
class CorruptSpec:
    """True labels with errors -> the predictions of a supervisor that makes just these errors.

    Inputs: `data`; `like`, a model that has as many errors, split by split, unless a rate is given; and `ceiling`, a
    model whose probabilities choose where they are.

    Args:
        choose: Which examples are wrong: `random` ones; those with the `longest` or `shortest` prompt; where the
            ceiling is `least-sure`; or where it is `surely-right` (Burns et al. 2023, appendix E.2).
        rate: Share of wrong labels in each split; `None` is as many as `like` has.
        seed: Decides which are wrong, and which wrong candidate they get.
    """

    KIND: ClassVar = "corrupt"
    VERSION: ClassVar = 1
    RUN: ClassVar = "w2slab.jobs.corrupt:corrupt"

    choose: Literal["random", "longest", "shortest", "least-sure", "surely-right"]
    rate: float | None = None
    seed: int


@dataclass(frozen=True, kw_only=True)
class LabelFileSpec:
    """A file of labels by example id -> the predictions of a supervisor.

    Inputs: `data`; and `pool`, all examples of the task, which the file may label.

    Args:
        file: The file, a `LocalFile`.
    """

    KIND: ClassVar = "label-file"
    VERSION: ClassVar = 1
    RUN: ClassVar = "w2slab.jobs.label_file:label_file"

    file: Any


@dataclass(frozen=True, kw_only=True)
class OwnLabelsSpec:
    """A user's texts and their labels -> examples and weak labels; no truth is among them.

    Args:
        texts: The file of texts, a `LocalFile`.
        labels: The file of labels, a `LocalFile`.
        more: A file of texts without labels, a `LocalFile`; `None` where there are none.
        layout: Which fields of a row of texts are what, as in `tasks.text.identified.Layout`.
        classes: Names of the classes; `None` where each example has its own candidates.
    """

    KIND: ClassVar = "own-labels"
    VERSION: ClassVar = 1
    RUN: ClassVar = "w2slab.jobs.own_labels:own_labels"

    texts: Any
    labels: Any
    more: Any = None
    layout: Mapping[str, Any]
    classes: tuple[str, ...] | None


@dataclass(frozen=True, kw_only=True)
class FoldSpec:
    """Weakly labelled examples -> those a student learns on, and those that are kept from it. Input: `own`.

    Args:
        fold: Which fold is kept from the student; `None` keeps none, and the texts without labels stand in its place.
        n_folds: Folds into which groups are dealt.
        validation_frac: Share of the groups learned on that is put aside to judge by their weak labels when to stop.
        seed: Decides which group is in which fold.
    """

    KIND: ClassVar = "fold"
    VERSION: ClassVar = 1
    RUN: ClassVar = "w2slab.jobs.own_labels:fold"

    fold: int | None
    n_folds: int
    validation_frac: float = 0.0
    seed: int


def job(spec: Any, *, title: str, **inputs: Job) -> Job:
    """A job of the spec's kind; of a kind that may be fused, all jobs that share the input it is batched by may be."""
    fused = getattr(spec, "FUSED", "")
    return Job(
        kind=spec.KIND,
        version=spec.VERSION,
        run=spec.RUN,
        spec=spec,
        inputs=inputs,
        title=title,
        fused=fused,
        batch=inputs[spec.BATCHED_BY].key if fused else "",
    )


def restore(kind: type[T], payload: Mapping[str, Any]) -> T:
    """The spec a worker was sent as plain JSON."""
    return TypeAdapter(kind).validate_python(payload)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One student beside its supervisor and its ceiling: a row of the results.

    Args:
        task, weak, strong, method: Names as the study gives them.
        control: `None`, or what was done to the weak labels (`shuffled`, `random`, `constant`), or
            `weak-is-strong` where the student is a copy of its supervisor.
        uses_truth: Whether the student was told true labels of `student_train`: then it is a reference, not a student
            of weak labels.
        data: The `prepare` job; it holds the test split and its true labels.
        supervisor, student, ceiling: Jobs that leave predictions.
    """

    task: str
    weak: str
    strong: str
    method: str
    seed: int
    control: str | None
    uses_truth: bool = False
    data: Job
    supervisor: Job
    student: Job
    ceiling: Job
