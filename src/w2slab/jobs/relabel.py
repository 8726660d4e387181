"""Weak labels -> weak labels, and perhaps weights of examples, by a row of the relabelings' table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from w2slab import registry
from w2slab.data import layout
from w2slab.data.artifacts import has_predictions, read_weights, write_predictions, write_weights
from w2slab.data.labels import Labels, Weights
from w2slab.data.task_data import TaskData
from w2slab.errors import JobError
from w2slab.graph.job import JobContext
from w2slab.jobs.features import read_features
from w2slab.jobs.setup import prepare_worker
from w2slab.jobs.spec import Spec
from w2slab.jobs.targets import weak_labels
from w2slab.randomness import rng
from w2slab.relabelings.relabeling import LabelBatch, Relabeling

LEARNED = "student_train"
# The splits that a student reads labels of.
LABELLED = (LEARNED, "validation", "reserve")


@dataclass(frozen=True, kw_only=True)
class RelabelSpec(Spec):
    """Weak labels -> weak labels, and perhaps weights of examples.

    Inputs: `task` and `data`; `labels`; and what the relabeling asks for: `features` (an `embed` job of `data`),
    `other_0`, `other_1` and so on (jobs that left labels of the same examples).

    Args:
        relabeling: A row of the relabelings' table.
        n_trusted: Number of examples of `student_train`, drawn at random, that are given with their ground truth.
        seed: Decides what the relabeling draws.
    """

    KIND: ClassVar[str] = "relabel"
    VERSION: ClassVar[int] = 2
    RUN: ClassVar[str] = "w2slab.jobs.relabel:relabel"

    relabeling: Relabeling
    n_trusted: int = 0
    seed: int


def relabel(spec: RelabelSpec, context: JobContext) -> dict[str, Any]:
    """Write other labels for the splits that a student may learn from or be validated on.

    Most relabelings look at `student_train` alone; the labels of the other splits are then passed on as they are.
    Weights that came with the labels count as well, where one relabeling follows another.

    Raises:
        JobError: The relabeling cannot be made of these labels.
    """
    prepare_worker()
    relabeling = spec.relabeling
    data, weak = TaskData.of(context.inputs), context.inputs["labels"]
    facts: dict[str, Any] = {"n_examples": {}}
    for split in LABELLED:
        if not has_predictions(weak, split):
            continue
        given = weak_labels(weak, data, split)
        if relabeling.every_split or split == LEARNED:
            made = relabeling(_given(spec, split, data, given, context))
            _check(made, given, registry.name_of(spec.relabeling), split)
            weights = _with_earlier(made.weights, weak, split, given)
            if weights is not None:
                write_weights(context.out, split, Weights(given.positions, weights))
                facts["n_left_out"] = int((weights == 0).sum())
            facts |= made.facts or {}
            given = Labels(given.positions, made.probs.astype(np.float32), given.n_candidates)
        write_predictions(context.out, split, given)
        facts["n_examples"][split] = len(given)
    return facts


def _given(spec: RelabelSpec, split: str, data: TaskData, weak: Labels, context: JobContext) -> LabelBatch:
    features = None
    if "features" in context.inputs:
        features = np.asarray(read_features(context.inputs["features"], data, split))
    others = [name for name in context.inputs if name.startswith("other_")]
    return LabelBatch(
        probs=weak.probs,
        n_candidates=weak.n_candidates,
        shared_candidates=data.classes is not None,
        generator=rng(spec.seed, "relabel", registry.name_of(spec.relabeling), split),
        features=features,
        others=tuple(
            weak_labels(context.inputs[name], data, split).probs
            for name in sorted(others, key=lambda name: int(name.removeprefix("other_")))
        ),
        trusted=_trusted(data, split, weak.choices, spec) if spec.n_trusted else None,
    )


def _trusted(data: TaskData, split: str, choices: np.ndarray, spec: RelabelSpec) -> np.ndarray:
    """The right candidate of some examples drawn at random, -1 of the others: int64 [N].

    Where several are right, it is the one that the weak label chooses, if that is among them, else the first.
    """
    if spec.n_trusted > len(choices):
        raise JobError(
            f"n_trusted: ground truth of {spec.n_trusted} examples is asked for; {split} has {len(choices)} examples"
        )
    told = np.full(len(choices), -1, dtype=np.int64)
    right = data.truth(split).right
    for position in rng(spec.seed, "trusted", split).permutation(len(choices))[: spec.n_trusted]:
        chosen = int(choices[position])
        told[position] = chosen if chosen in right[position] else right[position][0]
    return told


def _with_earlier(weights: np.ndarray | None, folder: Path, split: str, given: Labels) -> np.ndarray | None:
    """The weights times those that an earlier relabeling left with these labels: what it left out stays out."""
    earlier, path = read_weights(folder, split), layout.weights(folder, split)
    if earlier is None:
        return weights
    if not np.array_equal(earlier.positions, given.positions):
        raise JobError(f"{path}: weights and labels must be of the same examples")
    product: np.ndarray = earlier.values if weights is None else earlier.values * weights
    if not product.any():
        raise JobError(f"{path}: what the relabelings before this one kept, it left out; keep a larger share")
    return product


def _check(made: Any, given: Labels, name: str, split: str) -> None:
    """Check the result of a relabeling, which may be of another distribution."""
    beyond = np.arange(given.probs.shape[1]) >= given.n_candidates[:, None]
    if made.probs.shape != given.probs.shape or not np.isfinite(made.probs).all() or (made.probs < 0).any():
        raise JobError(f"{name}: labels of {split} must be finite, not negative, and of shape {given.probs.shape}")
    if np.abs(made.probs.sum(axis=1) - 1.0).max(initial=0.0) > 1e-3 or made.probs[beyond].any():
        raise JobError(f"{name}: a label of {split} must sum to one over the example's own candidates")
    if made.weights is not None and not (np.isfinite(made.weights).all() and (made.weights >= 0).all()):
        raise JobError(f"{name}: weights of {split} must be finite and not negative")
    if made.weights is not None and not made.weights.any():
        raise JobError(f"{name}: every example of {split} was left out; keep a larger share")
