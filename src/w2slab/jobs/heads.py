"""Frozen features, examples and labels -> predictions of heads: as many of them in one batched product as are given.

A student never meets a true label of what it learns on, as in `jobs.finetune`. What several heads read is read once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from w2slab.data.artifacts import (
    Features,
    Predictions,
    read_examples,
    read_prepared,
    read_truth,
    write_curve,
    write_predictions,
)
from w2slab.errors import JobError
from w2slab.graph.job import JobContext, Stopped
from w2slab.jobs import labels, plugins
from w2slab.jobs.features import positions, stored_features
from w2slab.jobs.setup import prepare_worker, running_of
from w2slab.relabelings.feature_rows import example_rows
from w2slab.relabelings.overlap import overlap_density
from w2slab.relabelings.relabeling import one_hot
from w2slab.specs import UNSEEN_BY_SUPERVISOR, HeadSpec, restore
from w2slab.training.rows import Rows, rows_of

if TYPE_CHECKING:
    from w2slab.training.head_training import FittedHead, HeadTraining


def head(spec: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Train one head and leave its predictions on every split that its supervisor has not seen.

    Raises:
        JobError: Labels or features do not fit the examples, or training fails.
        Stopped: The run asked for it; nothing is kept, since a head is soon trained again.
    """
    (result,) = heads([spec], [context])
    if isinstance(result, Exception):
        raise result
    return result


def heads(specs: list[dict[str, Any]], contexts: list[JobContext]) -> list[dict[str, Any] | Exception]:
    """Train many heads together; each leaves what it would leave alone, and is given as its facts or its error.

    Options, of the first: `device`.
    """
    prepare_worker()
    from w2slab.training.stacked_heads import fit

    material = _Material()
    found: dict[int, dict[str, Any] | Exception] = {}
    trainings: dict[int, HeadTraining] = {}
    for number, (spec, context) in enumerate(zip(specs, contexts, strict=True)):
        try:
            trainings[number] = material.training(restore(HeadSpec, spec), context)
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
            overlap = material.overlap(context.inputs.get("labels"), training.examples, training.targets)
            found[number] = _written(fitted, training, context, material, overlap, device)
    stopped = Stopped("stopped before these heads were trained; they begin anew")
    return [found.get(number, stopped) for number in range(len(specs))]


def _written(
    fitted: FittedHead,
    training: HeadTraining,
    context: JobContext,
    material: _Material,
    overlap: float | None,
    device: str,
) -> dict[str, Any]:
    """Write what a head leaves; its facts."""

    def write(path: Path, split: str, probs: np.ndarray) -> None:
        rows = training.predicted[split]
        write_predictions(context.out / path, Predictions(list(rows.ids), probs, rows.n_candidates))

    for split, probs in fitted.probs.items():
        write(Path("predictions", f"{split}.parquet"), split, probs)
    for point, probs in fitted.stopping.items():
        write(Path("stopping", f"{point}.parquet"), "test", probs)
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
        "chance": material.chance(context.inputs["data"]),
        "device": device,
    }


class _Material:
    """What heads read, each of it once: heads that name the same folders are given the same arrays."""

    def __init__(self) -> None:
        self.examples = cache(read_examples)
        self.chance = cache(_chance)
        self.rows = cache(self._rows)
        self.targets = cache(self._targets)
        self.learned = cache(self._learned)
        self.right = cache(self._right)
        self._overlaps: dict[tuple[int, int], float | None] = {}
        self._stored: Callable[[Path, str], Features] = cache(stored_features)

    def training(self, spec: HeadSpec, context: JobContext) -> HeadTraining:
        """What one head learns, and who judges it on the way.

        Raises:
            JobError: Labels, weights or features do not fit the examples, or the objective needs more than logits.
        """
        from w2slab.training.head_training import HeadTraining

        inputs, recipe, split = context.inputs, spec.recipe, spec.train_split
        data, features, given = inputs["data"], inputs["features"], inputs.get("labels")
        objective = plugins.build("objectives", spec.objective)
        if getattr(objective, "needs_features", False):
            raise JobError(
                f"objective: {spec.objective.name} holds features that are trained, and a head leaves them as they "
                "are; finetune the whole model"
            )
        if recipe.stop_at == "weak-labels" and not (recipe.curve_points and _has(data, "validation")):
            raise JobError('stop_at: "weak-labels" needs curve_points above 0 and a validation split')
        positions, weights = self.learned(inputs.get("weights", given), data, split, spec.train_range)
        wanted = dict.fromkeys((*UNSEEN_BY_SUPERVISOR, *((split,) if spec.predict_train_split else ())))
        return HeadTraining(
            examples=self.rows(features, data, split),
            kept=positions,
            targets=self.targets(spec.labels, data, given, split),
            weights=weights,
            objective=objective,
            recipe=recipe,
            shape=spec.head,
            seed=spec.seed,
            judges=self._judges(data, features, given, recipe.curve_examples) if recipe.curve_points else {},
            predicted={name: self.rows(features, data, name) for name in wanted if _has(data, name)},
        )

    def _judges(
        self, data: Path, features: Path, given: Path | None, limit: int | None
    ) -> dict[str, tuple[Rows, np.ndarray]]:
        """Who judges the curve: validation by the labels that this model may see, test by the truth."""
        judges = {}
        for column, split, by in (("validation_accuracy", "validation", given), ("test_accuracy", "test", None)):
            if _has(data, split):
                judges[column] = (self.rows(features, data, split, limit), self.right(data, by, split))
        return judges

    def _rows(self, features: Path, data: Path, split: str, limit: int | None = None) -> Rows:
        examples = self.examples(data, split)
        if limit is not None and limit < len(examples):
            return self.rows(features, data, split).part(limit)
        stored = self._stored(features, split)
        places = positions(stored, examples, features)
        is_shared = examples.classes is not None
        if not is_shared and (stored.n_rows[places] != examples.n_candidates).any():
            raise JobError(
                f"{features}: an example has one row of features, and a head needs one for each of its candidates; "
                "choose another readout"
            )
        return Rows(examples.ids, stored.values, stored.firsts[places], examples.n_candidates, is_shared)

    def _targets(self, kind: Any, data: Path, given: Path | None, split: str) -> np.ndarray:
        return labels.targets(kind, data, given, split, self.examples(data, split))

    def _learned(
        self, weights: Path | None, data: Path, split: str, train_range: tuple[int, int] | None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        learned = labels.learned(weights, split, self.examples(data, split), train_range)
        return learned.positions, learned.weights

    def overlap(self, given: Path | None, rows: Rows, targets: np.ndarray) -> float | None:
        """Overlap density of weak labels on the features (Shin et al. 2025); `None` where there is no change point."""
        if given is None:
            return None
        key = id(rows), id(targets)  # both are kept here
        if key not in self._overlaps:
            features = np.asarray(rows.values[rows_of(rows.firsts, rows.counts)])
            of_examples = example_rows(features, targets, rows.n_candidates, rows.shared_candidates)
            density = overlap_density(targets, of_examples, rows.n_candidates)
            self._overlaps[key] = None if np.isnan(density) else density
        return self._overlaps[key]

    def _right(self, data: Path, given: Path | None, split: str) -> np.ndarray:
        """Which candidates count as right: by weak labels the likeliest, else those of the truth: bool [N, K]."""
        examples = self.examples(data, split)
        if given is None:
            truth = read_truth(data, split)
            return truth.probs(examples.n_candidates) > 0
        weak = labels.weak_labels(given, split, examples)
        return one_hot(weak.choices, weak.probs.shape[1]) > 0


def _has(data: Path, split: str) -> bool:
    return (data / f"{split}.parquet").exists()


def _chance(data: Path) -> float:
    chance: float = read_prepared(data)["chance"]
    return chance
