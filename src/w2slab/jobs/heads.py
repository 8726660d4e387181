"""Frozen features, examples and labels -> predictions of heads: as many of them in one batched product as are given.

A student never meets the ground truth of what it learns on, as in `jobs.finetune`. What several read is read once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from w2slab import registry
from w2slab.data.artifacts import Features, write_curve, write_predictions, write_stopping
from w2slab.data.labels import Labels
from w2slab.data.task_data import TaskData
from w2slab.errors import JobError
from w2slab.graph.job import JobContext, Stopped
from w2slab.jobs import targets
from w2slab.jobs.features import places, stored_features
from w2slab.jobs.material import Material
from w2slab.jobs.setup import prepare_worker, running_of
from w2slab.jobs.spec import LearningSpec
from w2slab.relabelings.feature_rows import example_rows
from w2slab.relabelings.overlap import overlap_density
from w2slab.training.recipe import HeadShape
from w2slab.training.rows import Rows, rows_of

if TYPE_CHECKING:
    from w2slab.training.head_training import FittedHead, HeadTraining


@dataclass(frozen=True, kw_only=True)
class HeadSpec(LearningSpec):
    """Frozen features, examples and labels -> predictions: a finetuning of the head alone.

    Inputs: `task` and `data`; `features` (an `embed` job of them, or of the task alone); `labels` and `weights` as for
    `FinetuneSpec`. Of the recipe all is read but `precision`, `gradient_clip`, `head_first`.

    Args:
        head: What reads the features.
    """

    KIND: ClassVar[str] = "head"
    VERSION: ClassVar[int] = 1
    RUN: ClassVar[str] = "w2slab.jobs.heads:head"
    FUSED: ClassVar[str] = "w2slab.jobs.heads:heads"
    BATCHED_BY: ClassVar[str] = "features"

    head: HeadShape


def head(spec: HeadSpec, context: JobContext) -> dict[str, Any]:
    """Train one head and leave its predictions on every split that its supervisor has not seen.

    Raises:
        JobError: Labels or features do not fit the examples, or training fails.
        Stopped: The run asked for it; nothing is kept, since a head is soon trained again.
    """
    (result,) = heads([spec], [context])
    if isinstance(result, Exception):
        raise result
    return result


def heads(specs: list[HeadSpec], contexts: list[JobContext]) -> list[dict[str, Any] | Exception]:
    """Train many heads together; each leaves what it would leave alone, and is given as its facts or its error.

    Options, of the first: `device`.
    """
    prepare_worker()
    from w2slab.training.stacked_heads import fit

    shared = _Shared()
    found: dict[int, dict[str, Any] | Exception] = {}
    trainings: dict[int, HeadTraining] = {}
    for number, (spec, context) in enumerate(zip(specs, contexts, strict=True)):
        try:
            trainings[number] = shared.training(spec, context)
        except Exception as error:
            found[number] = error
    numbers = list(trainings)

    def progress(share: float, words: str) -> None:
        for number in numbers:
            if number not in found:
                contexts[number].progress(share, words)

    if numbers:
        placement = running_of(contexts[numbers[0]], "fp32").placement
        stop_requested = contexts[numbers[0]].stop_requested
        fitting = fit(list(trainings.values()), placement, progress=progress, stop_requested=stop_requested)
        for place, fitted in fitting:
            number = numbers[place]
            if isinstance(fitted, Exception):
                found[number] = fitted
                continue
            context, training, device = contexts[number], trainings[number], str(placement.device)
            overlap = shared.overlap(context.inputs.get("labels"), training.examples, training.targets)
            found[number] = _written(fitted, training, context, shared, overlap, device)
    stopped = Stopped("stopped before these heads were trained; they begin anew")
    return [found.get(number, stopped) for number in range(len(specs))]


def _written(
    fitted: FittedHead,
    training: HeadTraining,
    context: JobContext,
    shared: _Shared,
    overlap: float | None,
    device: str,
) -> dict[str, Any]:
    """Write the results of a head and return its facts."""
    data = shared.data(context)

    def labels(split: str, probs: np.ndarray) -> Labels:
        return Labels(data.positions(split), probs, training.predicted[split].n_candidates)

    for split, probs in fitted.probs.items():
        write_predictions(context.out, split, labels(split, probs))
    for point, probs in fitted.stopping.items():
        write_stopping(context.out, point, labels("test", probs))
    if fitted.curve:
        write_curve(context.out, fitted.curve)
    return {
        "n_examples": len(training.kept),
        "overlap_density": overlap,
        "n_features": training.examples.values.shape[1],
        "steps": training.steps,
        "seconds": round(fitted.seconds, 6),
        "n_together": fitted.n_together,
        "n_parameters": fitted.n_parameters,
        "chance": data.chance,
        "device": device,
    }


class _Shared:
    """Arrays that heads read, each made once: heads that name the same folders are given the same arrays."""

    def __init__(self) -> None:
        self._data: dict[TaskData, TaskData] = {}
        self.rows = cache(self._rows)
        self.targets = cache(targets.targets)
        self.learned = cache(targets.learned)
        self.right = cache(self._right)
        self._overlaps: dict[tuple[int, int], float | None] = {}
        self._stored: Callable[[Path, str], Features] = cache(stored_features)

    def data(self, context: JobContext) -> TaskData:
        """Return the task's examples as a head's seed splits them."""
        data = TaskData.of(context.inputs)
        return self._data.setdefault(data, data)

    def training(self, spec: HeadSpec, context: JobContext) -> HeadTraining:
        """Return everything that decides one head.

        Raises:
            JobError: Labels, weights or features do not fit the examples, or the objective needs more than logits.
        """
        from w2slab.training.head_training import HeadTraining

        if spec.objective.needs_features:
            raise JobError(
                f"objective: {registry.name_of(spec.objective)} holds features that are trained, and a head leaves "
                "them as they are; finetune the whole model"
            )
        material = Material(spec, context.inputs, self.data(context))
        data, features, recipe = material.data, context.inputs["features"], spec.recipe
        kept, weights, _ = self.learned(material.weights, data, spec.train_split, spec.train_range)
        return HeadTraining(
            examples=self.rows(features, data, spec.train_split),
            kept=kept,
            targets=self.targets(spec.labels, data, material.labels, spec.train_split),
            weights=weights,
            objective=spec.objective,
            recipe=recipe,
            shape=spec.head,
            seed=spec.seed,
            judges={
                column: (self.rows(features, data, split, recipe.curve_examples), self.right(data, by, split))
                for column, (split, by) in material.judges.items()
            },
            predicted={split: self.rows(features, data, split) for split in material.predicted},
        )

    def _rows(self, features: Path, data: TaskData, split: str, limit: int | None = None) -> Rows:
        examples = data.examples(split)
        if limit is not None and limit < len(examples):
            return self.rows(features, data, split).part(limit)
        stored = self._stored(features, split)
        found = places(stored, data, split, features)
        is_shared = examples.classes is not None
        if not is_shared and (stored.n_rows[found] != examples.n_candidates).any():
            raise JobError(
                f"{features}: an example has one row of features, and a head needs one for each of its candidates; "
                "choose another readout"
            )
        return Rows(examples.ids, stored.values, stored.firsts[found], examples.n_candidates, is_shared)

    def overlap(self, given: Path | None, rows: Rows, targets: np.ndarray) -> float | None:
        """Return the overlap density of weak labels (Shin et al. 2025); `None` where there is no change point."""
        if given is None:
            return None
        key = id(rows), id(targets)  # both are kept here
        if key not in self._overlaps:
            features = np.asarray(rows.values[rows_of(rows.firsts, rows.counts)])
            of_examples = example_rows(features, targets, rows.n_candidates, rows.shared_candidates)
            density = overlap_density(targets, of_examples, rows.n_candidates)
            self._overlaps[key] = None if np.isnan(density) else density
        return self._overlaps[key]

    def _right(self, data: TaskData, given: Path | None, split: str) -> np.ndarray:
        """Return the candidates that count as right: the likeliest weak label, else the ground truth: bool [N, K]."""
        if given is None:
            return data.truth(split).probs(data.examples(split).n_candidates) > 0
        return targets.weak_labels(given, data, split).hard().probs > 0
