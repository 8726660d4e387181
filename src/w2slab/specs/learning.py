"""Specs of jobs that prepare examples, train models or read what models say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from w2slab.specs.common import PluginSpec


@dataclass(frozen=True, kw_only=True)
class TaskSpec:
    """Task -> the table of its examples, balanced where the task asks for it, and their ground truth. No input."""

    KIND: ClassVar = "task"
    VERSION: ClassVar = 1
    RUN: ClassVar = "w2slab.jobs.prepare:task"

    task: PluginSpec


@dataclass(frozen=True, kw_only=True)
class SplitSpec:
    """Table of a task -> the positions of each split. Input: `task`.

    Args:
        sizes: Examples of each split; `None` takes an equal share of what is left. Groups are kept whole.
        seed: Decides which examples go where; the test split does not depend on it.
    """

    KIND: ClassVar = "split"
    VERSION: ClassVar = 1
    RUN: ClassVar = "w2slab.jobs.prepare:split"

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

    Inputs: `task` and `data`, a `task` job and a `split` job of it; unless it learns on true labels, `labels` (a job
    that left predictions, and perhaps weights of examples); `start`, a `generative` job, where training starts from its
    weights; and `weights`, a job that left weights of examples, where those of `labels` do not count.

    Args:
        train_split: The split learned on.
        train_range: First (included) and last (excluded) example of it; `None` is the whole split.
        labels: `true` labels, or weak ones as they are (`soft`) or as their likeliest candidate (`hard`).
        mixture: Heads whose probabilities are mixed in place of the network's one (`HeadShape.mixture`).
        keep_weights: Whether the weights stay beside the predictions, for a job that reads them.
        predict_train_split: Whether the split learned on is predicted as well.
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
    predict_train_split: bool = False
    seed: int


@dataclass(frozen=True, kw_only=True)
class EmbedSpec:
    """Model -> frozen features of all examples of its input `task`; with `data`, of those in its splits.

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

    Inputs: `task` and `data`; `features` (an `embed` job of them, or of the task alone); `labels` and `weights` as for
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
    predict_train_split: bool = False
    seed: int


@dataclass(frozen=True, kw_only=True)
class GenerativeSpec:
    """Texts of some splits -> a language model that has learned to write them; no label is read.

    Every text is learned with its answer, or once with each of its candidates, right or wrong (Burns et al. 2023,
    section 5.2.2). Inputs: `task` and `data`.

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

    Inputs: `task` and `data`; `labels` as for `FinetuneSpec`; and `start`, a `finetune` job that kept its weights,
    where the features are those of a finetuned model.

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

    Inputs: `task`, `data` and, for shots with weak labels, `labels`.

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
