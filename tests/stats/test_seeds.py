"""Components of the error of a mean over seeds: against sums of squares, Student's interval, and known truths."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from w2slab.stats.resampling import interval, mean_estimate, percentile_estimate, resample_means, resample_seeds
from w2slab.stats.seeds import BySeed, Noise, mean_draws, mean_over_seeds, noise


def metric(values: np.ndarray, n_resamples: int = 20_000, seed: int = 0) -> BySeed:
    """A metric from each seed's and example's value, [S, N]."""
    draws = resample_means(values, rng=np.random.default_rng(seed), n_resamples=n_resamples)
    return BySeed(values.mean(axis=1), draws)


def answers(n_seeds: int, n: int, *, seed_noise: float = 0.3, rng_seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(rng_seed)
    shifts = seed_noise * rng.normal(size=(n_seeds, 1))
    return rng.normal(size=n) + 0.8 * rng.normal(size=(n_seeds, n)) + shifts > -0.3


# "the components are those of a two-way layout with random rows and columns"
def test_components_equal_those_of_sums_of_squares():
    values = answers(6, 800).astype(float)
    n_seeds, n = values.shape
    found = noise(metric(values), n_units=n)
    grand, rows, columns = values.mean(), values.mean(axis=1), values.mean(axis=0)
    mean_square_seeds = n * ((rows - grand) ** 2).sum() / (n_seeds - 1)
    mean_square_examples = n_seeds * ((columns - grand) ** 2).sum() / (n - 1)
    rest = values - rows[:, None] - columns + grand
    mean_square_rest = (rest**2).sum() / ((n_seeds - 1) * (n - 1))
    assert found.examples == pytest.approx(mean_square_examples / (n_seeds * n), rel=0.05)
    assert found.seeds == pytest.approx((mean_square_seeds - mean_square_rest) / (n_seeds * n), rel=0.05)


# "and must not be counted twice": seeds that err on examples of their own alone do not differ as seeds
def test_what_each_seed_errs_on_alone_is_counted_once():
    rng = np.random.default_rng(3)
    variances = []
    for _ in range(60):
        values = rng.random((5, 500)) < 0.6  # seeds share no example's ease, and have one accuracy
        variances.append(noise(metric(values, 500), n_units=500).standard_error ** 2)
    assert np.mean(variances) == pytest.approx(0.24 / 2500, rel=0.4)  # counted twice it would be the double


def test_degrees_are_those_of_seeds_where_seeds_are_all_and_of_examples_where_they_are_all():
    observed = np.array([0.5, 0.6, 0.8, 0.7])
    only_seeds = noise(BySeed(observed, np.tile(observed, (50, 1))), n_units=1000)
    assert only_seeds.degrees == pytest.approx(3.0)
    assert only_seeds.standard_error == pytest.approx(stats.sem(observed))
    alike = np.tile(answers(1, 500), (4, 1))
    assert noise(metric(alike, 500), n_units=500).degrees == pytest.approx(499, rel=1e-6)


# "Student's quantile over the normal one"
def test_an_interval_over_seeds_alone_is_that_of_student():
    observed = np.array([0.50, 0.53, 0.61, 0.58, 0.49])
    of = BySeed(observed, np.tile(observed, (40_000, 1)))
    error = noise(of, n_units=10**6)
    draws = mean_draws(
        of, resample_seeds(5, rng=np.random.default_rng(0), n_resamples=40_000), error, level=0.95, n_units=10**6
    )
    expected = stats.t.interval(0.95, 4, observed.mean(), stats.sem(observed))
    assert interval(draws, 0.95) == pytest.approx(expected, abs=0.002)


@pytest.mark.parametrize("degrees", [1, 2.5, 9, 400])
def test_the_stretch_is_a_ratio_of_scipys_quantiles(degrees):
    stretch = Noise(1.0, 0.0, degrees, 0.0).stretch(0.9)
    assert stretch == pytest.approx(stats.t.ppf(0.95, degrees) / stats.norm.ppf(0.95), rel=1e-9)


def test_one_seed_is_not_drawn_and_one_unit_has_no_known_error():
    assert (resample_seeds(1, rng=np.random.default_rng(0)) == 0).all()
    one = metric(answers(1, 300), 300)
    assert noise(one, n_units=300).seeds == 0
    assert np.isinf(noise(one, n_units=1).examples)


def test_weights_of_seeds_sum_to_zero_and_give_the_variance_of_a_mean():
    draws = resample_seeds(4, rng=np.random.default_rng(0), n_resamples=40_000)
    assert draws.sum(axis=1) == pytest.approx(0.0, abs=1e-12)
    observed = np.array([0.1, 0.2, 0.4, 0.5])
    assert np.std(draws @ observed) == pytest.approx(stats.sem(observed), rel=0.02)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 6), st.floats(-3, 3), st.integers(0, 1000))
def test_a_factor_scales_the_error_and_degrees_stay(n_seeds, factor, seed):
    of = metric(answers(n_seeds, 60, rng_seed=seed), 200)
    plain, scaled = noise(of, n_units=60), noise(of * factor, n_units=60)
    assert scaled.standard_error == pytest.approx(abs(factor) * plain.standard_error, abs=1e-12)
    if abs(factor) > 1e-3 and plain.standard_error > 0:
        assert scaled.degrees == pytest.approx(plain.degrees, rel=1e-6)
    assert ((of - of).observed == 0).all()
    assert (1 - of).value == pytest.approx(1 - of.value)


def test_the_interval_of_a_mean_over_seeds_is_that_of_its_draws():
    of, seed_draws = metric(answers(4, 300), 500), resample_seeds(4, rng=np.random.default_rng(2), n_resamples=500)
    draws = mean_draws(of, seed_draws, noise(of, n_units=300), level=0.9, n_units=300)
    found = mean_over_seeds(of, seed_draws, level=0.9, n_units=300)
    assert found == mean_estimate(of.value, draws, level=0.9, n_units=300)
    assert found == percentile_estimate(of.value, draws, 0.9) == (of.value, *interval(draws, 0.9))
