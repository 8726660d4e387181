"""The controls: labels that look like weak labels and carry no knowledge."""

from __future__ import annotations

import numpy as np
import pytest

from tests.relabelings.labels import made, planted


def test_shuffled_classes_are_the_same_rows_for_other_examples():
    given = planted(True).given
    probs = made("shuffled", given).probs
    assert sorted(probs.tolist()) == sorted(given.probs.tolist())
    assert (probs != given.probs).any(axis=1).mean() > 0.9


def test_shuffled_candidates_stay_with_their_example():
    given = planted(False).given
    probs = made("shuffled", given).probs
    np.testing.assert_array_equal(np.sort(probs), np.sort(given.probs))
    assert not probs[~given.real].any()
    assert (probs != given.probs).any(axis=1).mean() > 0.7


@pytest.mark.parametrize("shared", [True, False])
def test_random_labels_are_certain_and_spread_over_the_candidates(shared):
    given = planted(shared).given
    probs = made("random", given).probs
    assert (probs.max(axis=1) == 1).all()
    assert (probs.argmax(axis=1) < given.n_candidates).all()
    share_of_first = (probs.argmax(axis=1) == 0).mean()
    assert share_of_first == pytest.approx((1 / given.n_candidates).mean(), abs=0.08)


def test_constant_labels_are_the_first_candidate():
    probs = made("constant", planted(False).given).probs
    assert (probs[:, 0] == 1).all()
    assert not probs[:, 1:].any()
