"""A file of labels as a supervisor: what it says of each split, and what is told when it cannot."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from tests.small_data import data_in
from w2slab.data.artifacts import read_predictions
from w2slab.errors import DataError
from w2slab.graph.job import JobContext
from w2slab.jobs.label_file import LabelFileSpec, label_file

SPLITS = ("student_train", "validation", "test", "reserve")


@pytest.fixture
def folders(bench):
    """A task and its splits."""
    data = bench.prepare()
    return {"task": data, "data": data}


@pytest.fixture
def label(bench, folders):
    """Writes a file of labels, and runs the job on it."""

    def label(rows, name="weak.jsonl"):
        path = bench.root / name
        if name.endswith(".csv"):
            with path.open("w", newline="") as file:
                writer = csv.DictWriter(file, rows[0])
                writer.writeheader()
                writer.writerows(rows)
        else:
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        out = bench.root / f"labels-{name}"
        out.mkdir()
        context = JobContext(inputs=folders, out=out, work=bench.root / "work")
        bench.facts = label_file(LabelFileSpec(path=path), context)
        return out

    return label


def truth(folders):
    """The right class of each example that is to be labelled, by id."""
    found = {}
    for split in SPLITS:
        known = data_in(folders["data"]).truth(split)
        found |= {name: right[0] for name, right in zip(known.ids, known.right, strict=True)}
    return found


def test_labels_find_their_examples_in_every_split_but_the_supervisors(label, folders, bench):
    right = truth(folders)
    rows = [{"id": name, "label": f"class {which}"} for name, which in reversed(right.items())]
    folder = label(rows)
    assert {path.stem for path in (folder / "predictions").iterdir()} == set(SPLITS)
    for split in SPLITS:
        found, known = read_predictions(folder, split), data_in(folders["data"]).truth(split)
        np.testing.assert_array_equal(found.positions, data_in(folders["data"]).positions(split))
        assert known.is_right(found.choices).all()
        assert (found.probs.max(axis=1) == 1).all()
    assert bench.facts["n_labelled"] == len(right) == sum(bench.facts["n_examples"].values())


def test_votes_in_a_table_are_shares(label, folders, bench):
    names = list(truth(folders))
    votes = [json.dumps(["class 0", "class 1", "class 1", None])] * len(names)
    folder = label([{"id": name, "votes": each} for name, each in zip(names, votes, strict=True)], "weak.csv")
    probs = read_predictions(folder, "test").probs
    np.testing.assert_allclose(probs, [[1 / 3, 2 / 3]] * len(probs), rtol=1e-6)
    assert bench.facts["n_annotators"] == 3


def test_a_file_may_label_more_of_the_task_than_these_splits_hold(label, folders):
    everything = data_in(folders["data"]).all_examples.ids
    assert len(everything) > len(truth(folders))
    folder = label([{"id": name, "label": 1} for name in everything])
    assert read_predictions(folder, "test").choices.tolist() == [1] * 300


def test_what_is_no_example_of_the_task_is_told_with_its_line(label, folders):
    rows = [{"id": name, "label": 0} for name in truth(folders)]
    rows[3:3] = [{"id": f"strange-{i}", "label": 0} for i in range(6)]
    with pytest.raises(DataError) as caught:
        label(rows)
    assert str(caught.value).startswith("6 malformed rows, the first 5:")
    assert 'weak.jsonl:4: id: "strange-0" is not in the examples of the task' in str(caught.value)


@pytest.mark.parametrize("split", SPLITS)
def test_every_split_must_be_labelled(split, label, folders):
    missing = data_in(folders["data"]).examples(split).ids[:7]
    with pytest.raises(DataError) as caught:
        label([{"id": name, "label": 0} for name in truth(folders) if name not in missing])
    assert f"weak.jsonl: 7 examples have no label ({split} 7), the first 5:" in str(caught.value)
    assert f'{split}: "{missing[4]}"' in str(caught.value)
    assert missing[5] not in str(caught.value)
    assert ("labels are judged as a supervisor" in str(caught.value)) == (split == "test")
    assert "w2slab examples" in str(caught.value)
