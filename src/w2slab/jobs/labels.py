"""The labels of a split's examples, matched by id: weak ones that another job left, or true ones."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from w2slab.artifacts import Predictions, read_predictions, read_truth
from w2slab.errors import JobError
from w2slab.jobs.relabel import one_hot
from w2slab.tasks.task import Examples


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
        row = {name: index for index, name in enumerate(labels.ids)}
        missing = [name for name in examples.ids if name not in row]
        if missing:
            raise JobError(
                f'{path}: {len(missing)} of {len(examples)} examples have no label, the first is "{missing[0]}"; '
                "labels and examples must come from the same data"
            )
        rows = np.array([row[name] for name in examples.ids], dtype=np.int64)
        labels = Predictions(examples.ids, labels.probs[rows], labels.n_candidates[rows])
    wrong = np.flatnonzero(labels.n_candidates != examples.n_candidates)
    if len(wrong):
        first = wrong[0]
        raise JobError(
            f'{path}: example "{examples.ids[first]}" has {examples.n_candidates[first]} candidates and a label '
            f"for {labels.n_candidates[first]}; labels and examples must come from the same data"
        )
    return labels
