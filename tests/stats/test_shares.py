"""Intervals of shares, against SciPy and textbooks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from w2slab.stats.shares import clopper_pearson, share_of, wilson

counts = st.integers(0, 60)
levels = st.sampled_from([0.8, 0.95, 0.99])


@given(counts, counts, levels)
def test_the_exact_interval_is_scipys(successes, failures, level):
    n = successes + failures
    found = clopper_pearson(successes, n, level)
    if n == 0:
        assert np.isnan(found).all()
        return
    expected = stats.binomtest(successes, n).proportion_ci(level, method="exact")
    assert found == pytest.approx((successes / n, expected.low, expected.high), abs=1e-9)


@given(counts, counts, levels)
def test_wilsons_interval_is_scipys(successes, failures, level):
    n = successes + failures
    if n == 0:
        assert np.isnan(wilson(successes, n, level)).all()
        return
    expected = stats.binomtest(successes, n).proportion_ci(level, method="wilson")
    assert wilson(successes, n, level) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_wilson_is_as_in_the_textbook():
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)  # Newcombe 1998, example (a)


def test_wilson_takes_arrays_and_numbers_that_are_not_whole():
    low, high = wilson(np.array([81.0, 0.0, 4.5]), np.array([263, 0, 9]))
    assert (low[0], high[0]) == wilson(81, 263)
    assert np.isnan([low[1], high[1]]).all()
    assert (low[2], high[2]) == wilson(4.5, 9)
    assert low[2] + high[2] == pytest.approx(1.0)


def test_a_share_of_a_share():
    assert share_of(0.1, 0.4) == pytest.approx(0.25)
    assert share_of(np.array([0.1, 0.0]), np.array([0.2, 0.0])) == pytest.approx([0.5, np.nan], nan_ok=True)
