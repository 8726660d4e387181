"""Logistic regressions on weak labels: a case worked by hand, out of fold, and candidates of unequal number."""

from __future__ import annotations

import numpy as np
import pytest

from tests.relabelings.labels import binary, choice, made, planted
from w2slab.errors import JobError
from w2slab.relabelings.feature_classifier import out_of_fold


# Standardised features are -1 and 1. By symmetry the log-odds are 2w at 1 and -2w at -1, with w and -w the classes'
# weights, and the slope of log(1 + exp(-2w)) + 2 (1 - q) w + 2 l2 w^2 is 0 where q is the likelier class's probability.
def test_labels_become_fitted_probabilities_worked_by_hand():
    q, l2 = 0.75, 0.1
    found = made("logistic-relabel", binary([1 - q, q], [3, 9]), l2=l2).probs
    assert found[0, 0] == pytest.approx(found[1, 1], abs=1e-5)
    w = np.log(found[1, 1] / found[1, 0]) / 2
    assert -2 / (1 + np.exp(2 * w)) + 2 * (1 - q) + 4 * l2 * w == pytest.approx(0, abs=1e-4)


def test_the_label_that_contradicts_its_features_is_left_out():
    second = [0.1, 0.2, 0.1, 0.9, 0.9, 0.8, 0.9, 0.2, 0.1, 0.9]
    places = [-2, -1, -1.5, 2, 1.5, 1, 1.2, -1.1, -2.2, -1.9]
    given = binary(second, places)
    found = made("logistic-filter", given, drop=0.1)
    np.testing.assert_array_equal(found.weights, [1] * 9 + [0])
    assert found.probs is given.probs


def test_of_candidates_those_whose_choice_is_passed_over_are_left_out():
    features = [3, 0, 1, 0, 4, 0, 5, 2, 4, 0, 3, 1]
    given = choice([[0.8, 0.1, 0.1], [0.2, 0.8], [0.1, 0.9], [0.9, 0.1, 0.0], [0.7, 0.3]], features)
    found = made("logistic-filter", given, drop=0.2)
    np.testing.assert_array_equal(found.weights, [1, 1, 1, 0, 1])  # the fourth chooses 2 where 4 stands beside it


# An example's own label moves what the regression that learned from it says, and not what the others say.
def test_out_of_fold_no_regression_sees_the_label_it_predicts():
    for shared in (True, False):
        given = planted(shared, n=30).given
        before = out_of_fold(given, given.probs, 30, 0.01)
        np.testing.assert_allclose(before.sum(axis=1), 1, atol=1e-5)
        assert not before[~given.real].any()
        targets = given.probs.copy()
        n = given.n_candidates[4]
        targets[4, :n] = targets[4, :n][::-1]
        after = out_of_fold(given, targets, 30, 0.01)  # as many folds as examples, whatever order is drawn
        np.testing.assert_allclose(after[4], before[4], atol=1e-3)
        assert np.abs(np.delete(after, 4, axis=0) - np.delete(before, 4, axis=0)).max() > 2e-3


def test_one_example_cannot_be_left_out_of_what_is_learned():
    with pytest.raises(JobError, match="one example leaves none"):
        made("confident-learning", choice([[0.2, 0.8]], [1, 2]))


@pytest.mark.parametrize("second", [[0.0] * 6, [1.0] * 6])
def test_one_class_only_is_learned_as_such(second):
    found = made("logistic-relabel", binary(second, [0, 1, 2, 3, 4, 5])).probs
    np.testing.assert_allclose(found[:, 1], second, atol=1e-3)
