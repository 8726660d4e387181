"""Labels made from labels: the controls, and what every relabeling is given and gives."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tests.small_data import data_in, write_data
from w2slab import registry
from w2slab.data.artifacts import read_predictions, read_weights, write_predictions, write_weights
from w2slab.data.examples import Examples
from w2slab.data.labels import Labels, Weights
from w2slab.errors import JobError
from w2slab.jobs.relabel import RelabelSpec, relabel
from w2slab.relabelings.relabeling import Relabeling, RelabelResult


@pytest.fixture
def labels(bench):
    """Writes weak labels of three splits; where candidates differ, of 2 to 5 of them."""

    def write(classes):
        data, folder = bench.root / "data", bench.root / "labels"
        generator = np.random.default_rng(0)
        splits, said = {}, {}
        for split in ("student_train", "validation", "test"):
            n_candidates = np.full(50, 2) if classes else generator.integers(2, 6, 50)
            probs = generator.random((50, n_candidates.max())).astype(np.float32)
            probs[np.arange(probs.shape[1]) >= n_candidates[:, None]] = 0
            probs /= probs.sum(axis=1, keepdims=True)
            ids = [f"{split}-{i}" for i in range(50)]
            columns = {"id": ids, "group": ids, "candidates": [["move"] * n for n in n_candidates]}
            splits[split] = Examples(pa.table(columns), classes and tuple(classes)), [[0]] * 50
            said[split] = probs, n_candidates
        write_data(data, splits)
        for split, given in said.items():
            write_predictions(folder, split, Labels(data_in(data).positions(split), *given))
        return {"data": data, "labels": folder}

    return write


def spec(name, seed=0, n_trusted=0, **fields):
    return RelabelSpec(relabeling=registry.build("relabelings", name, fields), n_trusted=n_trusted, seed=seed)


def changed(bench, inputs, name, seed=0, split="student_train", out=None):
    folder = bench.run(relabel, spec(name, seed=seed), inputs, out or name)
    return read_predictions(folder, split)


def test_shuffled_common_classes_are_the_same_rows_for_other_examples(bench, labels):
    inputs = labels(["no", "yes"])
    before = read_predictions(inputs["labels"], "student_train")
    after = changed(bench, inputs, "shuffled")
    np.testing.assert_array_equal(after.positions, before.positions)
    assert sorted(after.probs.tolist()) == sorted(before.probs.tolist())
    assert (after.probs != before.probs).any(axis=1).mean() > 0.8


def test_shuffled_own_candidates_stay_with_their_example(bench, labels):
    inputs = labels(None)
    before = read_predictions(inputs["labels"], "student_train")
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
    folder = bench.run(relabel, spec("random"), inputs, "random")
    assert {p.name for p in (folder / "predictions").iterdir()} == {"student_train.parquet", "validation.parquet"}


def test_the_seed_decides(bench, labels):
    inputs = labels(None)
    first = changed(bench, inputs, "shuffled", seed=1, out="a")
    again = changed(bench, inputs, "shuffled", seed=1, out="b")
    other = changed(bench, inputs, "shuffled", seed=2, out="c")
    assert (first.probs == again.probs).all()
    assert (first.probs != other.probs).any()


@pytest.fixture
def weak(bench):
    """Data and a supervisor of the toy task."""
    data = bench.prepare()
    return {"data": data, "labels": bench.finetune("supervisor", {"data": data}, bench.spec(2))}


def test_a_filter_leaves_weights_and_passes_labels_of_other_splits_on(bench, weak):
    folder = bench.run(relabel, spec("confidence-filter", keep=0.5), weak, "filtered")
    weights = read_weights(folder, "student_train")
    np.testing.assert_array_equal(weights.positions, data_in(weak["data"]).positions("student_train"))
    assert sorted(set(weights.values.tolist())) == [0.0, 1.0]
    assert bench.facts["n_left_out"] == (weights.values == 0).sum()
    assert not (folder / "weights" / "validation.parquet").exists()
    before, after = (read_predictions(f, "validation") for f in (weak["labels"], folder))
    assert (before.probs == after.probs).all()


def test_a_student_learns_only_what_is_kept_and_as_if_it_had_been_alone(bench, weak):
    folder = bench.run(relabel, spec("confidence-filter", keep=0.5), weak, "filtered")
    student = bench.spec(labels="soft")
    bench.finetune("student", {"data": weak["data"], "labels": folder}, student)
    kept = int((read_weights(folder, "student_train").values > 0).sum())
    assert bench.facts["n_examples"] == kept < 200
    # Weights that a job of their own left go before those of the labels.
    weights = read_weights(folder, "student_train")
    write_weights(bench.root / "others", "student_train", Weights(weights.positions, 1.0 - weights.values))
    inputs = {"data": weak["data"], "labels": folder, "weights": bench.root / "others"}
    bench.finetune("other student", inputs, student)
    assert bench.facts["n_examples"] == 200 - kept


class Answering(Relabeling):
    """Answers as a function does."""

    def __init__(self, answer):
        self.answer = answer

    def __call__(self, batch):
        return self.answer(batch)


def told(bench, weak, n_trusted=0):
    """What a relabeling is given."""
    seen = []

    def look(batch):
        seen.append(batch)
        return RelabelResult(batch.probs)

    asked = RelabelSpec(relabeling=Answering(look), n_trusted=n_trusted, seed=0)
    bench.run(relabel, asked, weak, f"looked {len(list(bench.root.iterdir()))}")
    return seen[0]


def test_only_a_budget_of_true_labels_is_told_and_none_without(bench, weak):
    assert told(bench, weak).trusted is None
    trusted = told(bench, weak, n_trusted=30).trusted
    right = np.array([r[0] for r in data_in(weak["data"]).truth("student_train").right])
    assert (trusted >= 0).sum() == 30
    assert (trusted[trusted >= 0] == right[trusted >= 0]).all()
    asked = "n_trusted: ground truth of 999 examples is asked for; student_train has 200 examples"
    with pytest.raises(JobError, match=asked):
        told(bench, weak, n_trusted=999)


def test_other_labels_come_in_their_order(bench, weak):
    inputs = weak | {f"other_{i}": weak["labels"] for i in (10, 2)}
    inputs["other_2"] = bench.finetune("other", {"data": weak["data"]}, bench.spec(4))
    given = told(bench, inputs)
    assert len(given.others) == 2
    assert (given.others[1] == given.probs).all()
    assert (given.others[0] != given.probs).any()


@pytest.mark.parametrize(
    ("made", "complaint"),
    [
        (lambda p: RelabelResult(p[:-1]), "of shape"),
        (lambda p: RelabelResult(p * 2), "must sum to one"),
        (lambda p: RelabelResult(p * np.nan), "must be finite"),
        (lambda p: RelabelResult(p, -np.ones(len(p))), "weights of student_train must be finite and not negative"),
        (lambda p: RelabelResult(p, np.zeros(len(p))), "every example of student_train was left out"),
    ],
)
def test_what_another_distribution_gets_wrong_is_said(bench, weak, made, complaint):
    broken = RelabelSpec(relabeling=Answering(lambda batch: made(batch.probs)), seed=0)
    with pytest.raises(JobError, match=complaint):
        bench.run(relabel, broken, weak, "broken")
