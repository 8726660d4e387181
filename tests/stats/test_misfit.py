"""Misfit by hand, and what theory says of it: in a convex class, checked; elsewhere, that it need not hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize, nnls

from w2slab.stats.calibration import brier_scores, log_losses
from w2slab.stats.misfit import kl_misfits, squared_misfits

LOG = np.log


def test_squared_misfits_by_hand():
    student, weak = np.array([[0.5, 0.5], [1.0, 0.0], [0.0, 1.0]]), np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    assert squared_misfits(student, weak) == pytest.approx([0.5, 0.0, 2.0])


def test_kl_misfits_by_hand():
    student = np.array([[0.5, 0.5], [0.25, 0.75], [1.0, 0.0]])
    weak = np.array([[0.25, 0.75], [0.25, 0.75], [0.5, 0.5]])
    # 0.5 log(0.5 / 0.25) + 0.5 log(0.5 / 0.75); the student stands first
    assert kl_misfits(student, weak) == pytest.approx([0.5 * LOG(2) + 0.5 * LOG(2 / 3), 0.0, LOG(2)])


def test_what_a_supervisor_calls_impossible_is_dear_but_finite():
    (dear,) = kl_misfits(np.array([[0.0, 1.0]], dtype=np.float32), np.array([[1.0, 0.0]], dtype=np.float32))
    assert dear == pytest.approx(12 * LOG(10))


def test_candidates_beyond_an_examples_own_count_for_nothing():
    student, weak = np.array([[0.5, 0.5, 0.0]]), np.array([[0.25, 0.75, 0.0]])
    assert squared_misfits(student, weak) == pytest.approx(squared_misfits(student[:, :2], weak[:, :2]))
    assert kl_misfits(student, weak) == pytest.approx(kl_misfits(student[:, :2], weak[:, :2]))


def probabilities(n, k):
    return arrays(np.float64, (n, k), elements=st.floats(0.001, 1.0)).map(lambda x: x / x.sum(axis=1, keepdims=True))


@given(probabilities(4, 3), probabilities(4, 3), st.permutations(range(3)))
def test_laws_of_distances(student, weak, order):
    for misfits in (squared_misfits, kl_misfits):
        found = misfits(student, weak)
        assert (found >= 0).all()
        assert misfits(student, student) == pytest.approx(np.zeros(4), abs=1e-12)
        assert misfits(student[:, order], weak[:, order]) == pytest.approx(found)
    assert (squared_misfits(student, weak) <= 2).all()
    # Pinsker's inequality, and that the squares of numbers sum to at most the square of their sum.
    assert (squared_misfits(student, weak) <= 2 * kl_misfits(student, weak) + 1e-12).all()


def error(predicted, truth):
    return float(squared_misfits(predicted, truth).mean())


def synthetic(seed, *, n=400, n_features=6):
    """Features, a linear truth, and a supervisor that errs by what is linear and by what is not: [N, 1] each."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, n_features))
    truth = features @ rng.uniform(0.1, 1.0, size=(n_features, 1))
    error_of_weak = 0.3 * np.sin(3 * features[:, :1]) + 0.4 * rng.normal(size=(n, 1)) + 0.2 * features[:, 1:2]
    return features, truth, truth + error_of_weak


# "Charikar inequality holds numerically on synthetic data with a convex student class": a linear space
@pytest.mark.parametrize("seed", range(20))
def test_a_linear_student_gains_exactly_its_misfit(seed):
    features, truth, weak = synthetic(seed)
    student = features @ np.linalg.lstsq(features, weak, rcond=None)[0]
    misfit = error(student, weak)
    assert misfit > 0.05
    assert error(student, truth) == pytest.approx(error(weak, truth) - misfit)  # of a linear space: equality


# a convex cone: weights that are not negative; the truth has such weights
@pytest.mark.parametrize("seed", range(20))
def test_a_student_of_a_convex_class_gains_at_least_its_misfit(seed):
    features, truth, weak = synthetic(seed, n=60, n_features=12)
    biased = weak - 1.2 * features[:, 2:3] - 0.8 * features[:, 5:6]  # pulls two weights below 0
    weights, _ = nnls(features, biased[:, 0])
    assert (weights == 0).any()
    student = features @ weights[:, None]
    slack = error(biased, truth) - error(student, biased) - error(student, truth)
    assert slack > 1e-6  # at an edge of the class: an inequality, and no equality


def test_it_holds_on_new_examples_up_to_sampling():
    features, truth, weak = synthetic(0, n=20_000)
    half = 10_000
    fitted = np.linalg.lstsq(features[:half], weak[:half], rcond=None)[0]
    student = features[half:] @ fitted
    gain = error(weak[half:], truth[half:]) - error(student, truth[half:])
    assert gain == pytest.approx(error(student, weak[half:]), rel=0.03)


# "the inequality need not hold": a class that is not convex, or that does not hold the truth
def test_it_need_not_hold_of_two_points_or_without_the_truth():
    truth, weak = np.array([[0.0]]), np.array([[1.0]])
    two_points = [np.array([[0.0]]), np.array([[1.9]])]  # holds the truth, is not convex
    student = min(two_points, key=lambda each: error(each, weak))
    assert error(student, truth) > error(weak, truth) - error(student, weak)
    student = np.array([[2.0]])  # all of a convex class that does not hold the truth
    assert error(student, truth) > error(weak, truth) - error(student, weak)


def soft(logits):
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


# Mulgund and Pabbaraju: "student = convex combination of k heads, minimise KL(student || weak)"
@pytest.mark.parametrize("seed", range(10))
def test_a_mixture_of_heads_fitted_in_reverse_kl_gains_at_least_its_misfit(seed):
    rng = np.random.default_rng(seed)
    heads = np.stack([soft(2 * rng.normal(size=(80, 3))) for _ in range(4)])  # [H, N, K]
    truth = np.tensordot(rng.dirichlet(np.ones(4)), heads, axes=1)
    weak = soft(np.log(truth) + 0.8 * rng.normal(size=(80, 3)))

    def misfit(weights):
        return kl_misfits(np.tensordot(weights, heads, axes=1), weak).mean()

    fitted = minimize(
        misfit,
        np.full(4, 0.25),
        method="SLSQP",
        bounds=[(0, 1)] * 4,
        constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1},
        options={"ftol": 1e-12, "maxiter": 500},
    )
    student = np.tensordot(fitted.x, heads, axes=1)
    gain = kl_misfits(truth, weak).mean() - kl_misfits(truth, student).mean()
    assert 0 < misfit(fitted.x) <= gain + 1e-5


# "With labels drawn from g, Brier's score and the log loss differ from the left sides by what no model can change"
def test_gains_in_scores_are_gains_in_distance_to_the_truth():
    rng = np.random.default_rng(3)
    truth, student, weak = (soft(rng.normal(size=(5, 3))) for _ in range(3))
    scores = {}
    for name, score in (("brier", brier_scores), ("nll", log_losses)):
        by_label = [
            (score(weak, np.eye(3, dtype=bool)[[k] * 5]) - score(student, np.eye(3, dtype=bool)[[k] * 5]))
            for k in range(3)
        ]
        scores[name] = (truth * np.stack(by_label, axis=1)).sum(axis=1)
    assert scores["brier"] == pytest.approx(squared_misfits(weak, truth) - squared_misfits(student, truth))
    assert scores["nll"] == pytest.approx(kl_misfits(truth, weak) - kl_misfits(truth, student))
