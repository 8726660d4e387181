"""The training loop: one network, one objective, one set of labels.

Dropout is off: the network is in evaluation mode throughout, as in the code of Burns et al. 2023. Nothing is drawn from
a global generator, and the order of examples is a function of seed and epoch, so a training that was stopped goes on
with the same bits.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from w2slab.errors import JobError
from w2slab.objectives import Objective
from w2slab.training import batches, checkpoint, memory, readout, schedules
from w2slab.training.batches import Encoded
from w2slab.training.checkpoint import Progress
from w2slab.training.optimizer import AdamW, clip
from w2slab.training.placement import Placement
from w2slab.training.predict import predict
from w2slab.training.recipe import Recipe

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_MEAN = "running mean"  # the snapshot that is no stopping point
STOPPING_METRICS = {"weak-labels": "validation_accuracy", "true-labels": "test_accuracy"}


@dataclass(frozen=True)
class Training:
    """Everything that decides a training, beside the network it starts from.

    Args:
        examples: What is learned on.
        targets: Their labels, float32 [N, K], rows that sum to one.
        weights: What each example counts, float32 [N], with mean 1; `None` is 1 for all.
        shared_candidates: Whether candidates are common to all examples.
        judges: By column of the curve (`validation_accuracy`, `test_accuracy`): examples, and a function from a choice
            for each of them [M] to whether it is right [M]. Empty if no curve is wanted.
    """

    examples: Encoded
    targets: np.ndarray
    shared_candidates: bool
    objective: Objective
    recipe: Recipe
    seed: int
    judges: Mapping[str, tuple[Encoded, Callable[[np.ndarray], np.ndarray]]] = field(default_factory=dict)
    weights: np.ndarray | None = None

    @property
    def steps(self) -> int:
        """Optimizer steps of the whole training."""
        return self.recipe.epochs * batches.steps_per_epoch(len(self.examples), self.recipe.batch_size)


@dataclass(frozen=True)
class Running:
    """How a training is carried out; none of it changes the result but by rounding.

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


@dataclass(frozen=True)
class Trained:
    """What a training leaves; the network holds the weights of the last step.

    Args:
        curve: One row per curve point.
        snapshots: Weights at the best point by each metric, by name of the stopping point.
        steps: Optimizer steps.
        seconds: Time of this attempt, curve included.
        steps_here: Steps of this attempt; fewer than `steps` if it went on from a checkpoint.
        micro_batch: Most examples that went through the network at once, per process.
    """

    curve: list[dict[str, float]]
    snapshots: dict[str, dict[str, Tensor]]
    steps: int
    seconds: float
    steps_here: int
    micro_batch: int


def finetune(network: torch.nn.Module, training: Training, running: Running) -> Trained | None:
    """Train the network in place; `None` if `running.stop_requested` said so before the end, and the place is saved.

    Raises:
        JobError: A loss is not finite, and the step that would have used it was not made; or a single example does not
            fit into memory.
    """
    return _Loop(network, training, running).run()


class _Loop:
    def __init__(self, network: torch.nn.Module, training: Training, running: Running) -> None:
        import torch

        self.training, self.running, self.placement = training, running, running.placement
        self.network = self.placement.place(network).eval()
        self.parameters = [p for p in self.network.parameters() if p.requires_grad]
        recipe = training.recipe
        self.optimizer = self._optimizer()
        self.targets = torch.from_numpy(np.ascontiguousarray(training.targets)).to(self.placement.device)
        self.needs_statistic = training.objective.needs_statistic(training.shared_candidates)
        self.per_epoch = batches.steps_per_epoch(len(training.examples), recipe.batch_size)
        self.curve_steps = set(schedules.evenly(recipe.curve_points, training.steps)) if training.judges else set()
        self.identity = {
            "steps": training.steps,
            "seed": training.seed,
            "examples": len(training.examples),
            "parameters": sum(p.numel() for p in self.parameters),
        }
        self.state = Progress()
        self.weights = None if training.weights is None else torch.from_numpy(training.weights).to(self.targets.device)
        self._prepare_readout()
        # What one process computes of a step, and how much of it at once.
        self.share = min(-(-recipe.batch_size // self.placement.world), max(1, len(training.examples)))
        self.micro_batch = min(running.micro_batch or self.share, self.share)

    def _optimizer(self) -> AdamW:
        recipe = self.training.recipe
        try:
            return AdamW(self.parameters, lr=recipe.lr, weight_decay=recipe.weight_decay)
        except RuntimeError as error:
            if not memory.ran_out(error):
                raise
        raise memory.does_not_fit("the optimizer's state")

    def _prepare_readout(self) -> None:
        """What is needed of features and head, where recipe or objective ask for more than logits."""
        recipe = self.training.recipe
        self.anchor = self.watch = None
        is_anchored = getattr(self.training.objective, "needs_features", False)
        if self.placement.sharded and (is_anchored or recipe.dropout or recipe.head_first or recipe.ema_decay):
            raise JobError("a sharded network has no dropout, head_first, ema_decay or anchor; leave out --sharded")
        if is_anchored:
            self.anchor = readout.Anchor(self.network)
        if is_anchored or recipe.dropout:
            self.watch = readout.Watch(self.network, recipe.dropout, self.training.seed)
        head = {id(p) for p in readout.head_of(self.network).parameters()} if recipe.head_first else set()
        self.body = [p for p in self.parameters if id(p) not in head] if head else []

    def run(self) -> Trained | None:
        started, work = time.perf_counter(), self.running.work
        if work is not None:
            self.state = checkpoint.load(work, self.identity, self.network, self.optimizer)
        self.micro_batch = min(self.micro_batch, self.state.micro_batch or self.share)
        first, total = self.state.step, self.training.steps
        saved = said = time.monotonic()
        for epoch in range(first // self.per_epoch, self.training.recipe.epochs):
            order = batches.order(len(self.training.examples), self.training.seed, epoch)
            for index in range(max(first - epoch * self.per_epoch, 0), self.per_epoch):
                size = self.training.recipe.batch_size
                self._step(order[index * size : (index + 1) * size])
                now = time.monotonic()
                stop = self.placement.agree(self.running.stop_requested())
                if stop or self.placement.agree(now - saved >= self.running.checkpoint_every_s):
                    self._save()
                    saved = now
                if stop:
                    return None
                if now - said >= 0.5:
                    self.running.progress(self.state.step / total, f"step {self.state.step} of {total}")
                    said = now
        for parameter in self.parameters:
            parameter.grad = None  # as large as the network, and needed no more
        mean = self.state.snapshots.pop(_MEAN, None)
        if mean is not None:
            checkpoint.restore_weights(self.network, mean)
        seconds = time.perf_counter() - started
        return Trained(self.state.curve, self.state.snapshots, total, seconds, total - first, self.micro_batch)

    def _step(self, indices: np.ndarray) -> None:
        """One update of the weights, and the point of the curve that may follow it."""
        recipe, state, total = self.training.recipe, self.state, self.training.steps
        # The middle of the step: so neither the first nor the last update has a rate of zero.
        progress = (state.step + 0.5) / total
        self.optimizer.param_groups[0]["lr"] = recipe.lr * schedules.rate_factor(
            progress, recipe.warmup_frac, recipe.decay
        )
        state.loss_sum += self._backward(indices, progress)
        if progress < recipe.head_first:
            for parameter in self.body:
                parameter.grad = None
        if recipe.gradient_clip is not None:
            clip(self.parameters, recipe.gradient_clip, self.placement.sum if self.placement.sharded else None)
        self.optimizer.step()
        state.step += 1
        if recipe.ema_decay is not None:
            self._mean_weights(recipe.ema_decay)
        state.loss_steps += 1
        if state.step in self.curve_steps:
            self._judge(state.step / total)

    def _mean_weights(self, decay: float) -> None:
        """Move the running mean of the weights; early on it forgets faster, so that the first weights leave it."""
        weights, step = checkpoint.trainable(self.network), self.state.step
        mean = self.state.snapshots.setdefault(_MEAN, checkpoint.copied(weights))
        kept = min(decay, (1.0 + step) / (10.0 + step))
        for name, tensor in mean.items():
            if tensor.is_floating_point():
                tensor.lerp_(weights[name], 1.0 - kept)

    def _backward(self, indices: np.ndarray, progress: float) -> float:
        """The loss of an optimizer batch, its gradient left in the parameters; tried in ever smaller parts."""
        while True:
            for parameter in self.parameters:
                parameter.grad = None
            try:
                if self.micro_batch == self.share and self.placement.world == 1:
                    return self._backward_whole(indices, progress)
                return self._backward_in_parts(indices, progress)
            except RuntimeError as error:
                if not memory.ran_out(error):
                    raise
            # Only here, where the error is forgotten, are its tensors given back.
            self.placement.free()
            tried = min(self.micro_batch, -(-len(indices) // self.placement.world))
            if self.placement.sharded:
                raise memory.does_not_fit(f"step {self.state.step + 1}: a batch of a sharded network")
            if tried == 1:
                raise memory.does_not_fit(f"step {self.state.step + 1}: a single example")
            self.micro_batch = self.state.micro_batch = -(-tried // 2)

    def _backward_whole(self, indices: np.ndarray, progress: float) -> float:
        """Gradient of the mean loss of the batch in one pass; its logits serve the statistic as well."""
        training = self.training
        logits = self._learn(indices, np.arange(len(indices)), len(indices))
        targets = self._targets(indices, logits.shape[1])
        statistic = None
        if self.needs_statistic:
            statistic = training.objective.statistic(logits.detach(), targets, training.shared_candidates)
        loss = self._losses(indices, logits, targets, progress, statistic).mean()
        loss.backward()
        value = float(loss.item())  # read late: a GPU is given its backward pass before anyone waits for it
        if not math.isfinite(value):
            raise self._not_finite(indices, value)
        return value

    def _backward_in_parts(self, indices: np.ndarray, progress: float) -> float:
        """The same gradient from micro-batches and from this process's share of the batch."""
        placement = self.placement
        parts = self._parts(indices)
        statistic = self._statistic(indices, parts) if self.needs_statistic else None
        total = self.targets.new_zeros(())

        def gradients() -> None:
            for part, weight in parts:
                logits = self._learn(indices[part], part, len(indices))
                targets = self._targets(indices[part], logits.shape[1])
                entries = None if statistic is None else statistic[part]
                loss = self._losses(indices[part], logits, targets, progress, entries).sum() * weight
                (loss * placement.loss_factor).backward()
                total.add_(loss.detach())

        placement.together(gradients)
        placement.sum_gradients(self.parameters)
        value = float(placement.sum(total).item())
        if not math.isfinite(value):
            raise self._not_finite(indices, value)
        return value

    def _learn(self, indices: np.ndarray, places: np.ndarray, n_batch: int) -> Tensor:
        """Logits of a pass that is learned from, of examples at these places of an optimizer batch."""
        if self.watch is None:
            return self._logits(indices)
        watch = self.watch
        watch.is_learning, watch.step, watch.n_batch, watch.places = True, self.state.step, n_batch, places
        try:
            return self._logits(indices)
        finally:
            self.watch.is_learning = False

    def _losses(
        self, indices: np.ndarray, logits: Tensor, targets: Tensor, progress: float, statistic: Tensor | None
    ) -> Tensor:
        """The loss of each example, weighted, and with what its features cost: [B]."""
        import torch

        losses = self.training.objective(logits, targets, progress, statistic)
        if getattr(losses, "shape", None) != logits.shape[:1]:
            raise JobError(
                f"{type(self.training.objective).__name__}: the objective gave {tuple(getattr(losses, 'shape', ()))} "
                f"for {len(logits)} examples; one loss for each is wanted"
            )
        if self.weights is not None:
            losses = losses * self.weights[torch.from_numpy(indices).to(self.weights.device)]
        if self.anchor is not None and self.watch is not None and self.watch.features is not None:
            batch = self.placement.to_device(self.training.examples.batch(indices))
            with self.placement.autocast():
                initial = self.anchor.features(batch)
            features = self.watch.features.float()
            losses = losses + readout.penalties(self.training.objective, features, initial.float(), logits)
        return losses

    def _parts(self, indices: np.ndarray) -> list[tuple[np.ndarray, float]]:
        """This process's micro-batches of a batch, each with the weight of an example: 0 if it only keeps step."""
        own = self.placement.share(np.arange(len(indices)))
        cut = batches.micro_batches(own, self.training.examples.lengths[indices], self.micro_batch) if len(own) else []
        largest = -(-len(indices) // self.placement.world)  # of all shares
        n_idle = self.placement.idle_passes(-(-largest // self.micro_batch) * self.placement.world, len(cut))
        # Every process must have gradients to sum.
        return [(part, 1 / len(indices)) for part in cut] + [(np.zeros(1, np.int64), 0.0)] * max(n_idle, not cut)

    def _statistic(self, indices: np.ndarray, parts: list[tuple[np.ndarray, float]]) -> Tensor | None:
        """The objective's statistic of the whole optimizer batch, from a first pass without gradient."""
        import torch

        training = self.training
        targets = self._targets(indices, self.targets.shape[1])
        logits = torch.zeros_like(targets)

        def look() -> None:
            for part, weight in parts:
                rows = self._logits(indices[part])
                if weight:
                    logits[part, : rows.shape[1]] = rows

        with torch.no_grad():
            self.placement.together(look)
            return training.objective.statistic(self.placement.sum(logits), targets, training.shared_candidates)

    def _targets(self, indices: np.ndarray, n_candidates: int) -> Tensor:
        """Labels of some examples; a batch may have fewer candidates than the widest example of all."""
        import torch

        targets = self.targets.index_select(0, torch.from_numpy(indices).to(self.targets.device))
        return targets if n_candidates == targets.shape[1] else targets[:, :n_candidates]

    def _logits(self, indices: np.ndarray) -> Tensor:
        with self.placement.autocast():
            logits: Tensor = self.network(**self.placement.to_device(self.training.examples.batch(indices)))
        return logits.float()

    def _not_finite(self, indices: np.ndarray, value: float) -> JobError:
        ids = [self.training.examples.ids[i] for i in indices]
        return JobError(
            f"step {self.state.step + 1} of {self.training.steps}: the loss is {value}; no update was made from it. "
            f"Lower the learning rate, or look at these examples: {', '.join(ids)}"
        )

    def _judge(self, progress: float) -> None:
        state = self.state
        row = {"step": state.step, "progress": progress, "loss": state.loss_sum / state.loss_steps}
        mean = state.snapshots.get(_MEAN)
        own = checkpoint.copied(checkpoint.trainable(self.network)) if mean is not None else None
        if mean is not None:
            checkpoint.restore_weights(self.network, mean)
        for column, (examples, is_right) in self.training.judges.items():
            probs = predict(self.network, examples, self.placement, self.running.prediction_batch)
            row[column] = float(is_right(probs.argmax(axis=1)).mean())
        state.curve.append(row)
        state.loss_sum, state.loss_steps = 0.0, 0
        for point, column in STOPPING_METRICS.items():
            if column in row and row[column] > state.best.get(point, -1.0):
                state.best[point] = row[column]
                state.snapshots[point] = checkpoint.copied(checkpoint.trainable(self.network))
        if own is not None:
            checkpoint.restore_weights(self.network, own)

    def _save(self) -> None:
        is_main, work = self.placement.is_main, self.running.work
        if work is not None and (is_main or self.placement.sharded):
            checkpoint.save(work, self.identity, self.state, self.network, self.optimizer, writes=is_main)
