from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from tests.jobs.conftest import bench
from tests.small_data import data_in
from w2slab.data.artifacts import read_predictions
from w2slab.tasks.toy import Toy
from w2slab.training.recipe import Recipe

__all__ = ["bench"]


def labels(task: Toy) -> np.ndarray:
    return np.array(task.load().truth.right)[:, 0]


def features(task: Toy) -> np.ndarray:
    return np.array(task.load().examples.table["features"].to_pylist())


def test_the_seed_decides_the_examples_and_nothing_else_does():
    np.random.default_rng(1)
    assert Toy(n_examples=50).load().examples.table.equals(Toy(n_examples=50).load().examples.table)
    assert Toy(n_examples=50).load().examples.ids != Toy(n_examples=50, seed=1).load().examples.ids


def test_each_feature_tells_the_classes_apart_by_the_separation():
    task = Toy(n_examples=20_000, n_features=4, separation=0.5)
    values, classes = features(task), labels(task)
    gaps = values[classes == 1].mean(axis=0) - values[classes == 0].mean(axis=0)
    np.testing.assert_allclose(np.abs(gaps), 1.0, atol=0.06)
    np.testing.assert_allclose(values[classes == 0].std(axis=0), 1.0, atol=0.05)


def test_a_group_shares_its_class():
    task = Toy(n_examples=90, group_size=3, n_classes=4)
    assert (labels(task).reshape(-1, 3) == labels(task).reshape(-1, 3)[:, :1]).all()
    assert len(set(task.load().examples.table["group"].to_pylist())) == 30


def test_the_majority_and_the_label_noise_are_as_asked():
    assert (labels(Toy(n_examples=8000, majority=0.7)) == 0).mean() == pytest.approx(0.7, abs=0.02)
    clean, noisy = Toy(n_examples=8000, n_classes=3), Toy(n_examples=8000, n_classes=3, label_noise=0.2)
    assert (labels(clean) != labels(noisy)).mean() == pytest.approx(0.2, abs=0.02)
    assert (features(clean) == features(noisy)).all()


def test_it_loads_without_torch():
    code = "import sys; from w2slab.tasks.toy import Toy; Toy(n_examples=20).load(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# "Weak-to-strong must really happen on it: the naive student beats its supervisor."
def test_weak_to_strong_generalization_happens(bench):
    data = bench.data(Toy(), {"supervisor_train": None, "student_train": None, "validation": 500, "test": 2000}, "data")
    test = data_in(data).truth("test")

    def accuracy(n_features, split, name, **labels):
        spec = bench.spec(
            n_features,
            train_split=split,
            labels="soft" if labels else "true",
            recipe=Recipe(epochs=3, lr=0.01, curve_points=0),
        )
        out = bench.finetune(name, {"data": data, **labels}, spec)
        return out, test.is_right(read_predictions(out, "test").choices).mean()

    supervisors = {n: accuracy(n, "supervisor_train", f"supervisor-{n}") for n in (2, 8)}
    ceilings = {n: accuracy(n, "student_train", f"ceiling-{n}")[1] for n in (8, 32)}
    for weak, strong in ((2, 8), (2, 32), (8, 32)):
        labels, supervisor = supervisors[weak]
        _, student = accuracy(strong, "student_train", f"student-{weak}-{strong}", labels=labels)
        assert 0.2 < (student - supervisor) / (ceilings[strong] - supervisor) < 0.95
