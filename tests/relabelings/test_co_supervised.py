"""Each example's nearest supervisor, and what is rejected, by hand."""

from __future__ import annotations

import numpy as np

from tests.relabelings.labels import binary, choice, made


def test_each_example_has_the_supervisor_nearest_to_the_student():
    given = binary([0.6, 0.3, 0.5], others=[[0.2, 0.9, 0.5], [0.1, 0.8, 0.4]])
    found = made("co-supervised", given, reject=0.0)
    np.testing.assert_allclose(found.probs[:, 1], [0.2, 0.9, 0.5], atol=1e-6)
    assert found.weights.all()


# The chosen candidates of the assigned labels have 0.9, 0.8 and, for the last label's class 0 (a tie), 0.3.
def test_what_the_student_believes_least_is_rejected():
    given = binary([0.6, 0.3, 0.5], others=[[0.2, 0.9, 0.5], [0.1, 0.8, 0.7]])
    np.testing.assert_array_equal(made("co-supervised", given, reject=0.34).weights, [1, 1, 0])


# Cross entropies: -log 0.35 = 1.050 for the certain label, 0.36 * 0.916 + 0.32 * 1.050 + 0.32 * 1.386 = 1.109 for the
# other; only the other chooses as the student does.
def test_agreement_may_come_before_cross_entropy():
    student, certain, agreeing = [[0.4, 0.35, 0.25]], [[0.0, 1.0, 0.0]], [[0.36, 0.32, 0.32]]
    given = choice(certain, others=[agreeing, student])
    np.testing.assert_allclose(made("co-supervised", given, reject=0.0).probs, certain)
    by_agreement = made("co-supervised", given, reject=0.0, by="agreement").probs
    np.testing.assert_allclose(by_agreement, agreeing, atol=1e-6)


def test_where_none_agrees_the_nearest_counts():
    given = choice([[0.0, 1.0, 0.0]], others=[[[0.0, 0.0, 1.0]], [[0.5, 0.3, 0.2]]])
    np.testing.assert_array_equal(made("co-supervised", given, reject=0.0, by="agreement").probs, [[0, 1, 0]])
