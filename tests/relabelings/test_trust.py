"""Trust learned from a few ground-truth labels: against an independent optimizer, and what cannot be learned."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from tests.relabelings.labels import binary, made, planted
from w2slab.errors import JobError
from w2slab.relabelings.trust import trust_scores


# One weight per class and feature, and per class; one for the confidence; a constant. As a fit of two classes with the
# penalty l2 (|a|^2 + |b|^2) is one of their difference a - b with l2 / 2, so is this.
def test_scores_are_those_of_an_independent_optimizer():
    given = planted(True, n=80).given
    known = np.flatnonzero(given.trusted >= 0)
    is_right = given.choices[known] == given.trusted[known]
    scores = trust_scores(given, known, is_right, 0.1)
    rows = (given.features - given.features.mean(axis=0)) / given.features.std(axis=0)
    second = given.choices[:, None] == 1
    ones = np.ones((80, 1))
    sure = 2 * given.probs.max(axis=1, keepdims=True) - 1
    seen = np.concatenate([rows * ~second, ~second * ones, rows * second, second * ones, sure], axis=1)

    def loss(flat):
        odds = seen[known] @ flat[:-1] + flat[-1]
        return np.logaddexp(0, np.where(is_right, -odds, odds)).mean() + 0.05 * (flat[:-1] ** 2).sum()

    slow = minimize(loss, np.zeros(seen.shape[1] + 1), method="BFGS", options={"gtol": 1e-7}).x
    np.testing.assert_allclose(scores, seen @ slow[:-1] + slow[-1], atol=1e-4)


@pytest.mark.parametrize("shared", [True, False])
def test_the_most_trusted_share_is_kept_and_no_label_is_changed(shared):
    given, truth = planted(shared)
    found = made("trust-function", given, keep=0.5)
    assert found.probs is given.probs
    assert found.weights.sum() == 200
    told = given.trusted >= 0
    assert found.facts["right_of_trusted"] == pytest.approx((given.choices == truth)[told].mean())


@pytest.mark.parametrize(
    ("trusted", "problem"),
    [
        (None, "was given none; set n_trusted"),
        ([-1, -1, -1, -1], "0 ground-truth labels are too few"),
        ([0, -1, -1, -1], "1 ground-truth labels are too few"),
        ([0, 1, -1, -1], "all 2 weak labels whose ground truth is known are right"),
        ([1, 0, -1, -1], "all 2 weak labels whose ground truth is known are wrong"),
    ],
)
def test_too_little_truth_is_an_error(trusted, problem):
    with pytest.raises(JobError, match=problem):
        made("trust-function", binary([0.1, 0.9, 0.2, 0.8], [1, 2, 3, 4], trusted=trusted))
