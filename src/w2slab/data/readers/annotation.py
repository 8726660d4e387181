"""One row of a file of labels: a class, probabilities, or votes.

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
from typing import Any

import numpy as np

from w2slab.data.readers.labellable import Labellable
from w2slab.data.readers.row import Row, shown
from w2slab.data.readers.texts import id_of

FORMS = ("probs", "votes", "label")
SUM_TOLERANCE = 1e-3
LONGEST_LIST = 80


@dataclass(frozen=True)
class Annotation:
    """One row of labels: weights by class name or position, and who gave them."""

    id: str
    weights: Mapping[Any, float]
    votes: Mapping[str, Any] | None


def converter(texts: Labellable, classes: tuple[str, ...] | None) -> Callable[[Row], Annotation]:
    """Reader of one row of labels, which remembers those before it."""
    seen: dict[tuple[str, str | None], str] = {}
    forms: list[str] = []

    def convert(row: Row) -> Annotation:
        name = known_id(row, texts)
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
        which = which_class(row, "label", row.value("label"), texts, index, classes)
        return Annotation(name, {which: 1.0}, None if annotator is None else {annotator: which})

    return convert


def known_id(row: Row, texts: Labellable) -> str:
    """Return the id of a row.

    Raises:
        RowError: It is not among the texts.
    """
    name = id_of(row, "id")
    if name not in texts.row:
        raise row.error(f'id: "{name}" is not in {texts.where}')
    return name


def _fields(row: Row) -> str:
    return ", ".join(map(str, row.values)) or "none"


def which_class(row: Row, field: str, value: Any, texts: Labellable, index: int, classes: Sequence[str] | None) -> Any:
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
            numbers[which_class(row, "probs", name, texts, index, classes)] = float(number)
    total = math.fsum(numbers.values())
    if abs(total - 1) > SUM_TOLERANCE:
        raise row.error(f"probs: they sum to {total:g}, not to 1")
    return numbers


def _votes(row: Row, texts: Labellable, index: int, classes: Sequence[str] | None) -> dict[str, Any]:
    value = _parsed(row, "votes")
    if isinstance(value, list):
        value = {f"annotator {number}": each for number, each in enumerate(value, 1)}
    votes = {
        str(name): which_class(row, "votes", each, texts, index, classes)
        for name, each in value.items()
        if each is not None
    }
    if not votes:
        raise row.error("votes: nobody voted; leave the text out, or bring it as one without a label")
    return votes


def _counted(votes: Iterable[Any]) -> dict[Any, float]:
    counts: dict[Any, float] = {}
    for which in votes:
        counts[which] = counts.get(which, 0.0) + 1.0
    return counts
