"""One example of a text task before it becomes a row, and the rows of many."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from w2slab.data.examples import Examples, Labelled, Truth


@dataclass(frozen=True, kw_only=True)
class Item:
    """One example.

    Args:
        text: What is read first; a model may cut it on the left if it is too long.
        answer: What is read after it and never cut while `text` has anything left; joined to it as it stands, so a
            space or a line break between the two belongs to one of them.
        candidates: Texts of which one is right, each read after `text` in place of `answer`; `None` where the task
            has classes.
        right: The right class or candidate.
        group: Examples of one question, passage, dialogue or premise share it and are never parted; the text itself
            by default.
        in_test: Whether it belongs to the data set's own test part.
        shown: Further columns for reports: `difficulty`, `source`.
    """

    text: str
    answer: str = ""
    candidates: tuple[str, ...] | None = None
    right: int
    group: str | None = None
    in_test: bool = False
    shown: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Twelve bytes of the digest of what is read: the same wherever the example stands."""
        parts = (self.text, self.answer, *(self.candidates or ()))
        return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:24]


def labelled(items: Iterable[Item], classes: tuple[str, ...] | None, *, own_test: bool = False) -> Labelled:
    """The examples of a task; of those that occur again, the first stays (one of the test part before all others).

    Args:
        items: In any order.
        classes: Names of the classes; `None` where each example has its own candidates.
        own_test: Whether the data set has a test part of its own, marked by `in_test`.
    """
    import pyarrow as pa

    kept: dict[str, Item] = {}
    for item in items:
        if item.id not in kept or (item.in_test and not kept[item.id].in_test):
            kept[item.id] = item
    chosen = list(kept.values())
    columns: dict[str, Any] = {
        "id": pa.array(kept, pa.string()),
        "group": pa.array([_digest(item.text if item.group is None else item.group) for item in chosen], pa.string()),
        "text": pa.array([item.text for item in chosen], pa.string()),
    }
    if any(item.answer for item in chosen):
        columns["answer"] = pa.array([item.answer for item in chosen], pa.string())
    if classes is None:
        columns["candidates"] = pa.array([item.candidates for item in chosen], pa.list_(pa.string()))
    for name in sorted({name for item in chosen for name in item.shown}):
        columns[name] = pa.array([item.shown.get(name) for item in chosen])
    truth = Truth(list(kept), [[item.right] for item in chosen])
    in_test = np.array([item.in_test for item in chosen], dtype=bool) if own_test else None
    return Labelled(Examples(pa.table(columns), classes), truth, in_test)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
