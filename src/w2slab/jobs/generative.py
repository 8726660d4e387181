"""Texts of a task -> a language model that has learned to write them: where finetuning may start.

No file of labels is opened. A few groups of texts are held out, so that the record says what was gained.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numpy as np

from w2slab.data import layout
from w2slab.data.examples import Examples
from w2slab.data.task_data import TaskData
from w2slab.errors import JobError
from w2slab.graph.job import JobContext, Stopped
from w2slab.jobs.setup import prepare_worker, running_of
from w2slab.jobs.spec import Spec
from w2slab.models.model import Model

if TYPE_CHECKING:
    from w2slab.training.language import Rows
    from w2slab.training.schedules import WarmupStableDecay

HELD_OUT_SHARE = 0.03
WARMUP_FRAC = 0.1


@dataclass(frozen=True, kw_only=True)
class GenerativeSpec(Spec):
    """Texts of some splits -> a language model that has learned to write them; no label is read.

    Every text is learned with its answer, or once with each of its candidates, right or wrong (Burns et al. 2023,
    section 5.2.2). Inputs: `task` and `data`.

    Args:
        splits: The splits whose texts are learned.
        epochs, batch_size, lr, precision: As in `Recipe`; an epoch sees every text once.
        seed: Decides the order of texts.
    """

    KIND: ClassVar[str] = "generative"
    VERSION: ClassVar[int] = 1
    RUN: ClassVar[str] = "w2slab.jobs.generative:generative"

    model: Model
    splits: tuple[str, ...] = ("student_train",)
    epochs: int = 1
    batch_size: int = 32
    lr: float = 1e-3
    precision: Literal["fp32", "bf16"] = "fp32"
    seed: int


class Texts(NamedTuple):
    """Training texts, a row each.

    Args:
        texts: What is read first.
        answers: What is read after it: the example's own, or one of its candidates.
        groups: Rows of one group are held out together.
    """

    texts: list[str]
    answers: list[str]
    groups: list[str]


@dataclass(frozen=True)
class Part:
    """Some of the rows of others."""

    rows: Rows
    positions: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each row, int64 [N]."""
        return self.rows.lengths[self.positions]

    def batch(self, indices: np.ndarray) -> Any:
        """Rows at these positions."""
        return self.rows.batch(self.positions[indices])


def generative(spec: GenerativeSpec, context: JobContext) -> dict[str, Any]:
    """Train a language model on the texts of some splits and leave it in `base/`.

    Options: `device`, `micro_batch`, `checkpoint_every_s`.

    Raises:
        JobError: The model cannot continue a text, the task has none, or the loss is not finite.
        Stopped: The run asked for it; the place is saved.
    """
    prepare_worker()
    from w2slab.training.language import learn_language, mean_loss

    model = require_generating(spec.model)
    texts = texts_of(TaskData.of(context.inputs), spec.splits)
    rows = model.tokens(texts.texts, texts.answers)
    apart = held_out(texts.groups)
    learned, judged = Part(rows, np.flatnonzero(~apart)), Part(rows, np.flatnonzero(apart))
    schedule = _schedule(spec, len(learned.positions))
    running = running_of(context, spec.precision)
    network = running.placement.place(model.build_language(spec.seed)).eval()
    started, size = time.perf_counter(), spec.batch_size
    before = mean_loss(network, judged, running, size) if len(judged.positions) else None
    identity = {"steps": schedule.steps, "seed": spec.seed, "lr": spec.lr, "tokens": int(learned.lengths.sum())}
    trained = learn_language(
        network, learned, schedule, running, identity, batch_size=size, weight_decay=0.0, seed=spec.seed
    )
    if trained is None:
        raise Stopped("stopped in the middle of training; its place is saved")
    after = mean_loss(network, judged, running, size) if len(judged.positions) else None
    model.save_base(network, layout.base(context.out))
    return {
        "n_parameters": sum(p.numel() for p in network.parameters()),
        "n_texts": len(learned.positions),
        "n_held_out": len(judged.positions),
        "n_tokens": int(learned.lengths.sum()),
        "held_out_loss_before": before,
        "held_out_loss_after": after,
        "steps": trained.step,
        "seconds": round(time.perf_counter() - started, 3),
        "device": str(running.placement.device),
    }


def require_generating(model: Model) -> Model:
    """Return the model if it is a causal language model.

    Raises:
        JobError: It is not.
    """
    if not model.generates:
        raise JobError(f"{model.name}: no causal language model; it cannot continue a text")
    return model


def texts_of(data: TaskData, splits: Sequence[str]) -> Texts:
    """Every text of some splits, with its answer or once with each of its candidates.

    Raises:
        JobError: The data have no such split, or the task has no text.
    """
    found = Texts([], [], [])
    for split in splits:
        if not data.has(split):
            raise JobError(f"{data.splits}: there is no split {split} whose texts could be learned")
        examples = data.examples(split)
        for text, answers, group in zip(require_text(examples), examples.answers, examples.groups, strict=True):
            found.texts.extend([text] * len(answers))
            found.answers.extend(answers)
            found.groups.extend([group] * len(answers))
    return found


def require_text(examples: Examples) -> list[str]:
    """Return the text of each example that is read first.

    Raises:
        JobError: The task has none.
    """
    texts = examples.texts
    if texts is None:
        raise JobError("the task has no column `text`, which a language model reads")
    return texts


def held_out(groups: Sequence[str]) -> np.ndarray:
    """Return a mask of held-out rows: those of a few groups by their digests, none where there is one group."""
    by_digest = sorted(set(groups), key=lambda group: hashlib.sha256(f"held out\0{group}".encode()).digest())
    n_held_out = max(1, round(HELD_OUT_SHARE * len(by_digest))) if len(by_digest) > 1 else 0
    chosen = set(by_digest[:n_held_out])
    return np.fromiter((group in chosen for group in groups), bool, len(groups))


def _schedule(spec: GenerativeSpec, n_rows: int) -> WarmupStableDecay:
    """Return the default schedule of a finetuning: a rise over a tenth of the steps, then down to 0 along a line."""
    from w2slab.training.schedules import WarmupStableDecay

    steps = spec.epochs * -(-n_rows // spec.batch_size)
    return WarmupStableDecay(
        steps=steps,
        lr=spec.lr,
        warmup_steps=max(1, round(WARMUP_FRAC * steps)),
        cooldown_frac=1 - WARMUP_FRAC,
    )
