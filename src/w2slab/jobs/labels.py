"""The labels of a split's examples, matched by id: weak ones that another job left, or true ones."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from w2slab.data.artifacts import Predictions, read_predictions, read_truth, read_weights
from w2slab.data.examples import Examples
from w2slab.errors import JobError
from w2slab.relabelings.relabeling import one_hot


def targets(
    kind: Literal["true", "hard", "soft"], data: Path, labels: Path | None, split: str, examples: Examples
) -> np.ndarray:
    """The labels that a model learns, float32 [N, K], rows that sum to one.

    Args:
        kind: `true` labels, or weak ones as they are (`soft`) or as their likeliest candidate (`hard`).
        data: Folder of the job that prepared the examples.
        labels: Folder of the job that left weak labels; `None` for true ones.
        split: The split learned on.
        examples: Its examples.

    Raises:
        JobError: An example has no label, or a label for other candidates.
    """
    if (kind == "true") != (labels is None):
        raise JobError(f'labels: "{kind}" asks for {"no " if kind == "true" else ""}input of labels')
    if labels is None:
        return read_truth(data, split).probs(examples.n_candidates)
    weak = weak_labels(labels, split, examples)
    return weak.probs if kind == "soft" else one_hot(weak.choices, weak.probs.shape[1])


def weak_labels(folder: Path, split: str, examples: Examples) -> Predictions:
    """The weak labels of a split, in the order of its examples.

    Args:
        folder: Of the job that left them.
        split: The split.
        examples: Its examples.

    Raises:
        JobError: An example has no label, or a label for other candidates.
    """
    path = folder / "predictions" / f"{split}.parquet"
    if not path.exists():
        raise JobError(f"{path}: there are no labels of {split}; the job that labels must see this split")
    labels = read_predictions(path)
    if labels.ids != examples.ids:
        rows = places_of(examples, labels.ids, path, "label")
        labels = Predictions(examples.ids, labels.probs[rows], labels.n_candidates[rows])
    wrong = np.flatnonzero(labels.n_candidates != examples.n_candidates)
    if len(wrong):
        first = wrong[0]
        raise JobError(
            f'{path}: example "{examples.ids[first]}" has {examples.n_candidates[first]} candidates and a label '
            f"for {labels.n_candidates[first]}; labels and examples must come from the same data"
        )
    return labels


class Learned(NamedTuple):
    """What of a split is learned.

    Args:
        positions: Its examples, int64 [M].
        weights: What each of them counts, float32 [M] with mean 1; `None` is 1 for all.
        is_part: Whether examples of the split are left out.
    """

    positions: np.ndarray
    weights: np.ndarray | None
    is_part: bool


def learned(folder: Path | None, split: str, examples: Examples, train_range: tuple[int, int] | None = None) -> Learned:
    """The examples of a split that are learned: those in the range that have a weight above 0.

    Args:
        folder: Of a job that may have left weights; `None` for none.
        split: The split.
        examples: Its examples.
        train_range: First (included) and last (excluded) example; `None` is all.

    Raises:
        JobError: The range does not lie in the split, an example has no weight, or none has one above 0.
    """
    first, last = train_range or (0, len(examples))
    if not 0 <= first < last <= len(examples):
        raise JobError(
            f"train_range: {first} to {last} does not lie in {split}, which has {len(examples)} examples; make that "
            "split larger"
        )
    positions, weights = np.arange(first, last), None
    path = None if folder is None else folder / "weights" / f"{split}.parquet"
    if folder is not None and path is not None and path.exists():
        ids, found = read_weights(folder, split)
        weights = (found if ids == examples.ids else found[places_of(examples, ids, path, "weight")])[positions]
        if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
            raise JobError(f"{path}: weights must be finite and 0 or more, and one of them above 0")
        positions, weights = positions[weights > 0], weights[weights > 0]
        weights = None if (weights == weights[0]).all() else (weights / weights.mean()).astype(np.float32)
    return Learned(positions, weights, len(positions) < len(examples))


def places_of(examples: Examples, ids: list[str], path: Path, what: str) -> np.ndarray:
    """Where each example stands among ids, int64 [N].

    Raises:
        JobError: One is not among them.
    """
    row = {name: index for index, name in enumerate(ids)}
    missing = [name for name in examples.ids if name not in row]
    if missing:
        raise JobError(
            f'{path}: {len(missing)} of {len(examples)} examples have no {what}, the first is "{missing[0]}"; '
            f"{what}s and examples must come from the same data"
        )
    return np.array([row[name] for name in examples.ids], dtype=np.int64)
