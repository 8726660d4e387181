"""Verdicts on studies whose truth is known: a planted difference is found, a planted null is no difference."""

from __future__ import annotations

import pytest

from benchmarks.planted import verdicts

pytestmark = pytest.mark.slow


# "A planted difference is found and a planted null is not called a difference, in 100 simulated studies each"
@pytest.mark.parametrize(("points", "expected", "least"), [(8, "better", 90), (0, "not significant", 93)])
def test_in_100_studies(points, expected, least):
    found = verdicts(points, 3, n_studies=100)
    assert found.count(expected) >= least
    assert found.count("worse") <= 3
