"""A user's texts and labels -> examples and weak labels, as a whole and in folds for cross-fitting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from w2slab.data.artifacts import read_predictions, write_examples, write_positions, write_predictions, write_votes
from w2slab.data.examples import Examples
from w2slab.data.readers.annotations import read_labels
from w2slab.data.readers.texts import Layout, read_more, read_texts
from w2slab.data.task_data import TaskData
from w2slab.errors import DataError
from w2slab.graph.job import JobContext
from w2slab.randomness import rng
from w2slab.specs import FoldSpec, OwnLabelsSpec, restore

LEARNED = "student_train"
STOPPING = "validation"
KEPT = "reserve"


def own_labels(spec: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Write a user's texts, their weak labels and the votes they were made of.

    Raises:
        DataError: A file is malformed, or texts and labels do not belong together.
    """
    asked = restore(OwnLabelsSpec, spec)
    layout = Layout(**asked.layout)
    texts = read_texts(Path(asked.texts["path"]), layout)
    labels = read_labels(Path(asked.labels["path"]), texts, asked.classes)
    table, splits = texts.table, {LEARNED: np.arange(len(texts))}
    if asked.more is not None:
        import pyarrow as pa

        more = read_more(Path(asked.more["path"]), layout, texts)
        table = pa.concat_tables([table, more.table])
        splits[KEPT] = len(texts) + np.arange(len(more))
    write_examples(context.out, Examples(table, labels.classes), {"n_examples": len(table)})
    write_predictions(context.out, LEARNED, labels.labels)
    if labels.votes is not None:
        write_votes(context.out, labels.annotators, labels.votes)
    facts = _facts(splits, float((1 / labels.labels.n_candidates).mean()))
    write_positions(context.out, splits, facts)
    return facts


def fold(spec: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Write what one student learns on, and what is kept from it.

    Raises:
        DataError: There are fewer groups than folds.
    """
    asked = restore(FoldSpec, spec)
    task = context.inputs["task"]
    own = TaskData(task, task)
    weak, groups = read_predictions(task, LEARNED), np.array(own.examples(LEARNED).groups)
    learned = np.arange(len(weak))
    parts: dict[str, np.ndarray] = {}
    if asked.fold is not None:
        kept = folds(groups, asked.n_folds, asked.seed) == asked.fold
        learned, parts[KEPT] = learned[~kept], np.flatnonzero(kept)
    if asked.validation_frac:
        aside = _aside(groups[learned], asked.validation_frac, asked.seed)
        learned, parts[STOPPING] = learned[~aside], learned[aside]
    parts[LEARNED] = learned
    splits = {split: own.positions(LEARNED)[places] for split, places in parts.items()}
    for split, positions in splits.items():
        write_predictions(context.out, split, weak.at(positions))
    if asked.fold is None and own.has(KEPT):
        splits[KEPT] = own.positions(KEPT)
    facts = _facts(splits, own.chance)
    write_positions(context.out, splits, facts)
    return facts


def folds(groups: np.ndarray, n_folds: int, seed: int) -> np.ndarray:
    """The fold of each example, int64 [N]: groups are drawn in turn, each goes to the fold with the fewest examples.

    Raises:
        DataError: There are fewer groups than folds.
    """
    names, members, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if len(names) < n_folds:
        raise DataError(
            f"{len(names)} groups of texts cannot be dealt into {n_folds} folds; ask for fewer folds, or bring more "
            "texts"
        )
    filled = np.zeros(n_folds, dtype=np.int64)
    fold_of = np.zeros(len(names), dtype=np.int64)
    for index in rng(seed, "folds").permutation(len(names)):
        fold_of[index] = filled.argmin()
        filled[fold_of[index]] += sizes[index]
    return fold_of[members]


def _aside(groups: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Whether an example is put aside, bool [N]; whole groups, at least one and never all."""
    names, members = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        raise DataError("one group of texts cannot be parted for early stopping; use stop_at: last")
    n_aside = min(max(1, round(share * len(names))), len(names) - 1)
    return np.isin(members, rng(seed, "early stopping").permutation(len(names))[:n_aside])


def _facts(splits: dict[str, np.ndarray], chance: float) -> dict[str, Any]:
    return {"n_examples": {split: len(positions) for split, positions in splits.items()}, "chance": chance}
