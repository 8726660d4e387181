"""Finetuning: a network learns to choose among candidates, by an objective and labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from w2slab.errors import JobError
from w2slab.objectives import Objective
from w2slab.training import batches, checkpoint, readout, schedules
from w2slab.training.batches import Encoded
from w2slab.training.checkpoint import Progress
from w2slab.training.loop import RUNNING_MEAN, Callback, Learning, Optimization, Part, Running, Step, train
from w2slab.training.placement import Placement
from w2slab.training.predict import predict
from w2slab.training.recipe import Recipe

if TYPE_CHECKING:
    import torch
    from torch import Tensor

STOPPING_METRICS = {"weak-labels": "validation_accuracy", "oracle": "test_accuracy"}


@dataclass(frozen=True)
class Training:
    """Everything that decides a finetuning, beside the network it starts from.

    Args:
        examples: The training examples.
        targets: Their labels, float32 [N, K], rows that sum to one.
        weights: Weights of the examples, float32 [N], with mean 1; `None` is 1 for all.
        shared_candidates: True if candidates are common to all examples.
        judges: By column of the curve (`validation_accuracy`, `test_accuracy`): examples, and a function from a choice
            for each of them [M] to bool [M], true where it is right. Empty if no curve is wanted.
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
class Trained:
    """Results of a finetuning; the network holds the weights of the last step.

    Args:
        curve: One row per curve point.
        snapshots: Weights at the best point by each metric, by name of the stopping point.
        steps: Optimizer steps.
        seconds: Time of this attempt, curve included.
        steps_here: Steps of this attempt; fewer than `steps` if it continued from a checkpoint.
        micro_batch: Most examples that went through the network at once, per process.
    """

    curve: list[dict[str, float]]
    snapshots: dict[str, dict[str, Tensor]]
    steps: int
    seconds: float
    steps_here: int
    micro_batch: int


def finetune(network: torch.nn.Module, training: Training, running: Running) -> Trained | None:
    """Train the network in place; return `None` if it was stopped before the end, with its place saved.

    Raises:
        JobError: A loss is not finite, and the step that would have used it was not made; or a single example does not
            fit into memory.
    """
    recipe = training.recipe
    network = running.placement.place(network).eval()
    learning = _Choosing(network, training, running.placement)
    optimization = Optimization(
        steps=training.steps,
        rate=_rate(recipe, training.steps),
        weight_decay=recipe.weight_decay,
        gradient_clip=recipe.gradient_clip,
        ema_decay=recipe.ema_decay,
    )
    identity = {
        "steps": training.steps,
        "seed": training.seed,
        "examples": len(training.examples),
        "parameters": sum(p.numel() for p in network.parameters() if p.requires_grad),
    }
    callbacks = [_Curve(network, training, running)] if training.judges and recipe.curve_points else []
    ended = train(network, learning, optimization, running, identity, callbacks)
    if ended.is_stopped:
        return None
    state = ended.state
    return Trained(state.curve, state.snapshots, state.step, ended.seconds, ended.steps_here, ended.micro_batch)


def _rate(recipe: Recipe, steps: int) -> Callable[[int], float]:
    def rate(step: int) -> float:
        return recipe.lr * schedules.rate_factor((step + 0.5) / steps, recipe.warmup_frac, recipe.decay)

    return rate


class _Choosing(Learning):
    """An objective of logits and labels, perhaps of features as well."""

    def __init__(self, network: torch.nn.Module, training: Training, placement: Placement) -> None:
        import torch

        self.network, self.training, self.placement = network, training, placement
        recipe, examples = training.recipe, training.examples
        self.batch_size = min(recipe.batch_size, max(1, len(examples)))
        self.lengths = examples.lengths
        self.targets = torch.from_numpy(np.ascontiguousarray(training.targets)).to(placement.device)
        self.weights = None if training.weights is None else torch.from_numpy(training.weights).to(placement.device)
        self.needs_statistic = training.objective.needs_statistic(training.shared_candidates)
        self.anchor: readout.Anchor | None = None
        self.watch: readout.Watch | None = None
        is_anchored = training.objective.needs_features
        if placement.sharded and (is_anchored or recipe.dropout or recipe.head_first or recipe.ema_decay):
            raise JobError("a sharded network has no dropout, head_first, ema_decay or anchor; leave out --sharded")
        if is_anchored:
            self.anchor = readout.Anchor(network)
        if is_anchored or recipe.dropout:
            self.watch = readout.Watch(network, recipe.dropout, training.seed)
        head = {id(p) for p in readout.head_of(network).parameters()} if recipe.head_first else set()
        self.body = [p for p in network.parameters() if p.requires_grad and id(p) not in head] if head else []

    def batches(self, first: int) -> Iterator[np.ndarray]:
        """Yield each epoch's examples in an order of its own."""
        training, size = self.training, self.training.recipe.batch_size
        per_epoch = batches.steps_per_epoch(len(training.examples), size)
        for epoch in range(first // per_epoch, training.recipe.epochs):
            order = batches.order(len(training.examples), training.seed, epoch)
            for index in range(max(first - epoch * per_epoch, 0), per_epoch):
                yield order[index * size : (index + 1) * size]

    def names(self, indices: np.ndarray) -> list[str]:
        """Return ids of examples."""
        return [self.training.examples.ids[i] for i in indices]

    def after_backward(self, step: Step) -> None:
        """Drop the gradients of the body while the head alone learns."""
        if step.progress < self.training.recipe.head_first:
            for parameter in self.body:
                parameter.grad = None

    def batch_loss(self, step: Step) -> Tensor:
        """Return the mean loss of the batch in one pass; its logits serve the statistic as well."""
        training = self.training
        logits = self._training_logits(step, np.arange(len(step.indices)))
        targets = self._targets(step.indices, logits.shape[1])
        statistic = None
        if self.needs_statistic:
            statistic = training.objective.statistic(logits.detach(), targets, training.shared_candidates)
        return self._losses(step.indices, logits, targets, step.progress, statistic).mean()

    def part_loss(self, step: Step, part: Part, prepared: Tensor | None) -> Tensor:
        """Return the summed loss of some examples over the size of the batch."""
        indices = step.indices[part.places]
        logits = self._training_logits(step, part.places)
        targets = self._targets(indices, logits.shape[1])
        entries = None if prepared is None else prepared[part.places]
        weight = 0.0 if part.is_idle else 1 / len(step.indices)
        return self._losses(indices, logits, targets, step.progress, entries).sum() * weight

    def prepare(self, step: Step, parts: Sequence[Part]) -> Tensor | None:
        """Return the objective's statistic of the whole batch, from a first pass without gradient."""
        import torch

        training = self.training
        if not self.needs_statistic:
            return None
        targets = self._targets(step.indices, self.targets.shape[1])
        logits = torch.zeros_like(targets)

        def look() -> None:
            for part in parts:
                rows = self._logits(step.indices[part.places])
                if not part.is_idle:
                    logits[part.places, : rows.shape[1]] = rows

        with torch.no_grad():
            self.placement.together(look)
            return training.objective.statistic(self.placement.sum(logits), targets, training.shared_candidates)

    def _training_logits(self, step: Step, places: np.ndarray) -> Tensor:
        """Return the logits of a training pass, of examples at these places of an optimizer batch."""
        indices = step.indices[places]
        if self.watch is None:
            return self._logits(indices)
        watch = self.watch
        watch.is_learning, watch.step, watch.n_batch, watch.places = True, step.number, len(step.indices), places
        try:
            return self._logits(indices)
        finally:
            watch.is_learning = False

    def _losses(
        self, indices: np.ndarray, logits: Tensor, targets: Tensor, progress: float, statistic: Tensor | None
    ) -> Tensor:
        """Return the loss of each example, weighted, with the penalty of its features: [B]."""
        import torch

        losses = self.training.objective(logits, targets, progress, statistic)
        if not isinstance(losses, torch.Tensor) or losses.shape != logits.shape[:1]:
            given = tuple(losses.shape) if isinstance(losses, torch.Tensor) else type(losses).__name__
            raise JobError(
                f"{type(self.training.objective).__name__}: the objective gave {given} for {len(logits)} examples; one "
                "loss for each is wanted"
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

    def _targets(self, indices: np.ndarray, n_candidates: int) -> Tensor:
        """Return labels of some examples; a batch may have fewer candidates than the widest example of all."""
        import torch

        targets = self.targets.index_select(0, torch.from_numpy(indices).to(self.targets.device))
        return targets if n_candidates == targets.shape[1] else targets[:, :n_candidates]

    def _logits(self, indices: np.ndarray) -> Tensor:
        with self.placement.autocast():
            logits: Tensor = self.network(**self.placement.to_device(self.training.examples.batch(indices)))
        return logits.float()


class _Curve(Callback):
    """Judges the network evenly over training, and keeps its weights where they were best."""

    def __init__(self, network: torch.nn.Module, training: Training, running: Running) -> None:
        self.network, self.judges, self.running, self.steps = network, training.judges, running, training.steps
        self.points = set(schedules.evenly(training.recipe.curve_points, training.steps))

    def after_step(self, state: Progress) -> None:
        """Add a point of the curve where one is due."""
        if state.step in self.points:
            self._judge(state)

    def _judge(self, state: Progress) -> None:
        row = {"step": state.step, "progress": state.step / self.steps, "loss": state.loss_sum / state.loss_steps}
        mean = state.snapshots.get(RUNNING_MEAN)
        own = checkpoint.copied(checkpoint.trainable(self.network)) if mean is not None else None
        if mean is not None:
            checkpoint.restore_weights(self.network, mean)
        for column, (examples, is_right) in self.judges.items():
            probs = predict(self.network, examples, self.running.placement, self.running.prediction_batch)
            row[column] = float(is_right(probs.argmax(axis=1)).mean())
        state.curve.append(row)
        state.loss_sum, state.loss_steps = 0.0, 0
        for point, column in STOPPING_METRICS.items():
            if column in row and row[column] > state.best.get(point, -1.0):
                state.best[point] = row[column]
                state.snapshots[point] = checkpoint.copied(checkpoint.trainable(self.network))
        if own is not None:
            checkpoint.restore_weights(self.network, own)
