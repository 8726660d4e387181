"""The training loop: optimizer steps, memory, checkpoints and stopping, whatever is learned.

Finetuning (`training.classification`), language modelling (`training.language`) and the pretraining of the chess ladder
are a `Learning` each: batches and their loss.

Dropout layers are off: the network is in evaluation mode throughout, as in the code of Burns et al. 2023. Nothing is
drawn from a global generator, and batches are a function of seed and step, so a training that was stopped continues
with the same bits.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from w2slab.errors import JobError
from w2slab.training import checkpoint, memory
from w2slab.training.batches import micro_batches
from w2slab.training.checkpoint import Progress
from w2slab.training.optimizer import AdamW, clip
from w2slab.training.placement import Placement

if TYPE_CHECKING:
    import torch
    from torch import Tensor

RUNNING_MEAN = "running mean"  # the snapshot of weights that is no stopping point


@dataclass(frozen=True)
class Running:
    """Execution of a training: device, batches in memory, checkpoints; it changes results by rounding only.

    Args:
        micro_batch: Most examples in one forward and backward pass of one process; `None` is all of its share. Where
            they do not fit into memory, it is halved until they do.
        prediction_batch: Most examples in one pass without gradient.
        work: Folder for the checkpoint; `None` keeps none.
        checkpoint_every_s: Seconds from one checkpoint to the next.
        progress: Called with the share done and a few words, at most twice a second.
        stop_requested: Asked after every step.
    """

    placement: Placement
    micro_batch: int | None = None
    prediction_batch: int = 256
    work: Path | None = None
    checkpoint_every_s: float = 60.0
    progress: Callable[[float, str], None] = lambda share, words: None
    stop_requested: Callable[[], bool] = lambda: False


@dataclass(frozen=True, kw_only=True)
class Optimization:
    """The updates of a training: AdamW, its schedule, clipping and a running mean of the weights.

    Args:
        steps: Optimizer steps of the whole training.
        rate: Learning rate of a step, counted from 0.
        weight_decay: Decoupled weight decay.
        betas: Decay of AdamW's two moments.
        gradient_clip: Largest norm of the gradient; `None` does not clip.
        ema_decay: Share of the running mean of weights that a step keeps; the mean is what predicts. `None` has none.
    """

    steps: int
    rate: Callable[[int], float]
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    gradient_clip: float | None = None
    ema_decay: float | None = None


class Step(NamedTuple):
    """One optimizer step.

    Args:
        number: Counted from 0.
        progress: Share of training that is done in the middle of the step.
        indices: The examples of its batch.
    """

    number: int
    progress: float
    indices: np.ndarray


class Part(NamedTuple):
    """Some examples of an optimizer batch, in one pass of one process.

    Args:
        places: Their places in the batch.
        is_idle: True if the pass only keeps step with other processes; its loss counts nothing.
    """

    places: np.ndarray
    is_idle: bool


class Learning(ABC):
    """Batches and their loss: everything that differs between finetuning, language modelling and the ladders."""

    batch_size: int
    """Most examples of an optimizer batch."""
    lengths: np.ndarray
    """Cost of each example, `[N]`; micro-batches hold examples of similar length."""

    @abstractmethod
    def batches(self, first: int) -> Iterator[np.ndarray]:
        """Yield the optimizer batches from step `first` to the last: a function of seed and step."""

    def prepare(self, step: Step, parts: Sequence[Part]) -> Any:
        """Return what the loss of each part must know of the whole batch."""
        return None

    @abstractmethod
    def part_loss(self, step: Step, part: Part, prepared: Any) -> Tensor:
        """Return the loss of some examples as their share of the batch's mean loss."""

    def batch_loss(self, step: Step) -> Tensor:
        """Return the mean loss of a whole batch in one pass."""
        whole = Part(np.arange(len(step.indices)), False)
        return self.part_loss(step, whole, self.prepare(step, [whole]))

    def after_backward(self, step: Step) -> None:
        """Change gradients before they are clipped."""
        return

    def names(self, indices: np.ndarray) -> list[str]:
        """Return the examples' names for an error message."""
        return []


class Callback:
    """Actions beside the updates of a training; each method does nothing unless it is overridden."""

    def resumed(self, state: Progress) -> None:
        """Act before the first step of this attempt."""

    def after_step(self, state: Progress) -> None:
        """Act after an update."""

    def before_save(self, state: Progress) -> None:
        """Act before a checkpoint is written."""


class Outcome(NamedTuple):
    """The end of a training, or of an attempt; the network holds the weights of the last step.

    Args:
        state: Progress, with curve and snapshots.
        is_stopped: True if a stop was requested; the place is saved.
        seconds: Time of this attempt.
        steps_here: Steps of this attempt; fewer than all if it continued from a checkpoint.
        micro_batch: Most examples that went through the network at once, per process.
    """

    state: Progress
    is_stopped: bool
    seconds: float
    steps_here: int
    micro_batch: int


def train(
    network: torch.nn.Module,
    learning: Learning,
    optimization: Optimization,
    running: Running,
    identity: Mapping[str, Any],
    callbacks: Sequence[Callback] = (),
) -> Outcome:
    """Train a network in place.

    Args:
        network: On its device already (`Placement.place`).
        learning: Batches and their loss.
        optimization: Updates.
        running: How it is carried out.
        identity: What a checkpoint must have been made of, to be continued.
        callbacks: Called in order.

    Raises:
        JobError: A loss is not finite, and the step that would have used it was not made; a single example does not
            fit into memory; or the checkpoint belongs to another training.
    """
    return _Loop(network, learning, optimization, running, identity, callbacks).run()


class _Loop:
    def __init__(
        self,
        network: torch.nn.Module,
        learning: Learning,
        optimization: Optimization,
        running: Running,
        identity: Mapping[str, Any],
        callbacks: Sequence[Callback],
    ) -> None:
        self.network, self.learning, self.optimization = network, learning, optimization
        self.running, self.placement, self.identity, self.callbacks = running, running.placement, identity, callbacks
        self.parameters = [p for p in network.parameters() if p.requires_grad]
        self.optimizer = self._optimizer()
        self.state = Progress()
        # What one process computes of a step, and how much of it at once.
        self.share = -(-learning.batch_size // self.placement.world)
        self.micro_batch = min(running.micro_batch or self.share, self.share)

    def _optimizer(self) -> AdamW:
        o = self.optimization
        try:
            return AdamW(self.parameters, lr=o.rate(0), weight_decay=o.weight_decay, betas=o.betas)
        except RuntimeError as error:
            if not memory.ran_out(error):
                raise
        raise memory.does_not_fit("the optimizer's state")

    def run(self) -> Outcome:
        started, work, running = time.perf_counter(), self.running.work, self.running
        if work is not None:
            self.state = checkpoint.load(work, self.identity, self.network, self.optimizer)
        self.micro_batch = min(self.micro_batch, self.state.micro_batch or self.share)
        first, total, is_stopped = self.state.step, self.optimization.steps, False
        for callback in self.callbacks:
            callback.resumed(self.state)
        saved = said = time.monotonic()
        for indices in self.learning.batches(first):
            self._step(indices)
            now = time.monotonic()
            is_stopped = self.placement.agree(running.stop_requested())
            if is_stopped or self.placement.agree(now - saved >= running.checkpoint_every_s):
                self._save()
                saved = now
            if is_stopped:
                break
            if now - said >= 0.5:
                running.progress(self.state.step / total, f"step {self.state.step} of {total}")
                said = now
        for parameter in self.parameters:
            parameter.grad = None  # as large as the network, and needed no more
        mean = None if is_stopped else self.state.snapshots.pop(RUNNING_MEAN, None)
        if mean is not None:
            checkpoint.restore_weights(self.network, mean)
        seconds = time.perf_counter() - started
        return Outcome(self.state, is_stopped, seconds, self.state.step - first, self.micro_batch)

    def _step(self, indices: np.ndarray) -> None:
        """Make one update of the weights."""
        state, o = self.state, self.optimization
        # The middle of the step: so neither the first nor the last update has a rate of zero.
        step = Step(state.step, (state.step + 0.5) / o.steps, indices)
        self.optimizer.param_groups[0]["lr"] = o.rate(state.step)
        state.loss_sum += self._backward(step)
        self.learning.after_backward(step)
        if o.gradient_clip is not None:
            clip(self.parameters, o.gradient_clip, self.placement.sum if self.placement.sharded else None)
        self.optimizer.step()
        state.step += 1
        if o.ema_decay is not None:
            self._move_mean(o.ema_decay)
        state.loss_steps += 1
        for callback in self.callbacks:
            callback.after_step(state)

    def _move_mean(self, decay: float) -> None:
        """Move the running mean of the weights; early on it forgets faster, so that the first weights leave it."""
        weights, step = checkpoint.trainable(self.network), self.state.step
        mean = self.state.snapshots.setdefault(RUNNING_MEAN, checkpoint.copied(weights))
        kept = min(decay, (1.0 + step) / (10.0 + step))
        for name, tensor in mean.items():
            if tensor.is_floating_point():
                tensor.lerp_(weights[name], 1.0 - kept)

    def _backward(self, step: Step) -> float:
        """Return the loss of an optimizer batch, its gradient in the parameters; retried in ever smaller parts."""
        while True:
            for parameter in self.parameters:
                parameter.grad = None
            try:
                if self.micro_batch == self.share and self.placement.world == 1:
                    return self._backward_whole(step)
                return self._backward_in_parts(step)
            except RuntimeError as error:
                if not memory.ran_out(error):
                    raise
            # Only here, where the error is forgotten, are its tensors given back.
            self.placement.free()
            tried = min(self.micro_batch, -(-len(step.indices) // self.placement.world))
            if self.placement.sharded:
                raise memory.does_not_fit(f"step {step.number + 1}: a batch of a sharded network")
            if tried == 1:
                raise memory.does_not_fit(f"step {step.number + 1}: a single example")
            self.micro_batch = self.state.micro_batch = -(-tried // 2)

    def _backward_whole(self, step: Step) -> float:
        """Compute the gradient of the batch's mean loss in one pass."""
        loss = self.learning.batch_loss(step)
        loss.backward()
        # Read late: a GPU is given its backward pass before anyone waits for it.
        return self._finite(step, float(loss.item()))

    def _backward_in_parts(self, step: Step) -> float:
        """Compute the same gradient from micro-batches and from this process's share of the batch."""
        import torch

        placement, learning = self.placement, self.learning
        parts = self._parts(step.indices)
        prepared = learning.prepare(step, parts)
        total = torch.zeros((), device=placement.device)

        def gradients() -> None:
            for part in parts:
                loss = learning.part_loss(step, part, prepared)
                (loss * placement.loss_factor).backward()
                total.add_(loss.detach())

        placement.together(gradients)
        placement.sum_gradients(self.parameters)
        return self._finite(step, float(placement.sum(total).item()))

    def _parts(self, indices: np.ndarray) -> list[Part]:
        """Return this process's micro-batches of a batch; idle ones keep step, and give gradients to sum."""
        own = self.placement.share(np.arange(len(indices)))
        parts = micro_batches(own, self.learning.lengths[indices], self.micro_batch) if len(own) else []
        largest = -(-len(indices) // self.placement.world)  # of all shares
        n_idle = self.placement.idle_passes(-(-largest // self.micro_batch) * self.placement.world, len(parts))
        idle = [Part(np.zeros(1, np.int64), True)] * max(n_idle, not parts)
        return [Part(part, False) for part in parts] + idle

    def _finite(self, step: Step, value: float) -> float:
        if math.isfinite(value):
            return value
        names = self.learning.names(step.indices)
        raise JobError(
            f"step {step.number + 1} of {self.optimization.steps}: the loss is {value}; no update was made from it. "
            "Lower the learning rate" + (f", or look at these examples: {', '.join(names)}" if names else "")
        )

    def _save(self) -> None:
        is_main, work = self.placement.is_main, self.running.work
        for callback in self.callbacks:
            callback.before_save(self.state)
        if work is not None and (is_main or self.placement.sharded):
            checkpoint.save(work, self.identity, self.state, self.network, self.optimizer, writes=is_main)
