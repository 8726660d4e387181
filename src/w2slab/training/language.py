"""Language modelling: a causal network learns to continue texts, for pretraining and for generative finetuning."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from w2slab.randomness import rng
from w2slab.training.batches import pooled
from w2slab.training.checkpoint import Progress
from w2slab.training.loop import Callback, Learning, Optimization, Part, Running, Step, train
from w2slab.training.passes import passes
from w2slab.training.placement import Placement
from w2slab.training.schedules import WarmupStableDecay

if TYPE_CHECKING:
    import torch
    from torch import Tensor

CLIP = 1.0
CHUNK = 256  # tokens whose logits are held at a time
IGNORED = -100
# Models whose logits are their last states times the output embeddings, and nothing else.
PLAIN_HEADS = frozenset({"gpt2", "gpt_neox", "llama", "mistral", "qwen2", "qwen3"})


class Rows(Protocol):
    """Texts as token ids."""

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each row, int64 `[N]`."""
        ...

    def batch(self, indices: np.ndarray) -> tuple[Tensor, Tensor]:
        """Ids `[B, T]` and, as bool `[B, T]`, which of them are real; padding stands on the right."""
        ...


def learn_language(
    network: torch.nn.Module,
    rows: Rows,
    schedule: WarmupStableDecay,
    running: Running,
    identity: Mapping[str, Any],
    *,
    batch_size: int,
    weight_decay: float = 0.05,
    seed: int = 0,
    callbacks: Sequence[Callback] = (),
) -> Progress | None:
    """Train a causal language model in place; return `None` if it was stopped before the end, with its place saved.

    Args:
        network: Called with `input_ids` and `attention_mask`, it gives an object with `logits` `[B, T, V]`.
        rows: The training texts.
        schedule: Steps and learning rates.
        running: How it is carried out; `work` holds the checkpoint.
        identity: What a checkpoint must have been made of, to be continued.
        batch_size: Rows of one step.
        weight_decay: Decoupled weight decay of AdamW.
        seed: Decides the order of rows.
        callbacks: Called after steps and before checkpoints.

    Raises:
        JobError: A loss is not finite, or the checkpoint belongs to another training.
    """
    network = running.placement.place(network).eval()
    learning = _Continuing(network, rows, running.placement, batch_size, schedule.steps, seed)
    optimization = Optimization(
        steps=schedule.steps,
        rate=schedule.rate,
        weight_decay=weight_decay,
        betas=(0.9, 0.95),
        gradient_clip=CLIP,
    )
    ended = train(network, learning, optimization, running, identity, callbacks)
    return None if ended.is_stopped else ended.state


class LossLog(Callback):
    """Lines of the mean loss, every so many steps and at the end.

    Args:
        every: Steps between two lines.
        steps: Steps of the whole training.
        line: A line from the step, counted from 1, and the mean loss since the last line.
        write: Called with each line.
    """

    def __init__(
        self,
        every: int,
        steps: int,
        line: Callable[[int, float], dict[str, float]],
        write: Callable[[dict[str, float]], None],
    ) -> None:
        self.every, self.steps, self.line, self.write = every, steps, line, write

    def after_step(self, state: Progress) -> None:
        """Write a line where one is due."""
        if state.step % self.every == 0 or state.step == self.steps:
            self.add(state)

    def add(self, state: Progress) -> None:
        """Write a line now, and begin the next mean."""
        line = self.line(state.step, state.loss_sum / state.loss_steps)
        state.curve.append(line)
        state.loss_sum, state.loss_steps = 0.0, 0
        self.write(line)


def mean_loss(network: torch.nn.Module, rows: Rows, running: Running, batch_size: int) -> float:
    """Return the cross entropy per token, in nats, of texts that were held out; batches that do not fit are halved.

    Raises:
        JobError: A single text does not fit into memory.
    """
    import torch

    total = count = 0.0

    def add(indices: np.ndarray) -> None:
        nonlocal total, count
        loss, n_tokens = _loss(network, rows, indices, running.placement)
        total, count = total + loss.item(), count + n_tokens

    with torch.no_grad():
        passes(rows.lengths, min(batch_size, running.micro_batch or batch_size), running.placement, add)
    return total / max(count, 1.0)


def _loss(network: Any, rows: Rows, indices: np.ndarray, placement: Placement) -> tuple[Tensor, int]:
    """Return the summed cross entropy of every real token but the first of its row, and their number."""
    import torch.nn.functional as F

    ids, real = rows.batch(indices)
    n_tokens = int(real[:, 1:].sum())
    batch = placement.to_device({"ids": ids, "real": real})
    mask = None if n_tokens == real[:, 1:].numel() else batch["real"].long()
    targets = batch["ids"][:, 1:].masked_fill(~batch["real"][:, 1:], IGNORED).flatten()
    if network.config.model_type in PLAIN_HEADS and not placement.is_mixed:
        states = network.base_model(input_ids=batch["ids"], attention_mask=mask).last_hidden_state
        weight = network.get_output_embeddings().weight
        return chunked_cross_entropy(states[:, :-1].flatten(0, 1), weight, targets), n_tokens
    with placement.autocast():
        logits = network(input_ids=batch["ids"], attention_mask=mask).logits[:, :-1]
    loss = F.cross_entropy(logits.float().flatten(0, 1), targets, ignore_index=IGNORED, reduction="sum")
    return loss, n_tokens


def chunked_cross_entropy(states: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    """Return `F.cross_entropy(states @ weight.T, targets, reduction="sum")` without ever holding all logits.

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


class _Continuing(Learning):
    """Cross entropy of the next token, the mean over all tokens of a batch."""

    def __init__(
        self, network: torch.nn.Module, rows: Rows, placement: Placement, batch_size: int, steps: int, seed: int
    ) -> None:
        self.network, self.rows, self.placement = network, rows, placement
        self.batch_size, self.steps, self.seed = batch_size, steps, seed
        self.lengths = rows.lengths

    def batches(self, first: int) -> Iterator[np.ndarray]:
        """Yield batches of texts of similar length."""

        def by_length(drawn: np.ndarray) -> np.ndarray:
            return np.argsort(self.lengths[drawn], kind="stable")

        def generator(epoch: int) -> np.random.Generator:
            return rng(self.seed, "language", str(epoch))

        positions = np.arange(len(self.lengths))
        return pooled(positions, self.batch_size, generator, by_length, steps=self.steps, first=first)

    def prepare(self, step: Step, parts: Sequence[Part]) -> int:
        """Return the number of tokens that a batch predicts."""
        return max(int((self.lengths[step.indices] - 1).sum()), 1)

    def part_loss(self, step: Step, part: Part, prepared: int) -> Tensor:
        """Return the summed loss of some texts over the tokens of the batch."""
        loss, _ = _loss(self.network, self.rows, step.indices[part.places], self.placement)
        return loss * 0.0 if part.is_idle else loss / prepared
