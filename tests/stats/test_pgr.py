"""PGR: unclipped, and undefined with a reason where there is no gap."""

from __future__ import annotations

import math

import numpy as np
import pytest

from w2slab.stats.pgr import performance_gap_recovered, undefined_reason
from w2slab.stats.resampling import Estimate


@pytest.mark.parametrize(
    ("supervisor", "student", "ceiling", "expected"),
    [(0.6, 0.7, 0.8, 0.5), (0.6, 0.6, 0.8, 0.0), (0.6, 0.8, 0.8, 1.0), (0.6, 0.5, 0.8, -0.5), (0.6, 0.9, 0.8, 1.5)],
)
# "PGR is unclipped"
def test_pgr_by_hand(supervisor, student, ceiling, expected):
    assert performance_gap_recovered(supervisor, student, ceiling) == pytest.approx(expected)


def test_pgr_without_a_gap_is_nan_and_never_0():
    assert math.isnan(performance_gap_recovered(0.7, 0.7, 0.7))
    many = performance_gap_recovered(np.array([0.5, 0.7]), np.array([0.6, 0.7]), np.array([0.7, 0.7]))
    assert many[0] == pytest.approx(0.5)
    assert np.isnan(many[1])


# "undefined when the interval of the gap includes 0 or the gap is below the study's `min_gap`"
@pytest.mark.parametrize(
    ("gap", "min_gap", "reason"),
    [
        (Estimate(0.10, 0.05, 0.15), 0.01, None),
        (Estimate(0.10, -0.01, 0.21), 0.01, "the interval of the gap, -1.0 to 21.0 points, includes 0"),
        (Estimate(0.10, 0.0, 0.20), 0.01, "the interval of the gap, 0.0 to 20.0 points, includes 0"),
        (Estimate(0.004, 0.001, 0.007), 0.01, "the gap of 0.4 points is below the smallest that counts, 1"),
        (Estimate(-0.05, -0.08, -0.02), 0.01, "the ceiling is 5.0 points below the supervisor"),
        (Estimate(0.57 - 0.56, 0.005, 0.015), 0.01, None),
        (Estimate(0.0, -0.1, 0.1), 0.0, "the interval of the gap, -10.0 to 10.0 points, includes 0"),
    ],
)
def test_undefined_with_a_reason(gap, min_gap, reason):
    assert undefined_reason(gap, min_gap=min_gap, n_units=100) == reason
