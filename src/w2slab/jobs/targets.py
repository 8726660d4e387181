"""The labels that a model learns of a split: weak ones that another job left, or the ground truth."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from w2slab.data import layout
from w2slab.data.artifacts import has_predictions, read_predictions, read_weights
from w2slab.data.labels import Labels
from w2slab.data.task_data import TaskData
from w2slab.errors import JobError


def targets(kind: Literal["true", "hard", "soft"], data: TaskData, labels: Path | None, split: str) -> np.ndarray:
    """Return the labels that a model learns, float32 [N, K], rows that sum to one.

    Args:
        kind: The `true` labels, or weak ones as they are (`soft`) or as their likeliest candidate (`hard`).
        data: The task's.
        labels: Folder of the job that left weak labels; `None` for the ground truth.
        split: The split learned on.

    Raises:
        JobError: An example has no label, or a label for other candidates.
    """
    if (kind == "true") != (labels is None):
        raise JobError(f'labels: "{kind}" asks for {"no " if kind == "true" else ""}input of labels')
    if labels is None:
        return data.truth(split).probs(data.examples(split).n_candidates)
    weak = weak_labels(labels, data, split)
    return weak.probs if kind == "soft" else weak.hard().probs


def weak_labels(folder: Path, data: TaskData, split: str) -> Labels:
    """Return the weak labels of a split, in the order of its examples.

    Args:
        folder: Of the job that left them.
        data: The task's.
        split: The split.

    Raises:
        JobError: An example has no label, or a label for other candidates.
    """
    path = layout.predictions(folder, split)
    if not has_predictions(folder, split):
        raise JobError(f"{path}: there are no labels of {split}; the job that labels must see this split")
    try:
        labels = read_predictions(folder, split).at(data.positions(split))
    except JobError as error:
        raise JobError(f"{path}: {error}") from None
    examples = data.examples(split)
    wrong = np.flatnonzero(labels.n_candidates != examples.n_candidates)
    if len(wrong):
        first = wrong[0]
        raise JobError(
            f'{path}: example "{examples.ids[first]}" has {examples.n_candidates[first]} candidates and a label '
            f"for {labels.n_candidates[first]}; labels and examples must come from the same data"
        )
    return labels


class Learned(NamedTuple):
    """The examples of a split that are learned.

    Args:
        places: Places within the split, int64 [M].
        weights: What each of them counts, float32 [M] with mean 1; `None` is 1 for all.
        is_part: Whether examples of the split are left out.
    """

    places: np.ndarray
    weights: np.ndarray | None
    is_part: bool


def learned(folder: Path | None, data: TaskData, split: str, train_range: tuple[int, int] | None = None) -> Learned:
    """Return the examples of a split that are learned: those in the range that have a weight above 0.

    Args:
        folder: Of a job that may have left weights; `None` for none.
        data: The task's.
        split: The split.
        train_range: First (included) and last (excluded) example; `None` is all.

    Raises:
        JobError: The range does not lie in the split, an example has no weight, or none has one above 0.
    """
    n = len(data.positions(split))
    first, last = train_range or (0, n)
    if not 0 <= first < last <= n:
        raise JobError(
            f"train_range: {first} to {last} does not lie in {split}, which has {n} examples; make that split larger"
        )
    places, weights = np.arange(first, last), None
    found = None if folder is None else read_weights(folder, split)
    if folder is not None and found is not None:
        path = layout.weights(folder, split)
        try:
            weights = found.at(data.positions(split)).values[places]
        except JobError as error:
            raise JobError(f"{path}: {error}") from None
        if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
            raise JobError(f"{path}: weights must be finite and 0 or more, and one of them above 0")
        places, weights = places[weights > 0], weights[weights > 0]
        weights = None if (weights == weights[0]).all() else (weights / weights.mean()).astype(np.float32)
    return Learned(places, weights, len(places) < n)
