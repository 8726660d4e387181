"""A user's labels in folds: who learns what, and who is asked about what."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from w2slab.data.artifacts import read_predictions, read_votes
from w2slab.data.readers.texts import Layout
from w2slab.data.task_data import TaskData
from w2slab.errors import DataError
from w2slab.graph.job import JobContext
from w2slab.jobs.own_labels import FoldSpec, OwnLabelsSpec, fold, folds, own_labels


@given(st.lists(st.integers(0, 30), min_size=1, max_size=80), st.integers(2, 5), st.integers(0, 9))
def test_groups_stay_whole_and_folds_are_even(groups, n_folds, seed):
    groups = np.array(groups)
    names, sizes = np.unique(groups, return_counts=True)
    if len(names) < n_folds:
        with pytest.raises(DataError, match="fewer folds"):
            folds(groups, n_folds, seed)
        return
    found = folds(groups, n_folds, seed)
    assert all(len(set(found[groups == name])) == 1 for name in names)
    counts = np.bincount(found, minlength=n_folds)
    assert counts.min() > 0
    assert counts.max() - counts.min() <= sizes.max()
    assert (found == folds(groups, n_folds, seed)).all()


@pytest.fixture
def own(tmp_path):
    texts, labels, more = (tmp_path / f"{name}.jsonl" for name in ("texts", "labels", "more"))
    texts.write_text("".join(json.dumps({"id": f"t{i}", "text": f"text {i // 2}"}) + "\n" for i in range(24)))
    labels.write_text("".join(json.dumps({"id": f"t{i}", "votes": ["ab"[i % 2], "a"]}) + "\n" for i in range(24)))
    more.write_text(json.dumps({"id": "new", "text": "another"}) + "\n")
    spec = OwnLabelsSpec(texts=texts, labels=labels, more=more, layout=Layout(), classes=("a", "b"))
    return run(tmp_path, "own", own_labels, spec, {})


def run(root, name, job, spec, inputs):
    (root / name).mkdir()
    job(spec, JobContext(inputs=inputs, out=root / name, work=root / "work"))
    return root / name


def ids(own, folder, split):
    return TaskData(own, folder).examples(split).ids


def test_texts_labels_and_votes_are_kept_and_no_truth_is_made(own):
    assert read_predictions(own, "student_train").probs[:2].tolist() == [[1, 0], [0.5, 0.5]]
    names, votes = read_votes(own)
    assert names == ["annotator 1", "annotator 2"]
    assert votes[:, :2].tolist() == [[0, 1], [0, 0]]
    assert ids(own, own, "reserve") == ["new"]
    assert not list(own.glob("*truth*"))


def test_a_student_does_not_learn_what_it_is_asked(own, tmp_path):
    asked = []
    for number in range(3):
        folder = run(tmp_path, f"fold{number}", fold, FoldSpec(fold=number, n_folds=3, seed=0), {"task": own})
        data = TaskData(own, folder)
        learned, kept = data.examples("student_train"), data.examples("reserve")
        assert not set(learned.table.column("group").to_pylist()) & set(kept.table.column("group").to_pylist())
        assert len(learned) + len(kept) == 24
        assert (read_predictions(folder, "student_train").positions == data.positions("student_train")).all()
        asked += kept.ids
    assert sorted(asked) == sorted(ids(own, own, "student_train"))


def test_the_student_of_all_labels_is_asked_about_new_texts(own, tmp_path):
    folder = run(tmp_path, "all", fold, FoldSpec(fold=None, n_folds=3, seed=0), {"task": own})
    assert len(ids(own, folder, "student_train")) == 24
    assert ids(own, folder, "reserve") == ["new"]
    assert not (folder / "predictions" / "reserve.parquet").exists()


def test_early_stopping_has_groups_of_its_own(own, tmp_path):
    spec = FoldSpec(fold=0, n_folds=3, validation_frac=0.25, seed=0)
    folder = run(tmp_path, "stopping", fold, spec, {"task": own})
    parts = [
        set(TaskData(own, folder).examples(s).table.column("group").to_pylist())
        for s in ("student_train", "validation")
    ]
    assert len(parts[1]) == 2  # a quarter of eight groups
    assert not parts[0] & parts[1]
