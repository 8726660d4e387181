"""Labels that people bring in a file, found by ids: one label, probabilities, or votes for each example.

A row of labels has an `id` and one of

    label           a class, by name or number
    probs           probabilities: a list in the order of the classes, or a mapping from class to number
    votes           a list of classes, or a mapping from annotator to class; null is no vote
    annotator, label    one vote; then an id may have several rows, one for each annotator

In files whose cells are text (CSV, TSV), `probs` and `votes` are JSON within the cell. Where examples have candidates
of their own, a class is the number of a candidate, from 0, or the name of the field that it came from; of a task, the
candidate's text. A number may stand for a class where no class is called by a number.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from w2slab.data.examples import Examples
from w2slab.data.labels import Labels
from w2slab.data.readers.files import read_rows
from w2slab.data.readers.labellable import Labellable, OfTask
from w2slab.data.readers.row import MOST_SHOWN, Row, converted, shown
from w2slab.data.readers.texts import Texts, id_of, refuse
from w2slab.errors import DataError

FORMS = ("probs", "votes", "label")
SUM_TOLERANCE = 1e-3
LONGEST_LIST = 80


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


@dataclass(frozen=True)
class Annotation:
    """One row of labels: weights by class name or position, and who gave them."""

    id: str
    weights: Mapping[Any, float]
    votes: Mapping[str, Any] | None


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
    rows = converted(read_rows(path), converter(path, texts, None if classes is None else tuple(classes)))
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
    rows = converted(read_rows(path), converter(path, known, examples.classes))
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
        name = _known(row, texts)
        if name in seen:
            raise row.error(f'id: "{name}" stands twice, first at {seen[name]}; one ground-truth label each')
        seen[name] = row.place
        which = _which(row, "label", row.value("label"), texts, texts.row[name], classes)
        return texts.row[name], which if classes is None else list(classes).index(which)

    made = np.array(converted(read_rows(path), convert), dtype=np.int64).reshape(-1, 2)
    if not len(made):
        raise DataError(f"{path}: there is no ground-truth label in it; leave it out, or bring some")
    return made[:, 0], made[:, 1]


# --- labels -----------------------------------------------------------------------------------------------------------


def converter(path: Path, texts: Labellable, classes: tuple[str, ...] | None) -> Callable[[Row], Annotation]:
    """Reader of one row of labels, which remembers those before it."""
    seen: dict[tuple[str, str | None], str] = {}
    forms: list[str] = []

    def convert(row: Row) -> Annotation:
        name = _known(row, texts)
        annotator = None if row.get("annotator") is None else str(row.get("annotator"))
        if (name, annotator) in seen:
            whose = "" if annotator is None else f' with a label by "{annotator}"'
            raise row.error(f'id: "{name}" stands twice{whose}, first at {seen[name, annotator]}; keep one')
        seen[name, annotator] = row.place
        form = next((form for form in FORMS if row.get(form) is not None), None)
        if form is None:
            raise row.error(f"no label: one of the fields {', '.join(FORMS)} is needed; there are: {_fields(row)}")
        if not forms:
            forms.append(form)
        if form != forms[0]:
            raise row.error(f"{form}: the rows before have {forms[0]}; keep to one of them in a file")
        index = texts.row[name]
        if form == "probs":
            return Annotation(name, _probs(row, texts, index, classes), None)
        if form == "votes":
            votes = _votes(row, texts, index, classes)
            return Annotation(name, _counted(votes.values()), votes)
        which = _which(row, "label", row.value("label"), texts, index, classes)
        return Annotation(name, {which: 1.0}, None if annotator is None else {annotator: which})

    return convert


def _known(row: Row, texts: Labellable) -> str:
    name = id_of(row, "id")
    if name not in texts.row:
        raise row.error(f'id: "{name}" is not in {texts.where}')
    return name


def _fields(row: Row) -> str:
    return ", ".join(map(str, row.values)) or "none"


def _which(row: Row, field: str, value: Any, texts: Labellable, index: int, classes: Sequence[str] | None) -> Any:
    """A class by name, or a candidate by position."""
    if isinstance(value, bool):
        value = str(value).lower()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int | str):
        raise row.error(f"{field}: {shown(value)} is no class; a name or a whole number is needed")
    name = row.but(**{field: str(value)}).text(field)
    if texts.n_candidates is None:
        return _class(row, field, name, classes)
    n, named = int(texts.n_candidates[index]), list(texts.called(index))
    found = {i for i, text in enumerate(named) if text == name.strip()} if isinstance(value, str) else set()
    if len(found) > 1:
        raise row.error(f"{field}: {shown(name)} is the text of several candidates; write the number of one")
    number = _number(name, n)
    if number is not None and found - {number}:
        raise row.error(
            f"{field}: {shown(name)} is the text of candidate {found.pop()} and the number of another; write a list of "
            "probabilities, or in JSON Lines the number without quotes"
        )
    if number is None and not found:
        listed = ", ".join(named)
        told = "" if not named else f", or {listed}" if len(listed) <= LONGEST_LIST else ", or a candidate's text"
        raise row.error(f"{field}: {shown(name)}; allowed: 0 to {n - 1}{told}")
    return found.pop() if found else number


def _class(row: Row, field: str, name: str, classes: Sequence[str] | None) -> str:
    """A class by name, or by number where no class is called by one; any name where classes are not known."""
    if classes is None or name in classes:
        return name
    number = _number(name, len(classes))
    if number is None or any(each.isdecimal() for each in classes):
        raise row.error(f"{field}: {shown(name)} is no class; allowed: {', '.join(classes)}")
    return classes[number]


def _number(text: str, n: int) -> int | None:
    """A whole number from 0 to below n, if it is one."""
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) and int(text) < n else None


def _parsed(row: Row, field: str) -> Any:
    """A field that is a list or a mapping, or JSON text of one."""
    value = row.value(field)
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise row.error(f"{field}: {shown(value)} is not JSON; a list or a mapping is needed") from None
    if isinstance(value, np.ndarray | tuple):
        value = list(value)
    if isinstance(value, list) and value and all(isinstance(each, tuple) for each in value):
        value = dict(value)  # as Parquet gives a map
    if not isinstance(value, list | dict) or not value:
        raise row.error(f"{field}: {shown(value)}; a list or a mapping is needed, and not an empty one")
    return value


def _probs(row: Row, texts: Labellable, index: int, classes: Sequence[str] | None) -> dict[Any, float]:
    value = _parsed(row, "probs")
    if isinstance(value, dict):
        value = {name: number for name, number in value.items() if number is not None}  # absent names, in Parquet
    else:
        expected = len(classes) if classes is not None else None
        expected = expected if texts.n_candidates is None else int(texts.n_candidates[index])
        if expected is not None and len(value) != expected:
            what = "classes" if texts.n_candidates is None else "candidates"
            raise row.error(f"probs: {len(value)} numbers for {expected} {what}")
        names: Iterable[Any] = range(len(value))
        value = dict(zip(names if texts.n_candidates is not None or classes is None else classes, value, strict=True))
    numbers: dict[Any, float] = {}
    for name, number in value.items():
        if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number <= 1:
            raise row.error(f"probs: {shown(number)} is no probability; allowed: 0 to 1")
        if number or texts.n_candidates is None:
            numbers[_which(row, "probs", name, texts, index, classes)] = float(number)
    total = math.fsum(numbers.values())
    if abs(total - 1) > SUM_TOLERANCE:
        raise row.error(f"probs: they sum to {total:g}, not to 1")
    return numbers


def _votes(row: Row, texts: Labellable, index: int, classes: Sequence[str] | None) -> dict[str, Any]:
    value = _parsed(row, "votes")
    if isinstance(value, list):
        value = {f"annotator {number}": each for number, each in enumerate(value, 1)}
    votes = {
        str(name): _which(row, "votes", each, texts, index, classes) for name, each in value.items() if each is not None
    }
    if not votes:
        raise row.error("votes: nobody voted; leave the text out, or bring it as one without a label")
    return votes


def _counted(votes: Iterable[Any]) -> dict[Any, float]:
    counts: dict[Any, float] = {}
    for which in votes:
        counts[which] = counts.get(which, 0.0) + 1.0
    return counts


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
