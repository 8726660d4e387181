"""Labels that come from students, by hand."""

from __future__ import annotations

import numpy as np

from tests.relabelings.labels import binary, choice, made


def test_weak_labels_are_mixed_with_an_early_students():
    given = binary([1.0, 0.2], others=[[0.6, 0.6]])
    np.testing.assert_allclose(made("early-learning-relabel", given).probs[:, 1], [0.8, 0.4], atol=1e-6)
    found = made("early-learning-relabel", given, weight=0.25, momentum=0.0).probs
    np.testing.assert_allclose(found[:, 1], [0.9, 0.3], atol=1e-6)


# t(1) = 0.5 f(1), t(2) = 0.25 f(1) + 0.5 f(2), made to sum to one: (f(1) + 2 f(2)) / 3.
def test_of_several_early_students_the_last_count_most():
    given = binary([0.0], others=[[0.9], [0.3]])
    found = made("early-learning-relabel", given, weight=1.0, momentum=0.5).probs
    np.testing.assert_allclose(found[:, 1], [0.5], atol=1e-6)


def test_a_students_labels_replace_the_weak_ones():
    given = choice([[0.9, 0.1], [0.2, 0.3, 0.5]], others=[[[0.4, 0.6], [0.1, 0.8, 0.1]]])
    np.testing.assert_allclose(made("self-relabel", given).probs, [[0.4, 0.6, 0], [0.1, 0.8, 0.1]], atol=1e-6)


def test_hard_labels_stay_hard():
    given = binary([1.0, 0.0], others=[[0.4, 0.7]])
    np.testing.assert_array_equal(made("self-relabel", given).probs[:, 1], [0, 1])
