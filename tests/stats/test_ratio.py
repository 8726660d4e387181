"""Intervals of PGR as a ratio: percentile and BCa against scipy, Fieller against its definition, and their coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from benchmarks.coverage import Cell, coverage
from w2slab.stats.pgr import performance_gap_recovered
from w2slab.stats.ratio import Ratio, ratio_draws
from w2slab.stats.resampling import resample_means, resample_seeds
from w2slab.stats.seeds import BySeed, noise


def models(rng: np.random.Generator, n: int, *accuracies: float) -> np.ndarray:
    """Right or wrong of models that find the same examples hard: bool [M, n]."""
    hardness = rng.normal(size=n)
    return np.array([hardness + 0.7 * rng.normal(size=n) < 1.22 * stats.norm.ppf(a) for a in accuracies])


def pgr_of(right: np.ndarray, n_resamples: int = 20_000) -> tuple[Ratio, np.ndarray]:
    """PGR of one seed's supervisor, student and ceiling, bool [3, N], and its draws."""
    draws = resample_means(right, rng=np.random.default_rng(1), n_resamples=n_resamples)
    roles = [BySeed(row.mean(keepdims=True), draws[:, [k]]) for k, row in enumerate(right)]
    ratio = Ratio(roles[1] - roles[0], roles[2] - roles[0], right.shape[1], 0.95)
    return ratio, ratio.draws(np.zeros((n_resamples, 1)))


def plain_pgr(weak, student, ceiling, axis=-1):
    weak, student, ceiling = (x.mean(axis=axis) for x in (weak, student, ceiling))
    return (student - weak) / (ceiling - weak)


def scipys(right: np.ndarray, method: str) -> tuple[float, float]:
    found = stats.bootstrap(
        tuple(right.astype(float)), plain_pgr, paired=True, n_resamples=10_000, method=method,
        rng=np.random.default_rng(2),
    ).confidence_interval  # fmt: skip
    return found.low, found.high


# "one paired draw of examples serves them all: the same interval as scipy's paired bootstrap"
def test_the_percentile_interval_equals_that_of_scipy():
    right = models(np.random.default_rng(0), 2000, 0.55, 0.65, 0.8)
    ratio, draws = pgr_of(right)
    estimate = ratio.estimate(draws)
    assert estimate.value == pytest.approx(plain_pgr(*right))
    assert (estimate.low, estimate.high) == pytest.approx(scipys(right, "percentile"), abs=0.015)


# "the bias-corrected and accelerated interval (Efron 1987)", where bias and acceleration matter
@pytest.mark.parametrize(("n", "accuracies", "seed"), [(60, (0.5, 0.8, 0.9), 1), (80, (0.4, 0.9, 0.85), 0)])
def test_bca_equals_that_of_scipy(n, accuracies, seed):
    right = models(np.random.default_rng(seed), n, *accuracies)
    ratio, draws = pgr_of(right, 40_000)
    scores = (right[1] - right[0].astype(float)) - ratio.value * (right[2] - right[0].astype(float))
    theirs = scipys(right, "BCa")
    percentile = ratio.estimate(draws)
    assert ratio.bca(draws, scores) == pytest.approx(theirs, abs=0.025)  # ours is Student's, a little wider
    assert abs(percentile.low - theirs[0]) + abs(percentile.high - theirs[1]) > 0.04


def test_bca_is_not_given_where_it_is_not_well_behaved():
    ratio, draws = pgr_of(models(np.random.default_rng(0), 200, 0.55, 0.65, 0.8), 500)
    scores = np.arange(200.0)
    with_infinity = np.append(draws[1:], np.inf)
    for bad in (with_infinity, np.full(500, ratio.value), draws + 10 * draws.std(), draws[:0]):
        assert all(map(math.isnan, ratio.bca(bad, scores)))


# "ratios r for which N - r D does not differ from 0"
def test_fieller_is_where_the_test_of_n_minus_r_d_turns():
    right = models(np.random.default_rng(7), 800, 0.5, 0.6, 0.7)
    ratio, _ = pgr_of(right, 4000)
    low, high = ratio.fieller()
    t = stats.t.ppf(0.975, ratio.error.degrees)
    for end in (low, high):
        difference = ratio.numerator - ratio.denominator * end
        assert abs(difference.value) / noise(difference, n_units=800).standard_error == pytest.approx(t, rel=1e-6)
    assert low < ratio.value < high


# "no data must never look like certainty": a student that is its supervisor, or its ceiling, on all test examples
@pytest.mark.parametrize(("copied", "value"), [(0, 0.0), (2, 1.0)])
def test_a_student_that_never_differs_has_an_interval_all_the_same(copied, value):
    supervisor, ceiling = models(np.random.default_rng(3), 400, 0.5, 0.8)
    ratio, draws = pgr_of(np.array([supervisor, (supervisor, None, ceiling)[copied], ceiling]), 500)
    unseen = stats.binomtest(0, 400).proportion_ci(method="exact").high / (ceiling.mean() - supervisor.mean())
    assert ratio.estimate(draws) == pytest.approx((value, value - unseen, value + unseen), abs=1e-6)
    assert all(map(math.isnan, ratio.fieller()))


def test_fieller_agrees_with_the_percentile_interval_where_the_gap_is_clear():
    ratio, draws = pgr_of(models(np.random.default_rng(8), 5000, 0.5, 0.65, 0.8))
    estimate = ratio.estimate(draws)
    assert ratio.fieller() == pytest.approx((estimate.low, estimate.high), abs=0.01)


def test_fieller_has_no_ends_without_a_gap():
    ratio, _ = pgr_of(models(np.random.default_rng(9), 300, 0.6, 0.6, 0.61), 1000)
    assert all(map(math.isnan, ratio.fieller()))


# "Gap of zero": no ratio, and no error on the way to saying so
def test_a_gap_of_zero_has_no_ratio():
    same = models(np.random.default_rng(9), 50, 0.6)[0]
    ratio, draws = pgr_of(np.array([same, ~same, same]), 300)
    assert math.isnan(ratio.value)
    assert not np.isfinite(draws[draws != 0]).any()
    assert all(map(math.isnan, ratio.fieller()))


def test_seeds_widen_an_interval_by_their_spread():
    rng = np.random.default_rng(4)
    right = np.stack([models(rng, 1500, 0.5, a, 0.8) for a in (0.55, 0.6, 0.65, 0.7, 0.75)], axis=1)
    draws = resample_means(right.reshape(15, -1), rng=rng, n_resamples=4000).reshape(4000, 3, 5)
    roles = [BySeed(right[k].mean(axis=1), draws[:, k]) for k in range(3)]
    ratio = Ratio(roles[1] - roles[0], roles[2] - roles[0], 1500, 0.95)
    estimate = ratio.estimate(ratio.draws(resample_seeds(5, rng=rng, n_resamples=4000)))
    by_seed = performance_gap_recovered(*(role.observed for role in roles))
    expected = stats.t.interval(0.95, 4, by_seed.mean(), stats.sem(by_seed))
    assert (estimate.low, estimate.high) == pytest.approx(expected, abs=0.06)


# "A resample without a gap says that the ratio is beyond any number on the side of its numerator"
def test_resamples_without_a_gap_are_infinite_on_the_side_of_their_numerator():
    recovered, gap = np.array([0.02, 0.02, -0.01, 0.0]), np.array([0.04, 0.0, -0.02, 0.0])
    assert ratio_draws(recovered, gap).tolist() == [0.5, np.inf, -np.inf, 0.0]


# "The interval's coverage is itself tested by simulation with a known truth."
@pytest.mark.parametrize(
    "cell", [Cell(400, 1, 0.3, 0.0), Cell(400, 3, 0.3, 0.04), Cell(400, 5, 0.3, 0.04), Cell(400, 5, 0.3, 0.2)]
)
def test_nominal_95_percent_covers_the_truth_in_92_to_98_percent_of_studies(cell):
    row = coverage(cell, n_studies=500, n_resamples=400)
    for name in ("percentile", "fieller", "student", "difference"):
        assert 0.92 <= row[name] <= 0.985, (name, row)
