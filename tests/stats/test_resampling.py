"""Intervals against slow plain definitions, scipy, and a simulation whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from w2slab.stats.pgr import pgr_estimate, ratio_draws, undefined_reason
from w2slab.stats.resampling import (
    Estimate,
    covers,
    holm,
    interval,
    mean_estimate,
    p_value,
    pool,
    resample_means,
    resample_seeds,
    student_quantile,
    verdict,
)


def models(rng: np.random.Generator, n: int, *accuracies: float) -> np.ndarray:
    """Right or wrong of models that find the same examples hard: bool [M, n]."""
    hardness = rng.normal(size=n)
    return np.array([hardness + 0.7 * rng.normal(size=n) < 1.22 * stats.norm.ppf(a) for a in accuracies])


# "one paired draw of examples serves them all: the same interval as scipy's paired bootstrap"
def test_interval_of_pgr_equals_that_of_scipy():
    right = models(np.random.default_rng(0), 2000, 0.55, 0.65, 0.8)
    draws = resample_means(right, rng=np.random.default_rng(1), n_resamples=20_000)
    ours = interval(ratio_draws(draws[:, 1] - draws[:, 0], draws[:, 2] - draws[:, 0]), 0.95)

    def pgr(weak, student, ceiling, axis=-1):
        weak, student, ceiling = (x.mean(axis=axis) for x in (weak, student, ceiling))
        return (student - weak) / (ceiling - weak)

    theirs = stats.bootstrap(
        tuple(right.astype(float)),
        pgr,
        paired=True,
        n_resamples=5000,
        method="percentile",
        rng=np.random.default_rng(2),
    ).confidence_interval
    assert ours == pytest.approx((theirs.low, theirs.high), abs=0.015)


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


@pytest.mark.parametrize("n_degrees", [1, 2, 4, 9, 30])
def test_student_quantile_equals_that_of_scipy(n_degrees):
    for probability in (0.75, 0.95, 0.975, 0.995):
        assert student_quantile(probability, n_degrees) == pytest.approx(stats.t.ppf(probability, n_degrees), rel=1e-3)


def test_seed_draws_sum_to_zero_and_one_seed_is_not_drawn():
    draws = resample_seeds(4, rng=np.random.default_rng(0))
    assert draws.sum(axis=1) == pytest.approx(0.0, abs=1e-12)
    spread = np.std(draws @ np.array([0.1, 0.2, 0.4, 0.5]))
    expected = np.std([0.1, 0.2, 0.4, 0.5], ddof=1) / 2 * stats.t.ppf(0.975, 3) / stats.norm.ppf(0.975)
    assert spread == pytest.approx(expected, rel=0.05)
    assert (resample_seeds(1, rng=np.random.default_rng(0)) == 0).all()


# "The interval's coverage is itself tested by simulation with a known truth."
@pytest.mark.parametrize(("n_seeds", "seed_noise"), [(1, 0.0), (5, 0.2)])
def test_nominal_95_percent_covers_the_truth_in_92_to_98_percent_of_studies(n_seeds, seed_noise):
    rng = np.random.default_rng(100 + n_seeds)
    levels = stats.norm.ppf([0.4, 0.55, 0.75])
    truth = stats.norm.cdf(levels / np.sqrt(1 + seed_noise**2))
    pgr = (truth[1] - truth[0]) / (truth[2] - truth[0])
    n_studies, n, hits = 500, 400, 0
    for _ in range(n_studies):
        noise = np.sqrt(0.4) * rng.normal(size=(3, n_seeds, n)) + seed_noise * rng.normal(size=(3, n_seeds, 1))
        right = np.sqrt(0.6) * rng.normal(size=n) + noise < levels[:, None, None]
        draws = resample_means(right.reshape(-1, n), rng=rng, n_resamples=400).reshape(-1, 3, n_seeds)
        seeds = resample_seeds(n_seeds, rng=rng, n_resamples=400)
        roles = [pool(draws[:, k], right[k].mean(axis=1), seeds) for k in range(3)]
        low, high = interval(ratio_draws(roles[1] - roles[0], roles[2] - roles[0]), 0.95)
        hits += low <= pgr <= high
    assert 0.92 <= hits / n_studies <= 0.98


# "no data must never look like certainty"
@pytest.mark.parametrize(("value", "low", "high"), [(1.0, 0.6915, 1.0), (0.0, 0.0, 0.3085)])
def test_all_right_and_all_wrong_have_the_exact_interval_of_clopper_and_pearson(value, low, high):
    estimate = mean_estimate(value, np.full(2000, value), level=0.95, n_units=10)
    exact = stats.binomtest(int(10 * value), 10).proportion_ci(method="exact")
    assert (estimate.low, estimate.high) == pytest.approx((exact.low, exact.high), abs=1e-6)
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=1e-4)


def test_two_methods_that_never_differ_have_an_interval_around_0():
    estimate = mean_estimate(0.0, np.zeros(100), level=0.95, n_units=50, lowest=-1.0)
    assert estimate.low == pytest.approx(-estimate.high)
    assert 0 < estimate.high < 0.2


def test_no_example_gives_no_number():
    draws = resample_means(np.zeros((2, 0), dtype=bool), rng=np.random.default_rng(0), n_resamples=10)
    assert np.isnan(draws).all()
    assert np.isnan(mean_estimate(float("nan"), draws[:, 0], level=0.95, n_units=0)).all()


def test_one_example_gives_no_pgr_and_no_verdict():
    draws = resample_means(np.array([[False], [True]]), rng=np.random.default_rng(0))
    difference = draws[:, 1] - draws[:, 0]
    gap = mean_estimate(1.0, difference, level=0.95, n_units=1, lowest=-1.0)
    reason = undefined_reason(gap, min_gap=0.01, n_units=1)
    assert reason == "all test examples are of one group: no interval can be made"
    assert verdict(1.0, p_value(1.0, difference, n_units=1)) == "no difference shown"


def test_a_single_group_gives_no_verdict_however_its_numbers_round():
    draws = np.full(2000, 0.355)
    assert draws.std() > 0  # as floating point has it
    assert p_value(0.355, draws, n_units=1) == 1.0
    assert p_value(0.355, draws, n_units=10) == 2.0**-9


def test_p_value_agrees_with_the_normal_test_and_with_the_sign_test():
    right = models(np.random.default_rng(5), 3000, 0.60, 0.63)
    draws = resample_means(right, rng=np.random.default_rng(6), n_resamples=20_000)
    difference = right[1].astype(float) - right[0]
    expected = 2 * stats.norm.sf(difference.mean() / (difference.std() / np.sqrt(3000)))
    assert p_value(difference.mean(), draws[:, 1] - draws[:, 0], n_units=3000) == pytest.approx(expected, rel=0.1)
    assert p_value(1.0, np.ones(10), n_units=8) == pytest.approx(stats.binomtest(8, 8).pvalue)
    assert p_value(0.0, np.zeros(10), n_units=8) == 1.0


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_verdicts():
    assert verdict(0.02, 0.049) == "better"
    assert verdict(-0.02, 0.049) == "worse"
    assert verdict(0.02, 0.05) == "no difference shown"


# "one seed means the interval covers test examples only, and the report says so in words"
def test_what_an_interval_covers_is_said_in_words():
    assert covers(1) == "test examples only: there is one seed"
    assert covers(3) == "test examples and seeds (3 seeds, fewer than 5)"
    assert covers(8) == "test examples and seeds (8 seeds)"


# "A resample without a gap says that the ratio is beyond any number on the side of its numerator"
def test_resamples_without_a_gap_widen_the_interval():
    recovered, gap = np.array([0.02, 0.02, -0.01, 0.0]), np.array([0.04, 0.0, -0.02, 0.0])
    assert ratio_draws(recovered, gap).tolist() == [0.5, np.inf, -np.inf, 0.0]
    draws = np.concatenate([np.linspace(0.2, 0.8, 1990), np.full(10, np.inf)])
    low, high = interval(draws, 0.95)
    assert np.isfinite([low, high]).all()
    estimate = pgr_estimate((0.5, 0.6, 0.7), (np.zeros(9), np.full(9, 0.5), np.ones(9)), reason=None, level=0.95)
    assert estimate == Estimate(pytest.approx(0.5), 0.5, 0.5)
