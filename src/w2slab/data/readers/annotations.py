"""Labels that people bring in a file, found by ids: one label, probabilities, or votes for each example.

What a row holds is described in `annotation`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from w2slab.data.examples import Examples
from w2slab.data.labels import Labels
from w2slab.data.readers.annotation import Annotation, converter, known_id, which_class
from w2slab.data.readers.files import read_rows
from w2slab.data.readers.labellable import Labellable, OfTask
from w2slab.data.readers.row import MOST_SHOWN, Row, converted
from w2slab.data.readers.texts import Texts, refuse
from w2slab.errors import DataError


@dataclass(frozen=True)
class Annotations:
    """Labels that people gave to some examples.

    Args:
        classes: Names of the classes; `None` where each example has its own candidates.
        labels: Their labels.
        annotators: Their names, A of them; empty where there are no votes.
        votes: Class that each annotator gave, int64 [A, N], -1 where it gave none; `None` where there are no votes.
    """

    classes: tuple[str, ...] | None
    labels: Labels
    annotators: list[str]
    votes: np.ndarray | None


@dataclass(frozen=True)
class TaskLabels:
    """Labels of some examples of a task.

    Args:
        path: Their file.
        examples: All examples of the task.
        labels: The labels.
        annotators: Names of those who voted; empty where there are no single votes.
    """

    path: Path
    examples: Examples
    labels: Labels
    annotators: list[str]

    def of(self, splits: Mapping[str, np.ndarray]) -> dict[str, Labels]:
        """Return the labels of each split's examples.

        Args:
            splits: Positions by split.

        Raises:
            DataError: Some have no label; names the first five, and how many there are in each split.
        """
        missing = {split: own[~np.isin(own, self.labels.positions)] for split, own in splits.items()}
        if any(len(own) for own in missing.values()):
            ids = self.examples.ids
            raise DataError(
                _unlabelled(self.path, {s: [ids[i] for i in own] for s, own in missing.items() if len(own)})
            )
        return {split: _narrow(self.labels.at(positions)) for split, positions in splits.items()}


def read_labels(path: Path, texts: Texts, classes: Sequence[str] | None = None) -> Annotations:
    """Read labels of texts, at their positions.

    Args:
        path: The file of labels.
        texts: What is labelled; each must have a label.
        classes: Names of the classes, in order; `None` is those that occur, numbers by size and names by alphabet.

    Raises:
        DataError: A row is malformed, an id is unknown, stands twice or has no label; names file and line of the first
            five, and how many there are.
    """
    rows = converted(read_rows(path), converter(texts, None if classes is None else tuple(classes)))
    by_id = {label.id for label in rows}
    refuse(
        [f'{p}: "{i}" has no label in {path}' for i, p in zip(texts.row, texts.places, strict=True) if i not in by_id],
        "texts have no label; label them, or bring them as texts without labels",
    )
    if texts.n_candidates is None:
        classes = tuple(classes) if classes is not None else _classes(rows, path)
    else:
        classes = None
    return _in_order(rows, texts, np.arange(len(texts)), classes)


def read_task_labels(path: Path, examples: Examples) -> TaskLabels:
    """Read labels of some of a task's examples.

    Args:
        path: The file of labels.
        examples: All examples of the task.

    Raises:
        DataError: A row is malformed, an id is unknown or stands twice; names file and line of the first five, and how
            many there are.
    """
    known = OfTask(examples)
    rows = converted(read_rows(path), converter(known, examples.classes))
    positions = np.array(list(dict.fromkeys(known.row[label.id] for label in rows)), dtype=np.int64)
    found = _in_order(rows, known, positions, examples.classes)
    return TaskLabels(path, examples, found.labels, found.annotators)


def _in_order(
    rows: Sequence[Annotation], known: Labellable, positions: np.ndarray, classes: tuple[str, ...] | None
) -> Annotations:
    """Rows of labels as arrays over these positions."""
    place = {int(position): index for index, position in enumerate(positions)}
    number_of: Callable[[Any], int] = int if classes is None else list(classes).index
    own = known.n_candidates
    n_candidates = np.full(len(positions), len(classes or ())) if own is None else own[positions]
    probs = np.zeros((len(positions), int(n_candidates.max(initial=0))), dtype=np.float64)
    names = list(dict.fromkeys(a for label in rows for a in label.votes or ()))
    votes = np.full((len(names), len(positions)), -1, dtype=np.int64)
    number = {name: index for index, name in enumerate(names)}
    for label in rows:
        index = place[known.row[label.id]]
        for which, weight in label.weights.items():
            probs[index, number_of(which)] += weight
        for annotator, which in (label.votes or {}).items():
            votes[number[annotator], index] = number_of(which)
    probs /= probs.sum(axis=1, keepdims=True)
    labels = Labels(positions, probs.astype(np.float32), n_candidates.astype(np.int64))
    return Annotations(classes, labels, names, votes if names else None)


def read_truth(path: Path, texts: Texts, classes: Sequence[str] | None) -> tuple[np.ndarray, np.ndarray]:
    """Read some ground truth: positions of the texts and their classes, each int64 [M].

    Raises:
        DataError: A row is malformed, an id is unknown or stands twice; names file and line of the first five.
    """
    seen: dict[str, str] = {}

    def convert(row: Row) -> tuple[int, int]:
        name = known_id(row, texts)
        if name in seen:
            raise row.error(f'id: "{name}" stands twice, first at {seen[name]}; one ground-truth label each')
        seen[name] = row.place
        which = which_class(row, "label", row.value("label"), texts, texts.row[name], classes)
        return texts.row[name], which if classes is None else list(classes).index(which)

    made = np.array(converted(read_rows(path), convert), dtype=np.int64).reshape(-1, 2)
    if not len(made):
        raise DataError(f"{path}: there is no ground-truth label in it; leave it out, or bring some")
    return made[:, 0], made[:, 1]


def _classes(rows: Sequence[Annotation], path: Path) -> tuple[str, ...]:
    """The classes that occur: numbers by size, names by alphabet."""
    names = {str(which) for label in rows for which in label.weights}
    if len(names) < 2:
        raise DataError(f"{path}: every label is {', '.join(names)}; there is nothing to learn from one class")
    try:
        return tuple(sorted(names, key=float))
    except ValueError:
        return tuple(sorted(names))


def _narrow(labels: Labels) -> Labels:
    """The same labels, no wider than the most candidates among them."""
    return Labels(labels.positions, labels.probs[:, : int(labels.n_candidates.max(initial=0))], labels.n_candidates)


def _unlabelled(path: Path, missing: Mapping[str, Sequence[str]]) -> str:
    """A message on examples without a label, by split."""
    n = sum(map(len, missing.values()))
    each = ", ".join(f"{split} {len(names):,}" for split, names in missing.items())
    first = f", the first {MOST_SHOWN}" if n > MOST_SHOWN else ""
    named = [f'{split}: "{name}"' for split, names in missing.items() for name in names][:MOST_SHOWN]
    advice = "What is to be labelled is written by: w2slab examples"
    if "test" in missing:
        advice = "Test is labelled as well, since there the labels are judged as a supervisor. " + advice
    return "\n  ".join([f"{path}: {n:,} examples have no label ({each}){first}:", *named, advice])
