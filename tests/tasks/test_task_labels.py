"""Labels of a task's examples in a file: names of classes and candidates, and every mismatch with its line."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from w2slab.data.examples import Examples
from w2slab.data.readers.annotations import read_task_labels
from w2slab.errors import DataError

IDS = ["e0", "e1", "e2", "e3"]


def with_classes(*classes):
    return Examples(pa.table({"id": IDS, "group": IDS, "text": IDS}), classes)


def with_candidates(*candidates):
    own = [list(each) for each in candidates]
    return Examples(pa.table({"id": IDS[: len(own)], "group": IDS[: len(own)], "candidates": own}))


@pytest.fixture
def read(tmp_path):
    def read(rows, examples):
        path = tmp_path / "weak.jsonl"
        path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
        return read_task_labels(path, examples)

    return read


NO_YES = with_classes("no", "yes")
MOVES = with_candidates(["e2e4", "g1f3", "b1c3"], ["e7e8q", "e7e8n"])


def test_classes_are_named_or_numbered_in_the_order_of_the_task(read):
    labels = read([{"id": "e3", "label": "yes"}, {"id": "e0", "label": 1}, {"id": "e1", "label": "0"}], NO_YES)
    found = labels.of({"test": np.array([0, 1]), "reserve": np.array([3])})
    assert found["test"].positions.tolist() == [0, 1]
    assert found["test"].probs.tolist() == [[0, 1], [1, 0]]
    assert found["reserve"].probs.tolist() == [[0, 1]]


def test_a_class_that_is_called_by_a_number_is_meant_by_it(read):
    labels = read([{"id": "e0", "label": 1}, {"id": "e1", "label": "2"}], with_classes("2", "1"))
    assert labels.labels.probs.tolist() == [[0, 1], [1, 0]]
    with pytest.raises(DataError, match="label: '0' is no class; allowed: 2, 1"):
        read([{"id": "e0", "label": 0}], with_classes("2", "1"))


def test_candidates_are_named_by_number_or_text(read):
    labels = read([{"id": "e1", "label": "e7e8n"}, {"id": "e0", "label": 2}], MOVES)
    assert labels.of({"test": np.array([0, 1])})["test"].probs.tolist() == [[0, 0, 1], [0, 1, 0]]
    labels = read([{"id": "e0", "probs": {"g1f3": 0.75, "0": 0.25}}, {"id": "e1", "probs": [0.5, 0.5]}], MOVES)
    assert labels.labels.probs.tolist() == [[0.25, 0.75, 0], [0.5, 0.5, 0]]
    labels = read([{"id": "e0", "votes": ["g1f3", 1, "b1c3", "g1f3"]}], MOVES)
    assert labels.labels.probs.tolist() == [[0, 0.75, 0.25]]
    assert labels.annotators == [f"annotator {i}" for i in range(1, 5)]


def test_spaces_around_a_candidate_do_not_count(read):
    answers = with_candidates([" Paris.", " Rome."])
    assert read([{"id": "e0", "label": "Rome."}], answers).labels.probs.tolist() == [[0, 1]]
    assert read([{"id": "e0", "label": " Paris."}], answers).labels.probs.tolist() == [[1, 0]]


def test_text_that_is_also_the_number_of_another_candidate_is_refused(read):
    sums = with_candidates(["2", "1", "7"])
    assert read([{"id": "e0", "label": 1}], sums).labels.probs.tolist() == [[0, 1, 0]]  # number and text at once
    assert read([{"id": "e0", "label": 2}], sums).labels.probs.tolist() == [[0, 0, 1]]  # a number is a number
    assert read([{"id": "e0", "label": "7"}], sums).labels.probs.tolist() == [[0, 0, 1]]
    assert read([{"id": "e0", "probs": [0.5, 0.5, 0]}], sums).labels.probs.tolist() == [[0.5, 0.5, 0]]
    with pytest.raises(DataError, match="'2' is the text of candidate 0 and the number of another"):
        read([{"id": "e0", "label": "2"}], sums)
    with pytest.raises(DataError, match="'x' is the text of several candidates; write the number"):
        read([{"id": "e0", "label": "x"}], with_candidates(["x ", "x"]))


MISTAKES = {
    "an unknown id": ([{"id": "e9", "label": 0}], 'weak.jsonl:1: id: "e9" is not in the examples of the task'),
    "an id twice": ([{"id": "e0", "label": 0}, {"id": "e0", "label": 0}], 'weak.jsonl:2: id: "e0" stands twice'),
    "another's candidate": ([{"id": "e1", "label": "e2e4"}], "label: 'e2e4'; allowed: 0 to 1, or e7e8q, e7e8n"),
    "a number too many": ([{"id": "e1", "label": 2}], "label: '2'; allowed: 0 to 1"),
    "a sum that is not one": ([{"id": "e0", "probs": [0.5, 0.4, 0.2]}], "probs: they sum to 1.1, not to 1"),
    "too few probabilities": ([{"id": "e0", "probs": [0.5, 0.5]}], "probs: 2 numbers for 3 candidates"),
    "an absent probability": ([{"id": "e0", "probs": [1, None, 0]}], "None is no probability"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_told_with_file_and_line(name, read):
    rows, message = MISTAKES[name]
    with pytest.raises(DataError) as caught:
        read(rows, MOVES)
    assert message in str(caught.value)


def test_many_candidates_are_not_listed(read):
    with pytest.raises(DataError, match=r"allowed: 0 to 49, or a candidate's text$"):
        read([{"id": "e0", "label": "none"}], with_candidates([f"a{i}b{i}" for i in range(50)]))


def test_the_first_five_mistakes_are_told_and_all_are_counted(read):
    with pytest.raises(DataError) as caught:
        read([{"id": f"x{i}", "label": 0} for i in range(7)], MOVES)
    assert str(caught.value).startswith("7 malformed rows, the first 5:")
    assert str(caught.value).count("weak.jsonl:") == 5


def test_examples_without_a_label_are_counted_by_split(read):
    labels = read([{"id": "e0", "label": 0}], NO_YES)
    with pytest.raises(DataError) as caught:
        labels.of({"student_train": np.array([0, 1]), "test": np.array([2, 3]), "reserve": np.array([], dtype=int)})
    told = str(caught.value).splitlines()
    assert told[0].endswith("weak.jsonl: 3 examples have no label (student_train 1, test 2):")
    assert told[1:4] == ['  student_train: "e1"', '  test: "e2"', '  test: "e3"']
    assert "Test is labelled as well, since there the labels are judged as a supervisor." in told[4]
    with pytest.raises(DataError) as caught:
        labels.of({"student_train": np.array([0, 1])})
    assert "Test" not in str(caught.value)


def test_parquet_holds_lists_mappings_and_gaps(tmp_path):
    path = tmp_path / "weak.parquet"
    pq.write_table(pa.table({"id": ["e0", "e1"], "votes": [{"x": "no", "y": "yes"}, {"x": None, "y": "yes"}]}), path)
    labels = read_task_labels(path, NO_YES)
    assert labels.labels.probs.tolist() == [[0.5, 0.5], [0, 1]]
    assert labels.annotators == ["x", "y"]
    pq.write_table(pa.table({"id": ["e0", "e1"], "probs": [{"no": 1.0}, {"yes": 1.0}]}), path)
    assert read_task_labels(path, NO_YES).labels.probs.tolist() == [[1, 0], [0, 1]]
    maps = pa.array([[("yes", 0.75), ("no", 0.25)]], pa.map_(pa.string(), pa.float64()))
    pq.write_table(pa.table({"id": ["e0"], "probs": maps}), path)
    assert read_task_labels(path, NO_YES).labels.probs.tolist() == [[0.25, 0.75]]
