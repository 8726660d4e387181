"""p-values, Holm's correction, verdicts and minimum detectable effects, against scipy and by hand."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from w2slab.stats.comparing import holm, holm_verdicts, minimum_detectable_effect, p_value, verdict
from w2slab.stats.pgr import undefined_reason
from w2slab.stats.resampling import Estimate


def test_p_value_is_that_of_scipys_paired_t_test():
    rng = np.random.default_rng(0)
    difference = rng.normal(0.4, 1.0, size=12)
    found = p_value(difference.mean(), stats.sem(difference), degrees=11, n_units=12)
    assert found == pytest.approx(stats.ttest_1samp(difference, 0).pvalue, rel=1e-9)


def test_p_value_is_normal_with_endless_degrees():
    assert p_value(-0.03, 0.01, degrees=math.inf, n_units=900) == pytest.approx(2 * stats.norm.sf(3), rel=1e-9)


# "Where all n independent units differ alike there is no standard error, and the sign test answers"
def test_units_that_all_differ_alike_are_counted_by_the_sign_test():
    assert p_value(1.0, 0.0, degrees=7, n_units=8) == pytest.approx(stats.binomtest(8, 8).pvalue)
    assert p_value(0.355, np.full(2000, 0.355).std(), degrees=0, n_units=1) == 1.0
    assert p_value(0.0, 0.0, degrees=7, n_units=8) == 1.0
    assert p_value(float("nan"), 0.1, degrees=7, n_units=8) == 1.0


# "no data must never look like certainty"
def test_one_example_gives_no_pgr_and_no_verdict():
    assert verdict(1.0, p_value(1.0, math.inf, degrees=1, n_units=1)) == "not significant"
    reason = undefined_reason(Estimate(1.0, 1.0, 1.0), min_gap=0.01, n_units=1)
    assert reason == "all test examples are of one group, or there is one alone: no interval can be made"


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


# "What is no test is not corrected for."
def test_verdicts_of_a_family_are_adjusted_over_its_tests_alone():
    found = holm_verdicts([0.2, -0.1, 0.0, 0.3], [0.01, 0.03, 0.005, 0.04], untested=[None, None, "same student", None])
    assert [each.verdict for each in found] == ["better", "not significant", "same student", "not significant"]
    assert [each.p_adjusted for each in found] == pytest.approx([0.03, 0.06, math.nan, 0.06], nan_ok=True)
    assert holm_verdicts([0.2, -0.1], [0.01, 0.02]) == [(0.02, "better"), (0.02, "worse")]
    assert holm_verdicts([], []) == []


# Holm's is the closed test of Bonferroni's: a hypothesis is as sure as the least sure set of hypotheses that holds it.
@given(st.lists(st.floats(0, 1), max_size=6))
def test_holm_is_the_closed_test_over_all_subsets(p_values):
    places = range(len(p_values))
    subsets = [own for size in places for own in combinations(places, size + 1)]
    expected = [
        max(min(1.0, len(own) * min(p_values[i] for i in own)) for own in subsets if place in own) for place in places
    ]
    assert holm(p_values) == pytest.approx(expected)


def test_verdicts():
    assert verdict(0.02, 0.049) == "better"
    assert verdict(-0.02, 0.049) == "worse"
    assert verdict(0.02, 0.05) == "not significant"


# "Where no unit differs there is no standard error": six that do are the fewest that the sign test finds
@pytest.mark.parametrize("n", [6, 7, 100, 3000])
def test_where_no_unit_differs_the_sign_test_says_what_would_have_been_found(n):
    assert stats.binomtest(6, 6).pvalue < 0.05 < stats.binomtest(5, 5).pvalue
    smallest = minimum_detectable_effect(0.0, degrees=n - 1, level=0.95, n_units=n)
    assert stats.binom.sf(5, n, smallest) == pytest.approx(0.8, abs=1e-9)
    assert minimum_detectable_effect(0.0, degrees=4, level=0.95, n_units=5) == math.inf


# "The smallest true difference that a test at `level` shows with this power"
@pytest.mark.parametrize("degrees", [5, 30, math.inf])
def test_a_detectable_difference_is_found_in_80_percent_of_tests(degrees):
    smallest = minimum_detectable_effect(0.01, degrees=degrees, level=0.95)
    rng = np.random.default_rng(1)
    n_tests = 40_000
    errors = 0.01 * (np.sqrt(rng.chisquare(degrees, n_tests) / degrees) if math.isfinite(degrees) else np.ones(n_tests))
    observed = smallest + 0.01 * rng.normal(size=n_tests)
    found = np.abs(observed) / errors > stats.t.ppf(0.975, degrees)
    assert found.mean() == pytest.approx(0.8, abs=0.02)
