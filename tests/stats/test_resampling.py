"""Resampled test examples against slow plain definitions and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from w2slab.stats.resampling import covers, interval, mean_estimate, resample_means


def models(rng: np.random.Generator, n: int, *accuracies: float) -> np.ndarray:
    """Right or wrong of models that find the same examples hard: bool [M, n]."""
    hardness = rng.normal(size=n)
    return np.array([hardness + 0.7 * rng.normal(size=n) < 1.22 * stats.norm.ppf(a) for a in accuracies])


# "drawing how often each cell comes up is drawing the examples: exact"
def test_cells_and_single_examples_have_the_same_distribution():
    right = models(np.random.default_rng(3), 400, 0.5, 0.7)
    many = np.concatenate([right, np.eye(400, dtype=bool)[:250]])  # columns all differ: no cells to share
    by_cells = resample_means(right, rng=np.random.default_rng(4), n_resamples=40_000)
    by_examples = resample_means(many, rng=np.random.default_rng(5), n_resamples=40_000)[:, :2]
    assert by_cells.mean(0) == pytest.approx(right.mean(1), abs=0.002)
    assert np.cov(by_cells.T) == pytest.approx(np.cov(by_examples.T), rel=0.08)
    assert np.cov(by_cells.T) == pytest.approx(np.cov(right, ddof=0) / 400, rel=0.06)


# "examples of one group are drawn together"
def test_groups_equal_a_plain_loop_over_whole_groups():
    rng = np.random.default_rng(6)
    groups = rng.integers(0, 30, size=200)
    right = (rng.random((2, 200)) < 0.5) | (groups % 3 == 0)
    draws = resample_means(right, groups=groups, rng=np.random.default_rng(7), n_resamples=6000)
    names = np.unique(groups)
    plain = []
    for _ in range(3000):
        kept = np.concatenate([np.flatnonzero(groups == g) for g in rng.choice(names, len(names))])
        plain.append(right[:, kept].mean(axis=1))
    assert draws.mean(0) == pytest.approx(np.mean(plain, 0), abs=0.006)
    assert draws.std(0) == pytest.approx(np.std(plain, 0), rel=0.08)
    singles = resample_means(right, rng=np.random.default_rng(8), n_resamples=3000)
    assert (draws.std(0) > 1.5 * singles.std(0)).all()


def test_groups_of_one_are_single_examples():
    right = models(np.random.default_rng(9), 100, 0.5)
    draws = [resample_means(right, groups=g, rng=np.random.default_rng(0)) for g in (None, np.arange(100))]
    assert (draws[0] == draws[1]).all()


# "memory: 2,000 resamples of many examples are drawn in parts, with the same spread"
def test_many_examples_are_drawn_in_parts(monkeypatch):
    monkeypatch.setattr("w2slab.stats.resampling._MOST_WEIGHTS", 5000)
    right = np.concatenate([models(np.random.default_rng(1), 500, 0.6), np.eye(500, dtype=bool)])
    draws = resample_means(right, rng=np.random.default_rng(1), n_resamples=3000)
    assert draws.shape == (3000, 501)
    assert draws[:, 0].std() == pytest.approx(np.sqrt(right[0].var() / 500), rel=0.06)


# "the same seed gives the same bytes"
def test_the_same_generator_gives_the_same_draws():
    right = models(np.random.default_rng(2), 50, 0.4, 0.6)
    first, second = (resample_means(right, rng=np.random.default_rng(3)) for _ in range(2))
    assert (first == second).all()


# "no data must never look like certainty"
@pytest.mark.parametrize(("value", "low", "high"), [(1.0, 0.6915, 1.0), (0.0, 0.0, 0.3085)])
def test_all_right_and_all_wrong_have_the_exact_interval_of_clopper_and_pearson(value, low, high):
    estimate = mean_estimate(value, np.full(2000, value), level=0.95, n_units=10)
    exact = stats.binomtest(int(10 * value), 10).proportion_ci(method="exact")
    assert (estimate.low, estimate.high) == pytest.approx((exact.low, exact.high), abs=1e-6)
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=1e-4)


def test_two_methods_that_never_differ_have_an_interval_around_0():
    estimate = mean_estimate(0.0, np.zeros(100), level=0.95, n_units=50, lowest=-1.0)
    exact = stats.binomtest(0, 50).proportion_ci(method="exact").high
    assert (estimate.low, estimate.high) == pytest.approx((-exact, exact), abs=1e-6)


def test_two_methods_that_always_differ_may_differ_the_other_way():
    estimate = mean_estimate(1.0, np.ones(100), level=0.95, n_units=50, lowest=-1.0)
    exact = stats.binomtest(0, 50).proportion_ci(method="exact").high
    assert (estimate.low, estimate.high) == pytest.approx((1 - 2 * exact, 1.0), abs=1e-6)


@given(st.lists(st.floats(allow_nan=True), min_size=1, max_size=60), st.sampled_from([0.5, 0.8, 0.95]))
def test_an_interval_is_that_of_numpys_order_statistics(draws, level):
    expected = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    assert interval(np.array(draws), level) == pytest.approx(tuple(expected), nan_ok=True)


def test_no_example_gives_no_number():
    draws = resample_means(np.zeros((2, 0), dtype=bool), rng=np.random.default_rng(0), n_resamples=10)
    assert np.isnan(draws).all()
    assert np.isnan(mean_estimate(float("nan"), draws[:, 0], level=0.95, n_units=0)).all()


# "one seed means the interval covers test examples only, and the report says so in words"
def test_what_an_interval_covers_is_said_in_words():
    assert covers(1) == "test examples only (one seed)"
    assert covers(3) == "test examples and seeds (3 seeds; 5 or more recommended)"
    assert covers(8) == "test examples and seeds (8 seeds)"


# "scores are resampled as answers are"
def test_scores_are_drawn_like_answers():
    right = models(np.random.default_rng(5), 300, 0.4, 0.6)
    draws = [resample_means(values, rng=np.random.default_rng(0)) for values in (right, right.astype(float))]
    assert draws[0] == pytest.approx(draws[1], abs=1e-6)
