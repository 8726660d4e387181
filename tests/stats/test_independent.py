"""Two independent sets of seeds on one test set: the error of their difference."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from w2slab.stats.comparing import p_value
from w2slab.stats.independent import difference_noise
from w2slab.stats.seeds import BySeed, noise


def metric(observed, draws=None, n_resamples=400):
    observed = np.array(observed, dtype=float)
    return BySeed(observed, np.tile(observed, (n_resamples, 1)) if draws is None else draws)


# "their variances add as those of two independent samples do (Welch 1947)"
def test_without_noise_from_examples_it_is_welchs_test():
    first, second = metric([0.71, 0.74, 0.69, 0.75]), metric([0.66, 0.70, 0.61])
    error, _ = difference_noise(first, second, n_units=10**9)
    oracle = stats.ttest_ind(first.observed, second.observed, equal_var=False)
    assert error.degrees == pytest.approx(oracle.df)
    p = p_value(first.value - second.value, error.standard_error, degrees=error.degrees, n_units=10**9)
    assert p == pytest.approx(oracle.pvalue)


# "Test examples are paired, so that what both share of their luck cancels"
def test_shared_luck_with_examples_cancels():
    luck = np.random.default_rng(0).normal(0, 0.02, size=(4000, 1))
    first, second = (metric([value], value + luck) for value in (0.7, 0.6))
    error, _ = difference_noise(first, second, n_units=500)
    assert error.standard_error == pytest.approx(0, abs=1e-12)
    assert noise(first, n_units=500).standard_error == pytest.approx(0.02, rel=0.05)


# "A set of one seed says nothing of its variance over seeds; it is taken to vary as the other does."
def test_one_seed_varies_as_the_other_seeds_do():
    many = metric([0.71, 0.74, 0.69, 0.75])
    errors = difference_noise(metric([0.6]), many, n_units=1000)
    assert errors[0].standard_error == pytest.approx(many.observed.std(ddof=1) * np.sqrt(1 + 1 / 4))
    assert [error.seed_scale for error in errors] == [0.0, pytest.approx(np.sqrt(5))]
    assert errors[0].degrees == errors[1].degrees == pytest.approx(3)


def test_one_seed_each_leaves_an_error_of_examples_only():
    errors = difference_noise(metric([0.6]), metric([0.7]), n_units=1000)
    assert errors[0].seeds == errors[1].seeds == 0.0


def test_one_example_leaves_everything_open():
    error, _ = difference_noise(metric([0.0, 1.0]), metric([1.0]), n_units=1)
    assert error.standard_error == np.inf
