"""The base of every task, and how one of its examples is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from w2slab.data.examples import Examples, Labelled
from w2slab.graph.component import Component


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


class Task(Component):
    """A learning problem: a frozen dataclass whose fields are what a study may write. Imports without torch.

    Only `load` must be written.
    """

    balanced: ClassVar[bool] = False
    """Whether classes are balanced as in the paper (over 55 % of one class: drop at random to 50/50)."""

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
