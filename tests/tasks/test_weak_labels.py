"""Texts and labels in two files: every form of label, and every mismatch with its file and line."""

from __future__ import annotations

import json

import pytest

from w2slab.data.readers.annotations import read_labels, read_truth
from w2slab.data.readers.texts import Layout, read_more, read_texts
from w2slab.errors import DataError


@pytest.fixture
def lines(tmp_path):
    def write(name, rows):
        path = tmp_path / name
        path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
        return path

    return write


@pytest.fixture
def texts(lines):
    return read_texts(lines("texts.jsonl", [{"id": i, "text": f"text {i}"} for i in range(4)]), Layout())


def test_hard_labels_are_certain_and_numbers_are_ordered_by_size(texts, lines):
    labels = read_labels(lines("weak.jsonl", [{"id": i, "label": c} for i, c in enumerate([10, 9, 10, 9])]), texts)
    assert labels.classes == ("9", "10")
    assert labels.labels.probs.tolist() == [[0, 1], [1, 0], [0, 1], [1, 0]]
    assert labels.votes is None


def test_labels_are_matched_by_id_and_not_by_place(texts, lines):
    labels = read_labels(lines("weak.jsonl", [{"id": i, "label": "ab"[i % 2]} for i in (3, 0, 2, 1)]), texts)
    assert labels.labels.probs[:, 1].tolist() == [0, 1, 0, 1]


def test_probabilities_come_as_list_or_by_class(texts, lines):
    rows = [{"id": 0, "probs": [0.25, 0.75]}, *({"id": i, "probs": {"1": 1}} for i in (1, 2, 3))]
    assert read_labels(lines("weak.jsonl", rows), texts).labels.probs[:2].tolist() == [[0.25, 0.75], [0, 1]]


def test_votes_become_shares(texts, lines):
    rows = [{"id": 0, "votes": {"x": "a", "y": "b", "z": "b"}}]
    rows += [{"id": i, "votes": ["a", None, "b"]} for i in (1, 2, 3)]
    labels = read_labels(lines("weak.jsonl", rows), texts)
    assert labels.labels.probs[:, 1].tolist() == pytest.approx([2 / 3, 0.5, 0.5, 0.5])
    assert labels.annotators == ["x", "y", "z", "annotator 1", "annotator 3"]
    assert labels.votes[:, 0].tolist() == [0, 1, 1, -1, -1]


def test_a_row_per_annotator_is_as_good_as_votes(texts, lines):
    rows = [{"id": i, "annotator": who, "label": c} for i in range(4) for who, c in (("x", "a"), ("y", "b"))]
    labels = read_labels(lines("weak.jsonl", rows), texts)
    assert labels.labels.probs.tolist() == [[0.5, 0.5]] * 4
    assert labels.votes.tolist() == [[0] * 4, [1] * 4]


def test_cells_of_csv_hold_json(texts, tmp_path):
    path = tmp_path / "weak.csv"
    path.write_text('id,votes\n0,"[""a"",""b""]"\n1,"[""a""]"\n2,"{""x"": ""b""}"\n3,"[""b"", null]"\n')
    assert read_labels(path, texts).labels.probs[:, 0].tolist() == [0.5, 1, 0, 0]


MISTAKES = {
    "an unknown id": ([{"id": 99, "label": "a"}], 'weak.jsonl:1: id: "99" is not in'),
    "an id twice": ([{"id": 0, "label": "a"}, {"id": 0, "label": "b"}], 'weak.jsonl:2: id: "0" stands twice, first at'),
    "a class that is none": ([{"id": 0, "label": "c"}], "label: 'c' is no class; allowed: a, b"),
    "a sum that is not one": ([{"id": 0, "probs": [0.5, 0.6]}], "probs: they sum to 1.1, not to 1"),
    "a number that is no probability": ([{"id": 0, "probs": [-0.5, 1.5]}], "-0.5 is no probability"),
    "too few probabilities": ([{"id": 0, "probs": [1.0]}], "probs: 1 numbers for 2 classes"),
    "nobody's vote": ([{"id": 0, "votes": [None]}], "votes: nobody voted"),
    "no label at all": (
        [{"id": 0, "lable": "a"}],
        "one of the fields probs, votes, label is needed; there are: id, lable",
    ),
    "two forms in one file": (
        [{"id": 0, "label": "a"}, {"id": 1, "probs": [1, 0]}],
        "weak.jsonl:2: probs: the rows before",
    ),
    "a line that is no JSON": (["{oops"], "weak.jsonl:1: not JSON"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_told_with_file_and_line(name, texts, lines):
    rows, message = MISTAKES[name]
    with pytest.raises(DataError) as caught:
        read_labels(lines("weak.jsonl", rows), texts, ["a", "b"])
    assert message in str(caught.value)


def test_texts_without_a_label_are_named_by_their_own_line(texts, lines):
    with pytest.raises(DataError, match="3 texts have no label") as caught:
        read_labels(lines("weak.jsonl", [{"id": 1, "label": "a"}]), texts)
    assert 'texts.jsonl:1: "0" has no label' in str(caught.value)


def test_five_mistakes_are_shown_and_all_are_counted(texts, lines):
    with pytest.raises(DataError) as caught:
        read_labels(lines("weak.jsonl", [{"id": f"x{i}", "label": "a"} for i in range(12)]), texts)
    assert str(caught.value).startswith("12 ")
    assert str(caught.value).count("weak.jsonl:") == 5


def test_one_class_is_nothing_to_learn_from(texts, lines):
    with pytest.raises(DataError, match="nothing to learn from one class"):
        read_labels(lines("weak.jsonl", [{"id": i, "label": "a"} for i in range(4)]), texts)


def test_texts_of_one_id_or_in_both_files_are_refused(texts, lines):
    with pytest.raises(DataError, match="stands twice, first at"):
        read_texts(lines("twice.jsonl", [{"id": 1, "text": "a"}, {"id": "1", "text": "b"}]), Layout())
    with pytest.raises(DataError, match="is the id of a labelled text too"):
        read_more(lines("more.jsonl", [{"id": 3, "text": "other"}]), Layout(), texts)


def test_equal_texts_are_one_group_unless_a_group_is_given(lines):
    rows = [
        {"id": 0, "text": "same", "doc": "x"},
        {"id": 1, "text": "same", "doc": "y"},
        {"id": 2, "text": "o", "doc": "x"},
    ]
    path = lines("texts.jsonl", rows)
    by_text = read_texts(path, Layout()).table.column("group").to_pylist()
    by_doc = read_texts(path, Layout(group="{doc}")).table.column("group").to_pylist()
    assert by_text[0] == by_text[1] != by_text[2]
    assert by_doc[0] == by_doc[2] != by_doc[1]


def test_candidates_are_chosen_by_number_or_field(lines):
    rows = [{"id": 0, "q": "Why?", "a1": "Yes", "a2": "No"}, {"id": 1, "q": "How?", "a1": "So", "a2": "Thus"}]
    texts = read_texts(lines("pairs.jsonl", rows), Layout(text="{q}", candidates=("a1", "a2")))
    assert texts.table.column("candidates").to_pylist()[0] == [" Yes", " No"]
    labels = read_labels(lines("weak.jsonl", [{"id": 0, "label": "a2"}, {"id": 1, "label": 0}]), texts)
    assert labels.classes is None
    assert labels.labels.probs.tolist() == [[0, 1], [1, 0]]
    with pytest.raises(DataError, match="allowed: 0 to 1, or a1, a2"):
        read_labels(lines("weak.jsonl", [{"id": 0, "label": 2}]), texts)


def test_a_few_true_labels_are_rows_and_classes(texts, lines):
    rows, right = read_truth(lines("few.jsonl", [{"id": 2, "label": "b"}, {"id": 0, "label": "a"}]), texts, ["a", "b"])
    assert (rows.tolist(), right.tolist()) == ([2, 0], [1, 0])
    with pytest.raises(DataError, match="is no class; allowed: a, b"):
        read_truth(lines("few.jsonl", [{"id": 2, "label": "c"}]), texts, ["a", "b"])
