"""Two models on the same examples, against tables and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from w2slab.stats.paired import Pairs, labels_needed, mcnemar, minimum_detectable_difference, paired_difference

counts = st.integers(0, 60)


# Newcombe 1998, Statistics in Medicine 17:2635, table II: method 10 for a = 36, b = 12, c = 2, d = 0.
def test_the_paired_interval_is_newcombes():
    assert paired_difference(Pairs(36, 12, 2, 0)) == pytest.approx((0.2, 0.0569, 0.3404), abs=5e-5)


@given(counts, counts, counts, counts)
def test_the_paired_interval_turns_over_with_the_pair(both, first, second, neither):
    pairs = Pairs(both, first, second, neither)
    if pairs.n == 0:
        assert np.isnan(paired_difference(pairs)).all()
        return
    one, other = paired_difference(pairs), paired_difference(Pairs(both, second, first, neither))
    assert one.low <= one.value <= one.high
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))


@given(counts, counts)
def test_mcnemar_is_the_binomial_test(first, second):
    expected = stats.binomtest(first, first + second, 0.5).pvalue if first + second else 1.0
    assert mcnemar(Pairs(10, first, second, 10)) == pytest.approx(expected, abs=1e-12)


# 1 of 8: 2 (C(8, 0) + C(8, 1)) / 2^8 = 18 / 256.
def test_mcnemar_by_hand():
    assert mcnemar(Pairs(100, 7, 1, 3)) == pytest.approx(18 / 256)


def test_mcnemar_of_many_examples_stays_a_number():
    assert mcnemar(Pairs(0, 40_000, 41_000, 0)) == pytest.approx(stats.binomtest(40_000, 81_000).pvalue)


@pytest.mark.parametrize("pairs", [Pairs(0, 0, 0, 0), Pairs(1, 0, 0, 0), Pairs(50, 0, 0, 0), Pairs(0, 0, 0, 50)])
def test_models_that_never_differ_show_no_difference(pairs):
    assert mcnemar(pairs) == 1.0


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


# (1.960 + 0.842) sqrt(0.1 / 400) = 0.0443.
def test_the_smallest_difference_shown_by_hand():
    assert minimum_detectable_difference(0.1, 400) == pytest.approx(0.0443, abs=5e-5)
    assert minimum_detectable_difference(0.1, 10) == 0.1  # no more than all that differ


def test_pairs_are_counted():
    first, second = np.array([1, 1, 0, 0, 1], bool), np.array([1, 0, 1, 0, 1], bool)
    assert Pairs.of(first, second) == Pairs(2, 1, 1, 1)
    assert Pairs.of(first, second).n == 5
