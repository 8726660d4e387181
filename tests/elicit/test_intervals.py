"""Exact intervals and tests for a few true labels, against tables and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from w2slab.elicit.intervals import Pairs, clopper_pearson, labels_needed, mcnemar, paired_difference, wilson

counts = st.integers(0, 60)


@given(counts, counts, st.sampled_from([0.8, 0.95, 0.99]))
def test_clopper_pearson_is_that_of_the_beta_distribution(successes, failures, level):
    n = successes + failures
    found = clopper_pearson(successes, n, level)
    if n == 0:
        assert np.isnan(found).all()
        return
    tail = (1 - level) / 2
    low = 0.0 if successes == 0 else stats.beta.ppf(tail, successes, failures + 1)
    high = 1.0 if failures == 0 else stats.beta.ppf(1 - tail, successes + 1, failures)
    assert found == pytest.approx((successes / n, low, high), abs=1e-9)


def test_wilson_is_as_in_the_textbook():
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)  # Newcombe 1998, example (a)


# Newcombe 1998, Statistics in Medicine 17:2635, table II: method 10 for a = 36, b = 12, c = 2, d = 0.
def test_the_paired_interval_is_newcombes():
    assert paired_difference(Pairs(36, 12, 2, 0)) == pytest.approx((0.2, 0.0569, 0.3404), abs=5e-5)


@given(counts, counts, counts, counts)
def test_the_paired_interval_turns_over_with_the_pair(both, first, second, neither):
    pairs = Pairs(both, first, second, neither)
    if pairs.n == 0:
        return
    one, other = paired_difference(pairs), paired_difference(Pairs(both, second, first, neither))
    assert one.low <= one.value <= one.high
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))


@given(counts, counts)
def test_mcnemar_is_the_binomial_test(first, second):
    expected = stats.binomtest(first, first + second, 0.5).pvalue if first + second else 1.0
    assert mcnemar(Pairs(10, first, second, 10)) == pytest.approx(expected)


def test_the_labels_asked_for_give_the_promised_power():
    pairs = Pairs(70, 20, 5, 5)  # 25 % discordant, 15 points better
    n = labels_needed(pairs)
    generator = np.random.default_rng(0)
    drawn = generator.multinomial(n, np.array(pairs) / pairs.n, size=1000)
    found = np.mean([mcnemar(Pairs(*row)) < 0.05 for row in drawn.tolist()])
    assert 0.72 < found < 0.88  # the exact test asks for a little more than the formula's approximation


def test_no_difference_needs_no_number_of_labels():
    assert labels_needed(Pairs(10, 3, 3, 4)) is None
    assert labels_needed(Pairs(0, 0, 0, 0)) is None


def test_pairs_are_counted():
    first, second = np.array([1, 1, 0, 0, 1], bool), np.array([1, 0, 1, 0, 1], bool)
    assert Pairs.of(first, second) == Pairs(2, 1, 1, 1)
