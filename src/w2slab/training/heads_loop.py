"""One stack of heads: its steps, its curves, and its predictions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from w2slab.errors import JobError
from w2slab.models.network import HIDDEN
from w2slab.randomness import derived_seed
from w2slab.training import batches, schedules
from w2slab.training.classification import STOPPING_METRICS
from w2slab.training.head_training import FittedHead, HeadTraining, n_parameters
from w2slab.training.heads_data import Bank, Labels, Scaled, not_finite, places_of, slots
from w2slab.training.heads_network import Layout, Views, mix
from w2slab.training.heads_optimizer import AdamW

if TYPE_CHECKING:
    from w2slab.training.placement import Placement

_EXAMPLES = 1024  # predicted at a time
# Candidates of a batch are padded to a multiple: so sums over them are rounded alike however many more a wider batch
# brings along.
_CANDIDATES = 16


class _Batch(NamedTuple):
    """The examples of a step, of all orders.

    Args:
        rows: Of each order, [M, D]; where candidates are common classes one tensor [G, B, D].
        places: Of each order, where its outputs stand among the logits [B * k * K] of a head; `None` for classes.
        n_candidates: K.
        targets: [H, G, B, K].
        weights: [H, G, B], or `None`.
    """

    rows: list[Tensor] | Tensor
    places: list[Tensor] | None
    n_candidates: int
    targets: Tensor
    weights: Tensor | None


class Stacked:
    """Heads in lockstep: G orders of H heads each, with the same objectives in the same places."""

    def __init__(self, groups: Sequence[Sequence[HeadTraining]], placement: Placement) -> None:
        self.groups, self.placement, self.device = groups, placement, placement.device
        self.first = groups[0][0]
        first = self.first
        self.shared = first.examples.shared_candidates
        self.constant = self.shared or first.shape.hidden is not None
        classes = first.targets.shape[1] if self.shared else 1
        width = first.examples.values.shape[1] + self.constant
        self.layout = Layout(len(groups), len(groups[0]), width, classes, first.shape, self.shared)
        self.k = first.shape.n_heads
        self.slots = slots(groups[0])
        self.bank = Bank(groups, self.constant, self.device)
        self.labels = Labels(groups, self.device)
        self.optimizer = AdamW(self.layout, groups, self.device)
        self.errors: dict[tuple[int, int], Exception] = {}  # by order and place in it
        self.curves: list[list[list[dict[str, float]]]] = [[[] for _ in group] for group in groups]
        self.best: dict[tuple[str, int, int], float] = {}
        self.snapshots: dict[str, Tensor] = {}
        self.loss_sum = torch.zeros(self.layout.heads, self.layout.groups, device=self.device)
        self.loss_steps = 0
        self.seconds = 0.0

    def run(self, progress: Callable[[float, str], None], stop_requested: Callable[[], bool]) -> bool:
        """Train all heads; `False` if `stop_requested` said so before the end."""
        started, first, total = time.perf_counter(), self.first, self.first.steps
        n, size, step = len(first.kept), first.recipe.batch_size, 0
        curve_steps = set(schedules.evenly(first.recipe.curve_points, total)) if first.judges else set()
        for epoch in range(first.recipe.epochs):
            orders = np.stack([g[0].kept[batches.order(n, g[0].seed, epoch)] for g in self.groups])
            for start in range(0, n, size):
                self._step(orders[:, start : start + size], step, total)
                step += 1
                if step in curve_steps:
                    self._judge(step, total)
                if stop_requested():
                    return False
                progress(step / total, f"{self.layout.groups * self.layout.heads} heads, step {step} of {total}")
        self.seconds = time.perf_counter() - started
        return True

    def _step(self, positions: np.ndarray, step: int, total: int) -> None:
        """One update of all heads, from the examples at positions [G, B] of each order's split."""
        progress = (step + 0.5) / total  # the middle of the step, as in training.loop
        batch = self._batch(positions, step)
        weights = self.optimizer.weights
        with torch.no_grad():
            outputs, hidden = self._outputs(weights, batch)
        gradients, mixtures, losses = self._losses(outputs, weights.mixture, batch, progress)
        self._check(losses, positions, step, total)
        with torch.no_grad():
            for g, h in self.errors:
                gradients[h, g] = 0.0
                mixtures[h, g] = 0.0
            self._backward(batch, hidden, gradients)
            if self.optimizer.gradients.mixture is not None:
                self.optimizer.gradients.mixture.copy_(mixtures.transpose(0, 1))
            recipe = self.first.recipe
            self.optimizer.step(schedules.rate_factor(progress, recipe.warmup_frac, recipe.decay))
        self.loss_sum += losses
        self.loss_steps += 1

    def _batch(self, positions: np.ndarray, step: int) -> _Batch:
        if self.shared:
            targets, weights = self.labels.of(positions)
            rows = self.bank.examples(positions)
            if self.first.recipe.dropout:
                rows = rows * torch.stack([self._kept(g, step, rows.shape[1:]) for g in range(len(positions))])
            return _Batch(rows, None, targets.shape[-1], targets, weights)
        counts = self.bank.counts(positions)
        n_candidates = -(-int(counts.max()) // _CANDIDATES) * _CANDIDATES
        targets, weights = self.labels.of(positions, n_candidates)
        parts, places = [], []
        for g, row in enumerate(positions):
            part = self.bank.candidates(g, row)
            parts.append(part * self._kept(g, step, part.shape) if self.first.recipe.dropout else part)
            places.append(places_of(counts[g], n_candidates, self.k, self.device))
        return _Batch(parts, places, n_candidates, targets, weights)

    def _kept(self, group: int, step: int, shape: torch.Size) -> Tensor:
        """Return the factors of dropout for the rows of an order, drawn by seed and step as in `training.readout`."""
        head = self.groups[group][0]
        generator = torch.Generator().manual_seed(derived_seed(head.seed, "dropout", str(step), "0"))
        width = shape[-1] - self.constant
        left = torch.rand(*shape[:-1], width, generator=generator) >= head.recipe.dropout
        kept = torch.ones(shape)
        kept[..., :width] = left.float() / (1.0 - head.recipe.dropout)
        return kept.to(self.device)

    def _outputs(self, weights: Views, batch: _Batch) -> tuple[Tensor, list[Tensor | None]]:
        """Outputs [H, G, B, K], or [H, G, B, k, K] of mixtures, and hidden units."""
        layout, k = self.layout, self.k
        if isinstance(batch.rows, Tensor):
            outputs, hidden = layout.forward(weights, batch.rows, slice(None))
            return self._parted(outputs.permute(2, 0, 1, 3).contiguous()), [hidden]
        assert batch.places is not None
        n_examples = batch.targets.shape[2]
        found = torch.full(
            (layout.heads, layout.groups, n_examples * k * batch.n_candidates), HIDDEN, device=self.device
        )
        units = []
        for g, (rows, places) in enumerate(zip(batch.rows, batch.places, strict=True)):
            outputs, hidden = layout.forward(weights, rows[None], slice(g, g + 1))
            found[:, g].index_copy_(1, places, outputs[0].permute(1, 2, 0).reshape(layout.heads, -1))
            units.append(hidden)
        shape = (n_examples, batch.n_candidates) if k == 1 else (n_examples, k, batch.n_candidates)
        return found.view(layout.heads, layout.groups, *shape), units

    def _parted(self, outputs: Tensor) -> Tensor:
        return outputs if self.k == 1 else outputs.unflatten(-1, (self.k, -1))

    def _losses(
        self, outputs: Tensor, mixture: Tensor | None, batch: _Batch, progress: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Gradients of outputs and of the weights of mixtures [H, G, k], and the mean loss of each head [H, G]."""
        gradients, losses = torch.zeros_like(outputs), outputs.new_zeros(outputs.shape[:2])
        mixtures = outputs.new_zeros(*outputs.shape[:2], self.k)
        for objective, place in self.slots:
            leaf = outputs[place].flatten(0, 1).requires_grad_()
            leaves = [leaf]
            logits = leaf
            if mixture is not None:
                leaves.append(mixture.transpose(0, 1)[place].flatten(0, 1).requires_grad_())
                logits = mix(leaf, leaves[1])
                if not self.shared:  # shares and what the others hide would otherwise add up to it
                    logits = logits.clamp(min=HIDDEN)
            targets = batch.targets[place].flatten(0, 1)
            try:
                statistic = None
                if objective.needs_statistic(self.shared):
                    statistic = objective.statistic(logits.detach(), targets, self.shared)
                loss = objective(logits, targets, progress, statistic)
                if batch.weights is not None:
                    loss = loss * batch.weights[place].flatten(0, 1)
                loss = loss.mean(dim=-1)
                found = torch.autograd.grad(loss.sum(), leaves)
            except Exception as error:
                self._fail(place, error)
                continue
            gradients[place] = found[0].view_as(gradients[place])
            if mixture is not None:
                mixtures[place] = found[1].view_as(mixtures[place])
            losses[place] = loss.detach().view_as(losses[place])
        return gradients, mixtures, losses

    def _fail(self, place: slice, error: Exception) -> None:
        """The heads of an objective that raised fail, and are not trained on."""
        self.slots = [(objective, other) for objective, other in self.slots if other != place]
        for g in range(self.layout.groups):
            for h in range(place.start, place.stop):
                self.errors.setdefault((g, h), error)

    def _check(self, losses: Tensor, positions: np.ndarray, step: int, total: int) -> None:
        """Heads whose loss is not finite fail."""
        finite = losses.isfinite()
        if finite.all():
            return
        for h, g in (~finite).nonzero().tolist():
            ids = [self.groups[g][h].examples.ids[i] for i in positions[g]]
            self.errors.setdefault(
                (g, h),
                JobError(
                    f"step {step + 1} of {total}: the loss is {float(losses[h, g])}; no update was made from it. Lower "
                    f"the learning rate, or look at these examples: {', '.join(ids)}"
                ),
            )

    def _backward(self, batch: _Batch, hidden: list[Tensor | None], gradients: Tensor) -> None:
        weights, into, layout = self.optimizer.weights, self.optimizer.gradients, self.layout
        if isinstance(batch.rows, Tensor):
            outputs = gradients.flatten(3).permute(1, 2, 0, 3)
            layout.backward(weights, into, batch.rows, hidden[0], outputs, slice(None))
            return
        assert batch.places is not None
        flat = gradients.flatten(2)
        for g, (rows, places) in enumerate(zip(batch.rows, batch.places, strict=True)):
            own = flat[:, g].index_select(1, places).view(layout.heads, self.k, -1)
            layout.backward(weights, into, rows[None], hidden[g], own.permute(2, 0, 1)[None], slice(g, g + 1))

    def _judge(self, step: int, total: int) -> None:
        """A point of every head's curve, and the weights of those that were never better."""
        losses = (self.loss_sum / self.loss_steps).tolist()
        self.loss_sum, self.loss_steps = torch.zeros_like(self.loss_sum), 0
        improved = {point: np.zeros((self.layout.groups, self.layout.heads), dtype=bool) for point in STOPPING_METRICS}
        weights = self.layout.views(self.optimizer.predicting)
        for g, group in enumerate(self.groups):
            choices: dict[int, np.ndarray] = {}
            for h, head in enumerate(group):
                row = {"step": step, "progress": step / total, "loss": losses[h][g]}
                for column, (rows, right) in head.judges.items():
                    if id(rows) not in choices:
                        choices[id(rows)] = self._probs(weights, g, self.bank.scaled(g, rows)).argmax(axis=-1)
                    row[column] = float(right[np.arange(len(rows)), choices[id(rows)][h]].mean())
                self.curves[g][h].append(row)
                for point, column in STOPPING_METRICS.items():
                    if column in row and row[column] > self.best.get((point, g, h), -1.0):
                        self.best[point, g, h] = row[column]
                        improved[point][g, h] = True
        for point, better in improved.items():
            if better.any():
                self._keep(point, better)

    def _keep(self, point: str, better: np.ndarray) -> None:
        now = self.optimizer.predicting
        if point not in self.snapshots or better.all():
            self.snapshots[point] = now.clone()
        else:
            mask = self.layout.spread(torch.from_numpy(better).to(self.device))
            self.snapshots[point] = torch.where(mask, now, self.snapshots[point])

    def results(self) -> Iterator[list[FittedHead | Exception]]:
        """Yield the results of each head, order by order."""
        last = self.optimizer.predicting
        points = {"last": last} | self.snapshots
        chosen = last
        if "weak-labels" in self.snapshots:
            stops = [[head.recipe.stop_at == "weak-labels" for head in group] for group in self.groups]
            mask = self.layout.spread(torch.tensor(stops, device=self.device))
            chosen = torch.where(mask, self.snapshots["weak-labels"], last)
        started, n_together = time.perf_counter(), self.layout.groups * self.layout.heads
        for g, group in enumerate(self.groups):
            probs, stopping = self._predictions(g, chosen, points)
            seconds = (self.seconds + time.perf_counter() - started) / n_together
            results: list[FittedHead | Exception] = []
            for h, head in enumerate(group):
                own = {split: found[h] for split, found in probs.items()}
                error = self.errors.get((g, h)) or not_finite(head, own)
                fitted = FittedHead(
                    own,
                    {point: found[h] for point, found in stopping.items()},
                    self.curves[g][h],
                    n_parameters(head),
                    n_together,
                    seconds,
                )
                results.append(error or fitted)
            yield results

    def _predictions(
        self, g: int, chosen: Tensor, points: dict[str, Tensor]
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Probabilities [H, N, K] of an order's heads, by split and, of the test split, by stopping point."""
        head, probs, stopping = self.groups[g][0], {}, {}
        for split, rows in head.predicted.items():
            scaled = self.bank.scaled(g, rows, keep=False)
            probs[split] = self._probs(self.layout.views(chosen), g, scaled)
            if split == "test" and self.curves[g][0]:
                stopping = {p: self._probs(self.layout.views(v), g, scaled) for p, v in points.items()}
        return probs, stopping

    def _probs(self, weights: Views, g: int, scaled: Scaled) -> np.ndarray:
        """Probabilities [H, N, K] of an order's heads."""
        widest = self.layout.classes if self.shared else int(scaled.counts.max(initial=0))
        found = np.zeros((self.layout.heads, len(scaled.firsts), widest), dtype=np.float32)
        for start in range(0, len(scaled.firsts), _EXAMPLES):
            part = slice(start, start + _EXAMPLES)
            found[:, part] = self._part(weights, g, scaled, part, widest)
        return found

    def _part(self, weights: Views, g: int, scaled: Scaled, part: slice, widest: int) -> np.ndarray:
        counts, k = scaled.counts[part], self.k
        first = int(scaled.firsts[part.start])
        rows = scaled.values[first : first + int(counts.sum())]
        with torch.no_grad():
            outputs = self.layout.forward(weights, rows[None], slice(g, g + 1))[0][0]  # [M, H, C]
            if self.shared:
                logits = self._parted(outputs.transpose(0, 1).contiguous())
            else:
                places = places_of(counts, widest, k, self.device)
                logits = outputs.new_full((self.layout.heads, len(counts) * k * widest), HIDDEN)
                logits.index_copy_(1, places, outputs.permute(1, 2, 0).reshape(self.layout.heads, -1))
                logits = logits.view(self.layout.heads, len(counts), *([widest] if k == 1 else [k, widest]))
            if weights.mixture is not None:
                logits = mix(logits, weights.mixture[g])
            probs: np.ndarray = logits.softmax(dim=-1).cpu().numpy()
        return probs
