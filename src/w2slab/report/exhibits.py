"""One test example as the page shows it: a board or a text, and below it each model's choice and the right answer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from w2slab.data.examples import Examples, Truth
from w2slab.data.labels import Labels
from w2slab.errors import DataError
from w2slab.report.boards import Arrow, board_svg, move_words
from w2slab.report.words import inert
from w2slab.tasks.task import Shown, Task

Form = Literal["board", "classes", "candidates"]
"""A position and moves; a text and the names of its classes; a text and candidates that are texts themselves."""

_LONGEST_TEXT, _LONGEST_CANDIDATE, _LONGEST_CLASS = 700, 300, 80  # characters
_MOST_UNCHOSEN = 3


@dataclass(frozen=True)
class Judged:
    """Test examples of a task, what is right, and what a supervisor and its student said; all in one order."""

    task: Task
    examples: Examples
    truth: Truth
    supervisor: Labels
    student: Labels

    @cached_property
    def supervisor_right(self) -> np.ndarray:
        """Bool [N]."""
        return self.truth.is_right(self.supervisor.choices)

    @cached_property
    def student_right(self) -> np.ndarray:
        """Bool [N]."""
        return self.truth.is_right(self.student.choices)

    @cached_property
    def form(self) -> Form | None:
        """The form in which examples are shown; `None` where the task shows none, or there are none."""
        shown = self.task.show(self.row(0)) if len(self.examples) else None
        if shown is None:
            return None
        if shown.board is not None:
            return "board"
        return "classes" if self.examples.candidates is None else "candidates"

    def shown(self, place: int) -> Shown:
        """Return one example as its task shows it."""
        return self.task.show(self.row(place)) or Shown()

    def row(self, place: int) -> dict[str, Any]:
        """One example, by column."""
        row: dict[str, Any] = self.examples.table.slice(place, 1).to_pylist()[0]
        return row


class Option(NamedTuple):
    """A candidate that was chosen, or is right, or both.

    Args:
        words: The move, the class or the text.
        right: Whether it counts as right.
        chosen_by: Who chose it, each with the probability that it gave it; the supervisor first.
    """

    words: str
    right: bool
    chosen_by: list[tuple[str, float]]


@dataclass(frozen=True)
class Exhibit:
    """One example.

    Args:
        board: SVG, where the example is a position.
        text: What was asked, where it is text.
        options: What the supervisor chose, what the student chose, and what else is right.
        n_more_right: Right candidates that are left out because they are many.
        difficulty: Of the example, where it has one.
    """

    board: str | None
    text: str | None
    options: list[Option]
    n_more_right: int
    difficulty: str | None


def asked(judged: Judged, place: int) -> tuple[str, str | None]:
    """Identity of an example to a reader: the question and, of answers, the student's choice."""
    shown = judged.shown(place)
    if shown.board is not None:
        return shown.board, None
    own = judged.row(place)["candidates"][judged.student.choices[place]] if judged.form == "candidates" else None
    return shown.text, own


def exhibit(judged: Judged, place: int) -> Exhibit | None:
    """The example at a place; `None` where it cannot be drawn."""
    row = judged.row(place)
    chosen = _chosen(judged, place)
    unchosen = [candidate for candidate in judged.truth.right[place] if candidate not in chosen]
    for candidate in unchosen[:_MOST_UNCHOSEN]:
        chosen[candidate] = []
    right = set(judged.truth.right[place])
    names = row["candidates"] if "candidates" in row else judged.examples.classes or ()
    options = [Option(names[candidate], candidate in right, by) for candidate, by in chosen.items()]
    shown = judged.shown(place)
    longest = _LONGEST_CANDIDATE if judged.form == "candidates" else _LONGEST_CLASS
    try:
        board, text, options = _text(shown.text, options, longest) if shown.board is None else _position(shown, options)
    except DataError:
        return None
    return Exhibit(board, text, options, len(unchosen[_MOST_UNCHOSEN:]), _difficulty(row))


def _chosen(judged: Judged, place: int) -> dict[int, list[tuple[str, float]]]:
    chosen: dict[int, list[tuple[str, float]]] = {}
    for who, predictions in (("Supervisor", judged.supervisor), ("Student", judged.student)):
        choice = int(predictions.choices[place])
        chosen.setdefault(choice, []).append((who, float(predictions.probs[place, choice])))
    return chosen


def _position(shown: Shown, moves: list[Option]) -> tuple[str, None, list[Option]]:
    fen = shown.board or ""
    arrows = [Arrow(move.words, f"{_line(move)} {'right' if move.right else 'wrong'}") for move in moves]
    options = [move._replace(words=move_words(fen, move.words)) for move in moves]
    who = [f"{' and '.join(name.lower() for name, _ in move.chosen_by) or 'right'}: {move.words}" for move in options]
    label = f"Chess position; {'; '.join(who)}"
    return board_svg(fen, setup=shown.last_move, arrows=arrows, label=label), None, options


def _line(move: Option) -> str:
    """Style of its arrow: the supervisor's broken, the student's whole, that of neither thin."""
    return move.chosen_by[-1][0].lower() if move.chosen_by else "neither"


def _text(text: str, candidates: list[Option], longest: int) -> tuple[None, str, list[Option]]:
    options = [candidate._replace(words=inert(candidate.words.strip(), longest)) for candidate in candidates]
    # What is asked, and what was said last, stand at the end of a long passage.
    ends = f"… {text[-_LONGEST_TEXT:]} ({len(text):,} characters)" if len(text) > _LONGEST_TEXT else text
    return None, inert(ends.strip(), 2 * _LONGEST_TEXT), options


def _difficulty(row: dict[str, Any]) -> str | None:
    value = row.get("difficulty")
    return None if value is None else f"{value:.4g}" if isinstance(value, int | float) else inert(value, 40)
