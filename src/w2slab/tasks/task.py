"""The base of every task, and how one of its examples is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from w2slab import registry
from w2slab.data.examples import Examples, Labelled
from w2slab.fields import Name
from w2slab.graph.component import NOT_IN_KEY, Component


@dataclass(frozen=True)
class Shown:
    """One example as a report shows it: a text, or a chess position.

    Args:
        text: What was asked.
        board: The position in FEN, instead of a text.
        last_move: The move that led to it, in UCI.
    """

    text: str = ""
    board: str | None = None
    last_move: str | None = None


@dataclass(frozen=True)
class Task(Component):
    """A learning problem: all its examples and their ground truth. Imports without torch; only `load` must be written.

    Args:
        called: Name in the results; `None` is that of the row.
    """

    called: Name | None = field(default=None, kw_only=True, metadata=NOT_IN_KEY)

    TABLE: ClassVar[str] = "tasks"
    balanced: ClassVar[bool] = False
    """Whether classes are balanced as in the paper (over 55% of one class: drop at random to 50/50)."""

    @property
    def display_name(self) -> str:
        """Name in the results."""
        return self.called or registry.name_of(self)

    def load(self) -> Labelled:
        """Return every example of the task.

        Raises:
            DataError: A file is missing or malformed; names file, line and field.
        """
        raise NotImplementedError

    def as_text(self, examples: Examples) -> list[str] | None:
        """Return the text of each example that a text model reads first; `None` where there is no such form.

        What is read after it are the candidates, or the column `answer`. Asked once, when examples are written.
        """
        return examples.texts

    def show(self, example: Mapping[str, Any]) -> Shown | None:
        """Return how a report shows one example, a row of the table; `None` where it cannot be shown."""
        if example.get("text") is None:
            return None
        return Shown(example["text"] + (example.get("answer") or ""))
