"""Calibration: plain loops over examples, numbers worked by hand, simulated models that are calibrated."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from w2slab.stats.calibration import (
    SMALLEST_PROBABILITY,
    bins_of_equal_numbers,
    bins_of_equal_width,
    brier_scores,
    ece_floor,
    expected_calibration_error,
    log_losses,
    reliability,
)

confidences = st.floats(0, 1)


@st.composite
def scored(draw):
    """Probabilities [N, K] and which candidates are right, at least one each."""
    n, k = draw(st.integers(1, 8)), draw(st.integers(1, 5))
    weights = draw(arrays(float, (n, k), elements=st.floats(0, 1))) + 1e-9
    is_right = draw(arrays(bool, (n, k)))
    is_right[np.arange(n), draw(arrays(np.int64, n, elements=st.integers(0, k - 1)))] = True
    return weights / weights.sum(axis=1, keepdims=True), is_right


@given(scored())
def test_scores_are_those_of_a_plain_loop(case):
    probs, is_right = case
    for row, right, brier, loss in zip(probs, is_right, brier_scores(*case), log_losses(*case), strict=True):
        p_right = sum(p for p, r in zip(row, right, strict=True) if r)
        assert brier == pytest.approx((1 - p_right) ** 2 + sum(p * p for p, r in zip(row, right, strict=True) if not r))
        assert loss == pytest.approx(-math.log(p_right), abs=1e-9)
        assert 0 <= brier <= 2
        assert loss >= 0


def test_scores_by_hand():
    probs = np.array([[0.7, 0.2, 0.1], [0.5, 0.3, 0.2]], dtype=np.float32)
    is_right = np.array([[1, 0, 0], [0, 1, 1]], dtype=bool)
    assert brier_scores(probs, is_right) == pytest.approx([0.09 + 0.04 + 0.01, 0.25 + 0.25])
    assert log_losses(probs, is_right) == pytest.approx([-math.log(0.7), math.log(2)])


def test_sure_and_right_costs_nothing_and_sure_and_wrong_the_most():
    probs, is_right = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[1, 0], [1, 0]], dtype=bool)
    assert brier_scores(probs, is_right).tolist() == [0.0, 2.0]
    assert log_losses(probs, is_right) == pytest.approx([0.0, -math.log(SMALLEST_PROBABILITY)])


def test_rounding_above_one_is_no_gain():
    probs, is_right = np.array([[0.6, 0.4000001]], dtype=np.float32), np.ones((1, 2), dtype=bool)
    assert log_losses(probs, is_right).tolist() == [0.0]


def plain_bins(confidence, right, n_bins):
    """(low, high, n, mean confidence, share right) of each bin (b / B, (b + 1) / B] that holds examples."""
    found = []
    for b in range(n_bins):
        low, high = np.linspace(0, 1, n_bins + 1)[b : b + 2]
        own = [i for i, c in enumerate(confidence) if (low < c or b == 0) and c <= high]
        if own:
            means = sum(confidence[i] for i in own) / len(own), sum(bool(right[i]) for i in own) / len(own)
            found.append((low, high, len(own), *means))
    return found


@given(st.lists(st.tuples(confidences, st.booleans()), max_size=40), st.integers(1, 20))
def test_bins_of_equal_width_are_those_of_a_plain_loop(examples, n_bins):
    confidence, right = np.array([c for c, _ in examples]), np.array([r for _, r in examples], dtype=bool)
    found, expected = bins_of_equal_width(confidence, right, n_bins), plain_bins(confidence, right, n_bins)
    assert np.array(found).T.ravel() == pytest.approx(np.ravel(expected), abs=1e-12)
    error = expected_calibration_error(confidence, right, n_bins)
    if examples:
        assert error == pytest.approx(sum(n * abs(c - r) for _, _, n, c, r in expected) / len(examples), abs=1e-12)
    else:
        assert math.isnan(error)


# Two bins: 0.2 and 0.5 (its upper edge) with one right of two; 0.6, 0.8 and 1 with two of three.
# (2 |0.35 - 0.5| + 3 |0.8 - 2/3|) / 5 = 0.14.
def test_the_calibration_error_by_hand():
    confidence, right = np.array([0.2, 0.5, 0.6, 0.8, 1.0]), np.array([0, 1, 1, 0, 1], dtype=bool)
    assert expected_calibration_error(confidence, right, n_bins=2) == pytest.approx(0.14)


# Guo et al. 2017: overconfident by 10 points in every bin.
def test_overconfidence_is_the_error():
    confidence = np.full(1000, 0.95)
    assert expected_calibration_error(confidence, np.arange(1000) < 850) == pytest.approx(0.1)


def test_confidence_above_one_by_rounding_is_of_the_last_bin():
    found = bins_of_equal_width(np.array([1.0000001], dtype=np.float32), np.array([True]))
    assert found.high.tolist() == [1.0]


@given(st.lists(confidences, min_size=1, max_size=9), st.integers(1, 4))
def test_the_floor_is_below_its_bound_and_above_0(confidence, n_bins):
    assert 0 <= ece_floor(np.array(confidence), n_bins) <= 0.5 + 1e-12  # of one example: 2 c (1 - c)


@given(confidences)
def test_the_floor_of_one_example_is_exact(confidence):
    expected = 2 * confidence * (1 - confidence)  # c |c - 1| + (1 - c) |c - 0|
    assert ece_floor(np.array([confidence])) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("n", "confidence"), [(2, 0.5), (7, 0.93), (40, 0.99), (3000, 0.6), (3000, 0.9999)])
def test_the_floor_of_equal_confidences_is_the_mean_deviation_of_a_binomial(n, confidence):
    counts = np.arange(n + 1)
    expected = (stats.binom.pmf(counts, n, confidence) * np.abs(counts / n - confidence)).sum()
    assert ece_floor(np.full(n, confidence)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("n", [3, 50, 300, 4000])
@pytest.mark.parametrize("shape", [(8, 1), (2, 2), (0.3, 0.1)], ids=["sure", "spread", "extreme"])
def test_the_floor_is_what_calibrated_models_show(n, shape):
    generator = np.random.default_rng(0)
    confidence = generator.beta(*shape, size=n)
    simulated = [expected_calibration_error(confidence, generator.random(n) < confidence) for _ in range(600)]
    standard_error = np.std(simulated) / np.sqrt(len(simulated))
    assert ece_floor(confidence) == pytest.approx(
        np.mean(simulated), abs=4 * standard_error + 0.01 * np.mean(simulated)
    )


# One bin of n examples: sqrt(2 c (1 - c) / (pi n)).
def test_the_floor_of_many_is_that_of_the_half_normal_distribution():
    assert ece_floor(np.full(10_000, 0.7)) == pytest.approx(math.sqrt(2 * 0.21 / (math.pi * 10_000)), rel=1e-3)


def test_certainty_has_no_floor_and_no_example_none():
    assert ece_floor(np.array([0.0, 1.0, 1.0])) == 0.0
    assert math.isnan(ece_floor(np.array([])))


def test_the_reliability_curve_has_wilsons_intervals():
    confidence, right = np.array([0.1, 0.9, 0.92, 0.94]), np.array([0, 1, 0, 1], dtype=bool)
    first, second = reliability(confidence, right, n_bins=2, level=0.9)
    assert first[:5] == (0.0, 0.5, 1, pytest.approx(0.1), 0.0)
    assert second[:5] == (0.5, 1.0, 3, pytest.approx(0.92), pytest.approx(2 / 3))
    for found in (first, second):
        expected = stats.binomtest(round(found.accuracy * found.n), found.n).proportion_ci(0.9, method="wilson")
        assert (found.accuracy_low, found.accuracy_high) == pytest.approx((expected.low, expected.high))


def test_examples_counted_twice_make_no_narrower_interval():
    confidence, right = np.array([0.8, 0.82, 0.84]), np.array([1, 0, 1], dtype=bool)
    (once,) = reliability(confidence, right, n_bins=2)
    (twice,) = reliability(np.tile(confidence, 2), np.tile(right, 2), n_bins=2, n_repeats=2)
    assert twice == pytest.approx(once._replace(n=6))


def test_no_example_has_no_curve():
    assert reliability(np.array([]), np.array([], dtype=bool)) == []


def test_bins_of_equal_numbers_by_hand():
    found = bins_of_equal_numbers(np.array([0.6, 0.9, 0.7, 0.8]), np.array([0, 1, 1, 1]), n_bins=2)
    assert found.low.tolist() == [0.6, 0.8]
    assert found.high.tolist() == [0.7, 0.9]
    assert found.confidence == pytest.approx([0.65, 0.85])
    assert found.right == pytest.approx([0.5, 1.0])
    assert found.error == pytest.approx(0.15)


def test_bins_of_equal_numbers_are_at_most_the_examples():
    assert bins_of_equal_numbers(np.array([0.6, 0.9]), np.array([True, False]), n_bins=5).counts.tolist() == [1, 1]
    assert math.isnan(bins_of_equal_numbers(np.array([]), np.array([])).error)
