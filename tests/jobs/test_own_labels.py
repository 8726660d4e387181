"""A user's labels in folds: who learns what, and who is asked about what."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from w2slab.data.artifacts import read_examples, read_predictions, read_votes
from w2slab.errors import DataError
from w2slab.graph.fingerprint import LocalFile, transport
from w2slab.graph.job import JobContext
from w2slab.jobs.own_labels import fold, folds, own_labels
from w2slab.specs import FoldSpec, OwnLabelsSpec
from w2slab.data.readers.texts import Layout


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
    files = {"texts": LocalFile.of(texts), "labels": LocalFile.of(labels), "more": LocalFile.of(more)}
    return run(tmp_path, "own", own_labels, OwnLabelsSpec(**files, layout=asdict(Layout()), classes=("a", "b")), {})


def run(root, name, job, spec, inputs):
    (root / name).mkdir()
    job(transport(spec), JobContext(inputs=inputs, out=root / name, work=root / "work"))
    return root / name


def ids(folder, split):
    return read_examples(folder, split).ids


def test_texts_labels_and_votes_are_kept_and_no_truth_is_made(own):
    assert read_predictions(own / "predictions" / "student_train.parquet").probs[:2].tolist() == [[1, 0], [0.5, 0.5]]
    names, votes = read_votes(own)
    assert names == ["annotator 1", "annotator 2"]
    assert votes[:, :2].tolist() == [[0, 1], [0, 0]]
    assert ids(own, "reserve") == ["new"]
    assert not list(own.glob("*truth*"))


def test_a_student_does_not_learn_what_it_is_asked(own, tmp_path):
    asked = []
    for number in range(3):
        folder = run(tmp_path, f"fold{number}", fold, FoldSpec(fold=number, n_folds=3, seed=0), {"own": own})
        learned, kept = read_examples(folder, "student_train"), read_examples(folder, "reserve")
        assert not set(learned.table.column("group").to_pylist()) & set(kept.table.column("group").to_pylist())
        assert len(learned) + len(kept) == 24
        assert read_predictions(folder / "predictions" / "student_train.parquet").ids == learned.ids
        asked += kept.ids
    assert sorted(asked) == sorted(ids(own, "student_train"))


def test_the_student_of_all_labels_is_asked_about_new_texts(own, tmp_path):
    folder = run(tmp_path, "all", fold, FoldSpec(fold=None, n_folds=3, seed=0), {"own": own})
    assert len(ids(folder, "student_train")) == 24
    assert ids(folder, "reserve") == ["new"]
    assert not (folder / "predictions" / "reserve.parquet").exists()


def test_early_stopping_has_groups_of_its_own(own, tmp_path):
    spec = FoldSpec(fold=0, n_folds=3, validation_frac=0.25, seed=0)
    folder = run(tmp_path, "stopping", fold, spec, {"own": own})
    parts = [set(read_examples(folder, s).table.column("group").to_pylist()) for s in ("student_train", "validation")]
    assert len(parts[1]) == 2  # a quarter of eight groups
    assert not parts[0] & parts[1]
