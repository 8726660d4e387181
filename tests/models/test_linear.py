from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from w2slab.data.examples import Examples
from w2slab.errors import DataError
from w2slab.models.linear.linear import Linear
from w2slab.tasks.toy import Toy


@pytest.fixture(scope="module")
def examples():
    return Toy(n_examples=30, n_features=16, n_classes=3).load().examples


def test_the_module_imports_without_torch():
    code = "import sys, w2slab.models.linear.linear; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_before_training_every_class_is_equally_likely(examples):
    family = Linear("small", 4)
    network = family.build(examples, seed=0)
    batch = family.collate(family.encode(examples), np.array([3, 1]))
    assert network(**batch).tolist() == [[0.0] * 3] * 2


# "A model of n features reads the n that follow the first n of the list."
def test_models_of_other_sizes_read_other_features(examples):
    values = np.array(examples.table["features"].to_pylist(), dtype=np.float32)
    for n in (1, 2, 4, 8):
        np.testing.assert_array_equal(Linear("m", n).encode(examples).numpy(), values[:, n : 2 * n])
    np.testing.assert_array_equal(Linear("m").encode(examples).numpy(), values)


def test_a_batch_holds_the_asked_examples_in_the_asked_order(examples):
    family = Linear("m")
    rows = family.encode(examples)
    assert family.collate(rows, np.array([5, 0, 5]))["input"].tolist() == rows[[5, 0, 5]].tolist()
    assert family.lengths(rows).tolist() == [1] * 30


def test_too_few_features_are_an_error_that_says_what_to_do(examples):
    with pytest.raises(DataError, match="large: n_features 9 needs a task of at least 18 features, and there are 16"):
        Linear("large", 9).encode(examples)


def test_a_task_without_features_or_classes_is_refused(examples):
    with pytest.raises(DataError, match="read the column `features`"):
        Linear("m").encode(Examples(examples.table.drop_columns(["features"]), examples.classes))
    with pytest.raises(DataError, match="need common classes"):
        Linear("m").build(Examples(examples.table, None), seed=0)
