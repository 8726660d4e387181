"""The controls: labels that look like weak labels and carry no knowledge."""

from __future__ import annotations

import numpy as np
import pytest

from w2slab.artifacts import Predictions, read_predictions, write_predictions, write_prepared
from w2slab.jobs.relabel import relabel
from w2slab.specs import RelabelSpec


@pytest.fixture
def labels(bench):
    """Writes weak labels of three splits; where candidates differ, of 2 to 5 of them."""

    def write(classes):
        data, folder = bench.root / "data", bench.root / "labels"
        data.mkdir()
        write_prepared(data, {"classes": classes})
        generator = np.random.default_rng(0)
        for split in ("student_train", "validation", "test"):
            n_candidates = np.full(50, 2) if classes else generator.integers(2, 6, 50)
            probs = generator.random((50, n_candidates.max())).astype(np.float32)
            probs[np.arange(probs.shape[1]) >= n_candidates[:, None]] = 0
            probs /= probs.sum(axis=1, keepdims=True)
            predictions = Predictions([f"{split}-{i}" for i in range(50)], probs, n_candidates)
            write_predictions(folder / "predictions" / f"{split}.parquet", predictions)
        return {"data": data, "labels": folder}

    return write


def changed(bench, inputs, name, seed=0, split="student_train", out=None):
    folder = bench.run(relabel, RelabelSpec(name=name, seed=seed), inputs, out or name)
    return read_predictions(folder / "predictions" / f"{split}.parquet")


def test_shuffled_common_classes_are_the_same_rows_for_other_examples(bench, labels):
    inputs = labels(["no", "yes"])
    before = read_predictions(inputs["labels"] / "predictions" / "student_train.parquet")
    after = changed(bench, inputs, "shuffled")
    assert after.ids == before.ids
    assert sorted(after.probs.tolist()) == sorted(before.probs.tolist())
    assert (after.probs != before.probs).any(axis=1).mean() > 0.8


def test_shuffled_own_candidates_stay_with_their_example(bench, labels):
    inputs = labels(None)
    before = read_predictions(inputs["labels"] / "predictions" / "student_train.parquet")
    after = changed(bench, inputs, "shuffled")
    np.testing.assert_array_equal(after.n_candidates, before.n_candidates)
    np.testing.assert_array_equal(np.sort(after.probs), np.sort(before.probs))
    assert (after.choices < before.n_candidates).all()
    assert (after.probs != before.probs).any()


@pytest.mark.parametrize("classes", [["no", "yes"], None])
def test_random_labels_are_certain_and_spread_over_the_candidates(bench, labels, classes):
    after = changed(bench, labels(classes), "random")
    assert (after.probs.max(axis=1) == 1).all()
    assert (after.choices < after.n_candidates).all()
    assert len(set(after.choices.tolist())) > 1


def test_constant_labels_are_the_first_candidate(bench, labels):
    after = changed(bench, labels(None), "constant")
    assert (after.probs[:, 0] == 1).all()
    assert (after.probs[:, 1:] == 0).all()


def test_labels_of_what_a_student_reads_are_written_and_those_of_test_are_not(bench, labels):
    inputs = labels(["no", "yes"])
    folder = bench.run(relabel, RelabelSpec(name="random", seed=0), inputs, "random")
    assert {p.name for p in (folder / "predictions").iterdir()} == {"student_train.parquet", "validation.parquet"}


def test_the_seed_decides(bench, labels):
    inputs = labels(None)
    first = changed(bench, inputs, "shuffled", seed=1, out="a")
    again = changed(bench, inputs, "shuffled", seed=1, out="b")
    other = changed(bench, inputs, "shuffled", seed=2, out="c")
    assert (first.probs == again.probs).all()
    assert (first.probs != other.probs).any()
