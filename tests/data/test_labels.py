"""Labels and weights over positions: what is stored is what was said, and it is found again in any order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from w2slab.data.artifacts import read_predictions, read_weights, write_predictions, write_weights
from w2slab.data.labels import Labels, Weights
from w2slab.errors import JobError


def labels(positions, n_candidates=None) -> Labels:
    """Labels that differ by position."""
    widths = np.array(n_candidates or [2] * len(positions))
    probs = np.zeros((len(positions), int(widths.max(initial=0))), dtype=np.float32)
    for row, position, width in zip(probs, positions, widths, strict=True):
        row[:width] = np.random.default_rng(position).dirichlet(np.ones(width))
    return Labels(np.array(positions, dtype=np.int64), probs, widths)


@given(st.lists(st.integers(0, 50), unique=True, min_size=1), st.randoms(use_true_random=False))
def test_labels_are_found_in_any_order(positions, random):
    given = labels(positions)
    wanted = random.sample(positions, random.randint(1, len(positions)))
    found = given.at(np.array(wanted))
    assert found.positions.tolist() == wanted
    for position, row in zip(wanted, found.probs, strict=True):
        np.testing.assert_array_equal(row, given.probs[positions.index(position)])


def test_labels_of_the_same_examples_are_the_same_object():
    given = labels([4, 2, 9])
    assert given.at(np.array([4, 2, 9])) is given


def test_what_has_no_label_is_counted():
    with pytest.raises(JobError, match="2 of 3 examples have no label, the first is number 7 of the task"):
        labels([1, 2, 3]).at(np.array([2, 7, 0]))
    with pytest.raises(JobError, match="1 of 1 examples have no weight"):
        Weights(np.array([], dtype=np.int64), np.array([], dtype=np.float32)).at(np.array([0]))


def test_hard_labels_are_certain_of_the_first_among_the_likeliest():
    given = Labels(np.arange(2), np.array([[0.4, 0.4, 0.2], [0.3, 0.7, 0]], dtype=np.float32), np.array([3, 2]))
    assert given.hard().probs.tolist() == [[1, 0, 0], [0, 1, 0]]
    assert given.hard().choices.tolist() == given.choices.tolist() == [0, 1]
    assert given.hard().n_candidates.tolist() == [3, 2]


def test_what_is_read_is_what_was_written(tmp_path):
    given = labels([5, 0, 3], n_candidates=[2, 4, 3])
    write_predictions(tmp_path, "test", given)
    found = read_predictions(tmp_path, "test")
    for name in ("positions", "probs", "n_candidates"):
        np.testing.assert_array_equal(getattr(found, name), getattr(given, name))
    assert read_weights(tmp_path, "test") is None
    write_weights(tmp_path, "test", Weights(given.positions, np.array([0, 1, 2.5], dtype=np.float32)))
    assert read_weights(tmp_path, "test").at(np.array([3, 5])).values.tolist() == [2.5, 0]
