"""The confident joint by hand, and errors found."""

from __future__ import annotations

import numpy as np

from tests.relabelings.labels import binary, made, pair
from w2slab.relabelings.confident_learning import confident_classes


# Thresholds: of class 0 (0.9 + 0.8 + 0.1) / 3 = 0.6, of class 1 (0.8 + 0.6) / 2 = 0.7. The third is counted at
# C[0][1], off the diagonal; the last reaches neither threshold and is counted nowhere.
def test_the_confident_joint_by_hand():
    found = confident_classes(pair([0.1, 0.2, 0.9, 0.8, 0.6]), np.array([0, 0, 0, 1, 1]), True)
    np.testing.assert_array_equal(found, [0, 0, 1, 1, -1])


# Both thresholds are reached, 0.3 by 0.4 and 0.5 by 0.6: the more probable class counts.
def test_of_two_thresholds_reached_the_more_probable_class_counts():
    predicted = np.array([[0.3, 0.1, 0.6], [0.4, 0.6, 0], [0.1, 0.5, 0.4]], dtype=np.float32)
    found = confident_classes(predicted, np.array([0, 0, 1]), True)
    # t_0 = 0.35, t_1 = 0.5, and class 2 is given to none, so it is never counted.
    np.testing.assert_array_equal(found, [-1, 1, 1])


def test_of_candidates_one_threshold_counts():
    predicted = np.array([[0.7, 0.2, 0.1], [0.4, 0.6, 0.0], [0.45, 0.55, 0.0]], dtype=np.float32)
    # The given candidates have 0.7, 0.6 and 0.45: at least 0.5833 is sure.
    np.testing.assert_array_equal(confident_classes(predicted, np.array([0, 1, 0]), False), [0, 1, -1])


def test_planted_errors_are_left_out():
    places = np.concatenate([np.linspace(-3, -1, 20), np.linspace(1, 3, 20)])
    second = (places > 0).astype(float)
    second[[3, 30]] = 1 - second[[3, 30]]
    found = made("confident-learning", binary(second, places))
    assert np.flatnonzero(found.weights == 0).tolist() == [3, 30]


def test_with_one_class_nothing_is_off_the_diagonal():
    assert made("confident-learning", binary([0.2, 0.4, 0.1], [1, 2, 3])).weights.all()
