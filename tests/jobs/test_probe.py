"""Linear probes: the fit against an independent optimizer and a hand-worked case, features, and the job."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import log_softmax

from tests.jobs.language import folder_of, pairs, plugin, reviews
from tests.small_data import data_in
from w2slab.data import layout
from w2slab.data.artifacts import read_predictions
from w2slab.errors import JobError
from w2slab.jobs.features import features
from w2slab.jobs.finetune import FinetuneSpec, finetune
from w2slab.jobs.probe import ProbeSpec, probe
from w2slab.models.linear.linear import Linear
from w2slab.objectives import CrossEntropy
from w2slab.training.batches import Encoded
from w2slab.training.logistic import Scale, fit
from w2slab.training.loop import Running
from w2slab.training.placement import Placement
from w2slab.training.recipe import Recipe


def soft_labels(generator, real):
    """Random rows that sum to one over their own candidates."""
    weights = np.where(real, generator.exponential(size=real.shape), 0)
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_classes_are_fitted_as_an_independent_optimizer_fits_them(n_classes):
    generator = np.random.default_rng(0)
    rows, l2 = generator.normal(size=(60, 4)), 0.01
    targets = soft_labels(generator, np.ones((60, n_classes), dtype=bool))
    fitted = fit(rows, targets, True, np.full(60, n_classes), l2)

    def loss(flat):
        weights, bias = flat[: 4 * n_classes].reshape(4, n_classes), flat[4 * n_classes :]
        return -(targets * log_softmax(rows @ weights + bias, axis=1)).sum() / 60 + l2 * (weights**2).sum()

    slow = minimize(loss, np.zeros(5 * n_classes), method="BFGS", options={"gtol": 1e-7})
    assert fitted.loss == pytest.approx(slow.fun, abs=1e-10)
    np.testing.assert_allclose(fitted.weights, slow.x[: 4 * n_classes].reshape(4, n_classes), atol=1e-5)
    assert fitted.gradient <= 1e-6


def test_candidates_are_fitted_as_an_independent_optimizer_fits_them():
    generator = np.random.default_rng(1)
    counts, l2 = generator.integers(2, 5, size=50), 0.01
    real = np.arange(4) < counts[:, None]
    rows, targets = generator.normal(size=(counts.sum(), 3)), soft_labels(generator, real)
    fitted = fit(rows, targets, False, counts, l2)

    def loss(weights):
        total, first = 0.0, 0
        for count, target in zip(counts, targets, strict=True):
            total -= target[:count] @ log_softmax(rows[first : first + count] @ weights)
            first += count
        return total / len(counts) + l2 * (weights**2).sum()

    slow = minimize(loss, np.zeros(3), method="BFGS", options={"gtol": 1e-7})
    np.testing.assert_allclose(fitted.weights[:, 0], slow.x, atol=1e-5)
    assert fitted.loss == pytest.approx(slow.fun, abs=1e-10)


# One feature, +1 for class 0 and -1 for class 1, label certain with probability q; then by symmetry the weights are
# (w, -w), and the slope of log(1 + exp(-2w)) + 2 (1 - q) w + 2 l2 w^2 is 0.
def test_a_case_worked_by_hand():
    q, l2 = 0.75, 0.1
    rows = np.array([[1.0], [-1.0]])
    fitted = fit(rows, np.array([[q, 1 - q], [1 - q, q]]), True, np.array([2, 2]), l2)
    w = fitted.weights[0, 0]
    assert fitted.weights[0, 1] == pytest.approx(-w)
    assert -2 / (1 + np.exp(2 * w)) + 2 * (1 - q) + 4 * l2 * w == pytest.approx(0, abs=1e-6)
    assert fitted.bias == pytest.approx([0, 0], abs=1e-6)


def test_a_fit_without_an_end_is_an_error_that_names_the_remedy(monkeypatch):
    monkeypatch.setattr("w2slab.training.logistic.MOST_ITERATIONS", 2)
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(30, 5)) * [1, 10, 100, 1000, 1e4]
    targets = soft_labels(generator, np.ones((30, 2), dtype=bool))
    with pytest.raises(JobError, match=r"did not converge.*larger l2"):
        fit(rows, targets, True, np.full(30, 2), 1e-6)


def test_features_are_standardised_as_in_training_and_constants_are_left_out():
    scale = Scale.of(np.array([[1.0, 7.0], [3.0, 7.0]]))
    np.testing.assert_array_equal(scale(np.array([[2.0, 7.0], [4.0, 9.0]])), [[0, 0], [2, 0]])


@dataclass
class Counting:
    """A network whose features are a row's number and its square."""

    def features(self, numbers: torch.Tensor) -> torch.Tensor:
        return torch.stack([numbers, numbers**2], dim=1).float()


def encoded_of(counts, lengths):
    firsts = np.cumsum(counts) - counts

    def collate(rows, indices):
        return {"numbers": torch.from_numpy(np.concatenate([rows[firsts[i] : firsts[i] + counts[i]] for i in indices]))}

    ids = [str(i) for i in range(len(counts))]
    return Encoded(ids, np.arange(counts.sum()), collate, lengths, counts)


def test_features_come_back_in_order_whatever_shared_a_batch():
    counts, lengths = np.array([2, 1, 3, 2]), np.array([5, 9, 1, 7])
    running = Running(placement=Placement("cpu"), prediction_batch=2)
    numbers = np.arange(8.0)
    expected = np.stack([numbers, numbers**2], axis=1)
    np.testing.assert_array_equal(features(Counting(), encoded_of(counts, lengths), False, running), expected)
    ones = np.ones(8, dtype=np.int64)
    found = features(Counting(), encoded_of(ones, np.arange(8)), True, running)
    np.testing.assert_array_equal(found, expected)


def test_a_network_that_gives_other_rows_or_no_numbers_is_an_error():
    running = Running(placement=Placement("cpu"))
    counts = np.array([2, 1])
    with pytest.raises(JobError, match="3 rows of features where 2 are wanted"):
        features(Counting(), encoded_of(counts, counts), True, running)
    infinite = SimpleNamespace(features=lambda numbers: torch.full((len(numbers), 2), float("inf")))
    with pytest.raises(JobError, match="not finite"):
        features(infinite, encoded_of(counts, counts), False, running)


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    return plugin(tmp_path_factory.mktemp("llama"), std=0.03)


def accuracy(out, data):
    return data_in(data).truth("test").is_right(read_predictions(out, "test").choices).mean()


@pytest.mark.parametrize("task", [reviews, pairs])
def test_a_probe_on_true_labels_finds_what_is_plain_in_the_features(bench, llama, task):
    data = folder_of(bench.root / "data", task(240))
    spec = ProbeSpec(model=llama, train_split="student_train", labels="true", seed=0)
    out = bench.run(probe, spec, {"data": data}, "probe")
    assert {path.stem for path in (out / "predictions").iterdir()} == {"student_train", "validation", "test"}
    found = read_predictions(out, "test")
    np.testing.assert_allclose(found.probs.sum(axis=1), 1, atol=1e-6)
    assert accuracy(out, data) >= 0.9
    assert (bench.facts["n_features"], bench.facts["n_examples"]) == (32, 120)
    assert bench.facts["gradient"] <= 1e-6


# "True labels of student_train never reach a student."
def test_a_probe_on_weak_labels_reads_no_true_label(bench, llama, bytes_of):
    data = folder_of(bench.root / "data", reviews(80))
    spec = ProbeSpec(model=llama, train_split="student_train", labels="true", seed=0)
    weak = bench.run(probe, spec, {"data": data}, "weak")
    for labels in ("soft", "hard"):
        before = bench.run(probe, replace(spec, labels=labels), {"data": data, "labels": weak}, f"{labels} before")
        hidden = folder_of(bench.root / f"{labels} hidden", reviews(80))
        layout.truth(hidden).unlink()
        after = bench.run(probe, replace(spec, labels=labels), {"data": hidden, "labels": weak}, f"{labels} after")
        assert bytes_of(before) == bytes_of(after)


# ft(weak)+lp(gt): the features are those of the finetuned model.
def test_a_probe_may_start_from_weights_that_a_finetuning_kept(bench, llama):
    data = folder_of(bench.root / "data", reviews(240))
    tuning = FinetuneSpec(
        model=llama,
        train_split="student_train",
        labels="true",
        objective=CrossEntropy(),
        recipe=Recipe(epochs=4, lr=3e-3, curve_points=0),
        keep_weights=True,
        seed=0,
    )
    kept = bench.run(finetune, tuning, {"data": data}, "finetuned")
    spec = ProbeSpec(model=llama, train_split="student_train", labels="true", seed=0)
    before = bench.run(probe, spec, {"data": data}, "before")
    loss_before = bench.facts["loss"]
    after = bench.run(probe, spec, {"data": data, "start": kept}, "after")
    assert bench.facts["loss"] < loss_before
    assert accuracy(after, data) >= max(accuracy(before, data), 0.9)
    (kept / "checkpoint" / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(JobError, match="do not fit the model tiny"):
        bench.run(probe, spec, {"data": data, "start": kept}, "damaged")


class Bare(Linear):
    """A family whose networks have no features."""

    has_features = False

    def build(self, examples, seed):
        return torch.nn.Linear(8, 2)


def test_a_network_without_features_is_an_error(bench):
    data = bench.prepare()
    spec = ProbeSpec(model=Bare("small", n_features=8), train_split="student_train", labels="true", seed=0)
    with pytest.raises(JobError, match="small: its network has no features"):
        bench.run(probe, spec, {"data": data}, "probe")
