"""A table written once, its ground truth apart, and splits that are positions in it."""

from __future__ import annotations

import pyarrow as pa
import pytest

from tests.small_data import data_in, write_data
from w2slab.data import layout
from w2slab.data.examples import Examples
from w2slab.errors import JobError
from w2slab.tasks.chess.puzzle_task import Chess
from w2slab.tasks.task import Shown, Task


def part(name: str, n: int) -> Examples:
    ids = [f"{name}-{i}" for i in range(n)]
    return Examples(pa.table({"id": ids, "group": ids, "text": [f"text {each}" for each in ids]}), ("no", "yes"))


@pytest.fixture
def data(tmp_path):
    splits = {"student_train": (part("a", 3), [[0], [1], [0]]), "test": (part("b", 2), [[1], [1]])}
    return data_in(write_data(tmp_path / "data", splits, chance=0.25))


def test_a_split_is_its_rows_of_the_table(data):
    assert data.names == ("student_train", "test")
    assert data.positions("test").tolist() == [3, 4]
    assert data.examples("test").ids == ["b-0", "b-1"]
    assert data.truth("test").right == [[1], [1]]
    assert data.all_examples.ids == ["a-0", "a-1", "a-2", "b-0", "b-1"]
    assert (data.classes, data.chance) == (("no", "yes"), 0.25)


def test_a_split_that_is_not_there_is_named(data):
    assert not data.has("reserve")
    with pytest.raises(JobError, match="no split reserve; there are student_train, test"):
        data.examples("reserve")


def test_examples_are_read_where_there_is_no_truth(data):
    layout.truth(data.task).unlink()
    assert data.examples("student_train").ids == ["a-0", "a-1", "a-2"]
    assert "right" not in data.all_examples.table.column_names


def test_the_same_data_are_equal_and_stand_in_a_dictionary(data):
    again = data_in(data.task)
    assert again == data
    assert {data: 1}[again] == 1


class Riddles(Task):
    """A task with a text that stands in no column."""

    def as_text(self, examples):
        return [f"What is {name}?" for name in examples.ids]


def test_a_task_says_how_it_looks_as_text():
    examples = Examples(pa.table({"id": ["x"], "group": ["x"]}), ("no", "yes"))
    assert examples.texts is None
    assert examples.with_texts(Riddles().as_text(examples)).texts == ["What is x?"]
    assert examples.with_texts(Task().as_text(examples)).texts is None
    assert part("a", 1).with_texts(["another"]).texts == ["text a-0"]
    position = Examples(pa.table({"id": ["x"], "group": ["x"], "fen": ["8/8 w - - 0 1"], "candidates": [["a1a2"]]}))
    assert Chess().as_text(position) == ["8/8 w - - 0 1 "]
    assert position.with_texts(Chess().as_text(position)).columns_to_label == ["fen", "candidates"]


def test_a_task_says_how_an_example_is_shown():
    assert Task().show({"text": "Is it?", "answer": " Yes."}) == Shown("Is it? Yes.")
    assert Task().show({"features": [1.0]}) is None
    assert Chess().show({"fen": "8/8 w - - 0 1", "setup": "a1a2"}) == Shown(board="8/8 w - - 0 1", last_move="a1a2")


def test_what_may_follow_a_text_is_its_answer_or_its_candidates():
    assert part("a", 2).answers == [[""], [""]]
    answered = Examples(pa.table({"id": ["x"], "group": ["x"], "text": ["t"], "answer": [" yes"]}), ("no", "yes"))
    assert answered.answers == [[" yes"]]
    among = Examples(pa.table({"id": ["x"], "group": ["x"], "text": ["t"], "candidates": [[" a", " b"]]}))
    assert among.answers == [[" a", " b"]]
