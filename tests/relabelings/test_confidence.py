"""Hardened labels, and the surest share of each class."""

from __future__ import annotations

import numpy as np
import pytest

from tests.relabelings.labels import binary, choice, made


def test_hard_labels_are_the_likeliest_candidates_the_first_among_equals():
    probs = made("hard-labels", choice([[0.2, 0.5, 0.3], [0.5, 0.5]])).probs
    np.testing.assert_array_equal(probs, [[0, 1, 0], [1, 0, 0]])


def test_the_surest_of_each_class_are_kept():
    # Class 0 is surest at 0.05 and 0.2, class 1 at 0.99: half of four, and half of two.
    given = binary([0.05, 0.2, 0.3, 0.4, 0.99, 0.6])
    found = made("confidence-filter", given, keep=0.5)
    np.testing.assert_array_equal(found.weights, [1, 1, 0, 0, 1, 0])
    assert found.probs is given.probs


def test_of_candidates_the_surest_of_all_are_kept():
    # (n max p - 1) / (n - 1): 0.25, 0.4, 0.8 and 1.
    given = choice([[0.5, 0.25, 0.25], [0.3, 0.7], [0.9, 0.1], [1.0]])
    np.testing.assert_array_equal(made("confidence-filter", given, keep=0.5).weights, [0, 0, 1, 1])


@pytest.mark.parametrize("second", [[0.0, 0, 1, 1, 0, 1], [1.0] * 6, [0.5] * 6])
def test_where_all_are_equally_sure_the_share_is_drawn_and_classes_stay_balanced(second):
    given = binary(second)
    weights = made("confidence-filter", given, keep=0.5).weights
    classes = given.choices
    for each in set(classes.tolist()):
        assert weights[classes == each].sum() == np.ceil((classes == each).sum() / 2)
