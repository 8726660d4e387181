"""Test examples on which the supervisor was wrong and its student, taught by it, was right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from w2slab.artifacts import Predictions, read_examples, read_predictions, read_truth
from w2slab.errors import DataError
from w2slab.report.boards import Arrow, board_svg, move_words
from w2slab.report.words import inert, percent
from w2slab.tasks.task import Examples, Truth

if TYPE_CHECKING:
    from w2slab.results import Results
    from w2slab.results_reading import Reading
    from w2slab.specs import Comparison

_MOST_SHOWN = 9
_LONGEST_TEXT, _LONGEST_CANDIDATE = 700, 300  # characters


@dataclass(frozen=True)
class Exhibit:
    """One example.

    Args:
        board: SVG, where the example is a position.
        text: What was asked, where it is text.
        supervisor, student: What each chose, and how sure it was.
        difficulty: Of the example, where it has one.
    """

    board: str | None
    text: str | None
    supervisor: str
    student: str
    difficulty: str | None


@dataclass(frozen=True)
class Gallery:
    """The examples of one comparison, and how many there were of each sort.

    Args:
        n_wrong: Test examples that the supervisor got wrong; `n_mended` of them the student got right.
        n_right: Those it got right; `n_spoiled` of them the student got wrong.
    """

    task: str
    weak: str
    strong: str
    method: str
    seed: int
    n_wrong: int
    n_mended: int
    n_right: int
    n_spoiled: int
    exhibits: list[Exhibit]


@dataclass(frozen=True)
class _Judged:
    examples: Examples
    truth: Truth
    supervisor: Predictions
    student: Predictions

    @property
    def supervisor_right(self) -> np.ndarray:
        return self.truth.is_right(self.supervisor.choices)

    @property
    def mended(self) -> np.ndarray:
        mended: np.ndarray = ~self.supervisor_right & self.truth.is_right(self.student.choices)
        return mended


def galleries(results: Results, comparisons: Sequence[Comparison], store: Reading) -> Iterator[Gallery]:
    """A gallery for each task whose examples can be shown."""
    reported = results.reported()
    missing = {id(m.comparison) for m in results.missing}
    base = results.baseline
    for task in dict.fromkeys(r["task"] for r in reported):
        own = [r for r in reported if r["task"] == task and r["method"] == base] or [
            r for r in reported if r["task"] == task
        ]
        # The pair with the most errors to mend and the student that mended most of them.
        row = max(own, key=lambda r: (1 - r["supervisor_accuracy"]) * r["student_accuracy"])
        names = ("task", "weak", "strong", "method", "control")
        for comparison in comparisons:
            if id(comparison) not in missing and all(getattr(comparison, n) == row[n] for n in names):
                gallery = _gallery(comparison, _read(comparison, store))
                if gallery.exhibits:
                    yield gallery
                break


def _read(comparison: Comparison, store: Reading) -> _Judged:
    data = store.folder(comparison.data.key)
    supervisor, student = (
        read_predictions(store.folder(job.key) / "predictions" / "test.parquet")
        for job in (comparison.supervisor, comparison.student)
    )
    return _Judged(read_examples(data, "test"), read_truth(data, "test"), supervisor, student)


def _gallery(comparison: Comparison, judged: _Judged) -> Gallery:
    right, mended = judged.supervisor_right, judged.mended
    spoiled = right & ~judged.truth.is_right(judged.student.choices)
    return Gallery(
        comparison.task, comparison.weak, comparison.strong, comparison.method, comparison.seed,
        int((~right).sum()), int(mended.sum()), int(right.sum()), int(spoiled.sum()), list(_exhibits(judged, mended)),
    )  # fmt: skip


def _exhibits(judged: _Judged, mended: np.ndarray) -> Iterator[Exhibit]:
    """The most telling ones: the supervisor sure of its error, the student sure of the truth."""
    columns = judged.examples.table.column_names
    shown = next((name for name in ("fen", "text", "prompt") if name in columns), None)
    if shown is None:
        return
    sure = judged.supervisor.probs.max(axis=1) * judged.student.probs.max(axis=1)
    seen: set[tuple[str, str | None]] = set()
    for place in np.argsort(-np.where(mended, sure, -1.0), kind="stable"):
        if not mended[place] or len(seen) == _MOST_SHOWN:
            return
        example = judged.examples.table.slice(int(place), 1).to_pylist()[0]
        # Of a prompt with many pairs, each right answer once.
        options = example.get("candidates") if shown != "fen" else None
        key = (example[shown], options[judged.student.choices[place]] if options else None)
        if key in seen:
            continue
        exhibit = (
            _position(judged, int(place), example) if shown == "fen" else _text(judged, int(place), example, shown)
        )
        if exhibit is not None:
            seen.add(key)
            yield exhibit


def _position(judged: _Judged, place: int, example: dict[str, Any]) -> Exhibit | None:
    fen, moves = example["fen"], example["candidates"]
    wrong, right = (moves[p.choices[place]] for p in (judged.supervisor, judged.student))
    words = [move_words(fen, move) for move in (wrong, right)]
    label = f"Chess position; the supervisor chose {words[0]}, the student {words[1]}"
    try:
        board = board_svg(
            fen, setup=example.get("setup"), arrows=[Arrow(wrong, "wrong"), Arrow(right, "right")], label=label
        )
    except DataError:
        return None
    return Exhibit(board, None, *_choices(judged, place, words), _difficulty(example))


def _text(judged: _Judged, place: int, example: dict[str, Any], shown: str) -> Exhibit:
    candidates = example.get("candidates")
    names, longest = (candidates, _LONGEST_CANDIDATE) if candidates else (judged.examples.classes or (), 80)
    words = [inert(names[p.choices[place]].strip(), longest) for p in (judged.supervisor, judged.student)]
    text = example[shown] + (example.get("answer") or "")
    # What is asked, and what was said last, stand at the end of a long passage.
    ends = f"… {text[-_LONGEST_TEXT:]} ({len(text):,} characters)" if len(text) > _LONGEST_TEXT else text
    asked = inert(ends.strip(), 2 * _LONGEST_TEXT)
    return Exhibit(None, asked, *_choices(judged, place, words, whole_texts=bool(candidates)), _difficulty(example))


def _choices(judged: _Judged, place: int, words: list[str], *, whole_texts: bool = False) -> tuple[str, str]:
    """What each chose and how sure it was, which stands first where it could be read as the end of a text."""
    sure = [f"{percent(p.probs[place].max(), 0)}\N{NO-BREAK SPACE}%" for p in (judged.supervisor, judged.student)]
    supervisor, student = (
        f"{share}: {word}" if whole_texts else f"{word}, {share}" for word, share in zip(words, sure, strict=True)
    )
    return supervisor, student


def _difficulty(example: dict[str, Any]) -> str | None:
    value = example.get("difficulty")
    return None if value is None else f"{value:.4g}" if isinstance(value, int | float) else inert(value, 40)
