"""Language modelling: a causal network learns to continue texts, for pretraining and for generative finetuning.

The order of rows is a function of seed and epoch, nothing is drawn from a global generator and dropout is off, so a
training that was stopped goes on with the same bits.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from w2slab.errors import JobError
from w2slab.randomness import rng
from w2slab.training import checkpoint, memory
from w2slab.training.batches import cut
from w2slab.training.checkpoint import Progress
from w2slab.training.loop import Running
from w2slab.training.optimizer import clip

if TYPE_CHECKING:
    import torch
    from torch import Tensor

CLIP = 1.0
CHUNK = 256  # tokens whose logits are held at a time
IGNORED = -100
# Models whose logits are their last states times the output embeddings, and nothing else.
PLAIN_HEADS = frozenset({"gpt2", "gpt_neox", "llama", "mistral", "qwen2", "qwen3"})
ROWS_PER_POOL = 64  # batches drawn together at random and then sorted by length, so that little is padded


class Rows(Protocol):
    """Texts as token ids."""

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each row, int64 `[N]`."""
        ...

    def batch(self, indices: np.ndarray) -> tuple[Tensor, Tensor]:
        """Ids `[B, T]` and, as bool `[B, T]`, which of them are real; padding stands on the right."""
        ...


@dataclass(frozen=True, kw_only=True)
class Course:
    """How a network learns a language: warm-up, a constant rate, and a last stretch in which it falls to 0.

    The constant part does not depend on the length of the whole, so a training that was stopped in it may go on to
    another number of steps.

    Args:
        steps: Optimizer steps of the whole.
        batch_size: Rows of one step.
        lr: Peak learning rate of AdamW.
        weight_decay: Decoupled weight decay.
        warmup_steps: Steps over which the rate rises.
        cooldown_frac: Share of the steps, at the end, over which the rate falls along a line.
        seed: Decides the order of rows.
    """

    steps: int
    batch_size: int
    lr: float
    weight_decay: float = 0.05
    warmup_steps: int = 100
    cooldown_frac: float = 0.2
    seed: int = 0

    @property
    def cooldown_start(self) -> int:
        """The first step of the cool-down."""
        return round((1 - self.cooldown_frac) * self.steps)

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        left = (self.steps - step) / max(1, self.steps - self.cooldown_start)
        return self.lr * min(1.0, (step + 1) / max(1, self.warmup_steps), left)


def learn_language(
    network: torch.nn.Module,
    rows: Rows,
    course: Course,
    running: Running,
    identity: Mapping[str, Any],
    log: Callable[[dict[str, float]], None] = lambda line: None,
    log_every: int = 200,
) -> Progress | None:
    """Train a causal language model in place; `None` if it was asked to stop, and the place is saved.

    Args:
        network: Called with `input_ids` and `attention_mask`, it gives an object with `logits` `[B, T, V]`.
        rows: What is learned.
        course: How.
        running: Where; `work` holds the checkpoint.
        identity: What a checkpoint must have been made of, to be gone on from.
        log: LabelSource of the mean loss, every `log_every` steps.
        log_every: Steps between two lines of the log.

    Raises:
        JobError: A loss is not finite, or the checkpoint belongs to another training.
    """
    return _Loop(network, rows, course, running, identity, log, log_every).run()


def mean_loss(network: torch.nn.Module, rows: Rows, running: Running, batch_size: int) -> float:
    """Cross entropy per token, in nats, of texts that were not learned; batches that do not fit are halved.

    Raises:
        JobError: A single text does not fit into memory.
    """
    import torch

    total = count = 0.0
    todo = cut(np.argsort(-rows.lengths, kind="stable"), min(batch_size, running.micro_batch or batch_size))
    while todo:
        indices = todo.pop(0)
        try:
            with torch.no_grad():
                loss, n_tokens = _loss(network, rows, indices, running)
            total, count = total + loss.item(), count + n_tokens
            continue
        except RuntimeError as error:
            if not memory.ran_out(error):
                raise
        running.placement.free()
        if len(indices) == 1:
            raise memory.does_not_fit("a single text")
        todo = cut(np.concatenate([indices, *todo]), -(-len(indices) // 2))
    return total / max(count, 1.0)


def _loss(network: Any, rows: Rows, indices: np.ndarray, running: Running) -> tuple[Tensor, int]:
    """Sum of the cross entropy of every real token but the first of its row, and how many these are."""
    import torch.nn.functional as F

    ids, real = rows.batch(indices)
    n_tokens = int(real[:, 1:].sum())
    batch = running.placement.to_device({"ids": ids, "real": real})
    mask = None if n_tokens == real[:, 1:].numel() else batch["real"].long()
    targets = batch["ids"][:, 1:].masked_fill(~batch["real"][:, 1:], IGNORED).flatten()
    if network.config.model_type in PLAIN_HEADS and not running.placement.is_mixed:
        states = network.base_model(input_ids=batch["ids"], attention_mask=mask).last_hidden_state
        weight = network.get_output_embeddings().weight
        return chunked_cross_entropy(states[:, :-1].flatten(0, 1), weight, targets), n_tokens
    with running.placement.autocast():
        logits = network(input_ids=batch["ids"], attention_mask=mask).logits[:, :-1]
    loss = F.cross_entropy(logits.float().flatten(0, 1), targets, ignore_index=IGNORED, reduction="sum")
    return loss, n_tokens


def chunked_cross_entropy(states: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    """`F.cross_entropy(states @ weight.T, targets, reduction="sum")` without ever holding all logits.

    The logits of a small model weigh many times more than all else in a step. Here they are made for some tokens at a
    time, and their gradient with them, which is known at once.

    Args:
        states: `[N, D]`.
        weight: `[V, D]`, the output embeddings.
        targets: int64 `[N]`; `IGNORED` does not count.
    """
    import torch

    class Chunked(torch.autograd.Function):
        @staticmethod
        def forward(context: Any, states: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
            needs = any(context.needs_input_grad)
            by_states, by_weight = torch.empty_like(states), torch.zeros_like(weight)
            total = states.new_zeros(())
            for start in range(0, len(states), CHUNK):
                part, wanted = states[start : start + CHUNK], targets[start : start + CHUNK]
                counted = (wanted != IGNORED).to(states.dtype)
                wanted = wanted.clamp(min=0)[:, None]
                logits = part @ weight.T
                normalizer = logits.logsumexp(dim=1)
                total += ((normalizer - logits.gather(1, wanted)[:, 0]) * counted).sum()
                if needs:
                    slope = logits.sub_(normalizer[:, None]).exp_()
                    slope.scatter_add_(1, wanted, torch.full_like(part[:, :1], -1.0)).mul_(counted[:, None])
                    torch.mm(slope, weight, out=by_states[start : start + CHUNK])
                    by_weight.addmm_(slope.T, part)
            context.save_for_backward(by_states, by_weight)
            return total

        @staticmethod
        def backward(context: Any, *slopes: Tensor) -> tuple[Tensor, Tensor, None]:
            by_states, by_weight = context.saved_tensors
            return by_states * slopes[0], by_weight * slopes[0], None

    return Chunked.apply(states, weight, targets)


class _Loop:
    def __init__(
        self,
        network: Any,
        rows: Rows,
        course: Course,
        running: Running,
        identity: Mapping[str, Any],
        log: Any,
        every: int,
    ) -> None:
        import torch

        self.rows, self.course, self.running, self.identity = rows, course, running, identity
        self.log, self.log_every = log, every
        self.network = running.placement.place(network).eval()
        self.parameters = [p for p in self.network.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=course.lr, betas=(0.9, 0.95), weight_decay=course.weight_decay, fused=True
        )
        self.state = Progress()
        self.micro_batch = running.micro_batch

    def run(self) -> Progress | None:
        if self.running.work is not None:
            self.state = checkpoint.load(self.running.work, self.identity, self.network, self.optimizer)
        saved = said = time.monotonic()
        for indices in self._batches():
            self._step(indices)
            now = time.monotonic()
            stop = self.running.stop_requested()
            if stop or now - saved >= self.running.checkpoint_every_s:
                self._save()
                saved = now
            if stop:
                return None
            if now - said >= 0.5:
                self.running.progress(
                    self.state.step / self.course.steps, f"step {self.state.step} of {self.course.steps}"
                )
                said = now
        return self.state

    def _step(self, indices: np.ndarray) -> None:
        state = self.state
        self.optimizer.param_groups[0]["lr"] = self.course.rate(state.step)
        value = self._backward(indices)
        if not math.isfinite(value):
            raise JobError(
                f"step {state.step + 1}: the loss is {value}; no update was made from it. Lower the learning rate"
            )
        clip(self.parameters, CLIP)
        self.optimizer.step()
        state.step += 1
        state.loss_sum += value
        state.loss_steps += 1
        if state.step % self.log_every == 0 or state.step == self.course.steps:
            line = {
                "step": state.step,
                "loss": state.loss_sum / state.loss_steps,
                "lr": self.course.rate(state.step - 1),
            }
            state.curve.append(line)
            state.loss_sum, state.loss_steps = 0.0, 0
            self.log(line)

    def _backward(self, indices: np.ndarray) -> float:
        """Gradient of the mean loss per token; parts that do not fit into memory are halved, and all begun again."""
        n_tokens = max(int((self.rows.lengths[indices] - 1).sum()), 1)
        while True:
            self.optimizer.zero_grad(set_to_none=True)
            size = min(self.micro_batch or len(indices), len(indices))
            value = 0.0
            try:
                for start in range(0, len(indices), size):
                    loss, _ = _loss(self.network, self.rows, indices[start : start + size], self.running)
                    (loss / n_tokens).backward()
                    value += loss.item() / n_tokens
                return value
            except RuntimeError as error:
                if not memory.ran_out(error):
                    raise
                if size == 1:
                    raise memory.does_not_fit("a single text") from None
            self.micro_batch = size // 2  # not in the handler: the error holds the tensors that fill the memory

    def _batches(self) -> Iterator[np.ndarray]:
        """The batches from the current step on: a function of seed and step."""
        size, lengths = self.course.batch_size, self.rows.lengths
        step = epoch = 0
        while step < self.course.steps:
            generator = rng(self.course.seed, "language", str(epoch))
            order = generator.permutation(len(lengths))
            for start in range(0, len(order), size * ROWS_PER_POOL):
                drawn = order[start : start + size * ROWS_PER_POOL]
                drawn = drawn[np.argsort(lengths[drawn], kind="stable")]
                for index in generator.permutation(-(-len(drawn) // size)):
                    if step >= self.course.steps:
                        return
                    if step >= self.state.step:
                        yield drawn[index * size : (index + 1) * size]
                    step += 1
            epoch += 1

    def _save(self) -> None:
        if self.running.work is not None:
            checkpoint.save(self.running.work, self.identity, self.state, self.network, self.optimizer)
