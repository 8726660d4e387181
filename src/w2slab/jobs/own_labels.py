"""A user's texts and labels -> examples and weak labels, as a whole and in folds for cross-fitting."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from w2slab.data.artifacts import read_predictions, write_examples, write_positions, write_predictions, write_votes
from w2slab.data.examples import Examples
from w2slab.data.readers.annotations import read_labels
from w2slab.data.readers.texts import Layout, read_more, read_texts
from w2slab.data.task_data import TaskData
from w2slab.errors import DataError
from w2slab.graph.component import NOT_IN_KEY
from w2slab.graph.job import JobContext
from w2slab.jobs.spec import Spec
from w2slab.randomness import rng

LEARNED = "student_train"
STOPPING = "validation"
KEPT = "reserve"


@dataclass(frozen=True, kw_only=True)
class OwnLabelsSpec(Spec):
    """A user's texts and their labels -> examples and weak labels; no truth is among them.

    Args:
        texts: The file of texts.
        labels: The file of labels.
        more: A file of texts without labels; `None` where there are none.
        layout: Which fields of a row of texts are what, as in `data.readers.texts.Layout`.
        classes: Names of the classes; `None` where each example has its own candidates.
    """

    KIND: ClassVar[str] = "own-labels"
    VERSION: ClassVar[int] = 1
    RUN: ClassVar[str] = "w2slab.jobs.own_labels:own_labels"

    texts: Path = field(metadata=NOT_IN_KEY)
    labels: Path = field(metadata=NOT_IN_KEY)
    more: Path | None = field(default=None, metadata=NOT_IN_KEY)
    layout: Layout
    classes: tuple[str, ...] | None

    def files(self) -> tuple[Path, ...]:
        """Return the files of texts and labels."""
        return (self.texts, self.labels, *(() if self.more is None else (self.more,)))


@dataclass(frozen=True, kw_only=True)
class FoldSpec(Spec):
    """Weakly labelled examples -> those a student learns on, and those that are kept from it.

    Input: `task`, an `own-labels` job.

    Args:
        fold: Which fold is kept from the student; `None` keeps none, and the texts without labels stand in its place.
        n_folds: Folds into which groups are dealt.
        validation_frac: Share of the groups learned on that is put aside to judge by their weak labels when to stop.
        seed: Decides which group is in which fold.
    """

    KIND: ClassVar[str] = "fold"
    VERSION: ClassVar[int] = 1
    RUN: ClassVar[str] = "w2slab.jobs.own_labels:fold"

    fold: int | None
    n_folds: int
    validation_frac: float = 0.0
    seed: int


def own_labels(spec: OwnLabelsSpec, context: JobContext) -> dict[str, Any]:
    """Write a user's texts, their weak labels and the votes they were made of.

    Raises:
        DataError: A file is malformed, or texts and labels do not belong together.
    """
    texts = read_texts(spec.texts, spec.layout)
    labels = read_labels(spec.labels, texts, spec.classes)
    table, splits = texts.table, {LEARNED: np.arange(len(texts))}
    if spec.more is not None:
        import pyarrow as pa

        more = read_more(spec.more, spec.layout, texts)
        table = pa.concat_tables([table, more.table])
        splits[KEPT] = len(texts) + np.arange(len(more))
    write_examples(context.out, Examples(table, labels.classes), {"n_examples": len(table)})
    write_predictions(context.out, LEARNED, labels.labels)
    if labels.votes is not None:
        write_votes(context.out, labels.annotators, labels.votes)
    facts = _facts(splits, float((1 / labels.labels.n_candidates).mean()))
    write_positions(context.out, splits, facts)
    return facts


def fold(spec: FoldSpec, context: JobContext) -> dict[str, Any]:
    """Write what one student learns on, and what is kept from it.

    Raises:
        DataError: There are fewer groups than folds.
    """
    task = context.inputs["task"]
    own = TaskData(task, task)
    weak, groups = read_predictions(task, LEARNED), np.array(own.examples(LEARNED).groups)
    learned = np.arange(len(weak))
    parts: dict[str, np.ndarray] = {}
    if spec.fold is not None:
        kept = folds(groups, spec.n_folds, spec.seed) == spec.fold
        learned, parts[KEPT] = learned[~kept], np.flatnonzero(kept)
    if spec.validation_frac:
        aside = _aside(groups[learned], spec.validation_frac, spec.seed)
        learned, parts[STOPPING] = learned[~aside], learned[aside]
    parts[LEARNED] = learned
    splits = {split: own.positions(LEARNED)[places] for split, places in parts.items()}
    for split, positions in splits.items():
        write_predictions(context.out, split, weak.at(positions))
    if spec.fold is None and own.has(KEPT):
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
            f"{len(names)} groups of texts cannot be divided into {n_folds} folds; ask for fewer folds, or bring more "
            "texts"
        )
    filled = np.zeros(n_folds, dtype=np.int64)
    fold_of = np.zeros(len(names), dtype=np.int64)
    for index in rng(seed, "folds").permutation(len(names)):
        fold_of[index] = filled.argmin()
        filled[fold_of[index]] += sizes[index]
    return fold_of[members]


def _aside(groups: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Mask of the examples that are put aside, bool [N]; whole groups, at least one and never all."""
    names, members = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        raise DataError("one group of texts cannot be parted for early stopping; use stop_at: last")
    n_aside = min(max(1, round(share * len(names))), len(names) - 1)
    return np.isin(members, rng(seed, "early stopping").permutation(len(names))[:n_aside])


def _facts(splits: dict[str, np.ndarray], chance: float) -> dict[str, Any]:
    return {"n_examples": {split: len(positions) for split, positions in splits.items()}, "chance": chance}
