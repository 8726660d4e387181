"""Spearman's rank correlation, by hand and against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from w2slab.stats.rank_correlation import ranks, spearman


def test_ranks_by_hand():
    assert ranks(np.array([0.3, 0.1, 0.3, 0.9])).tolist() == [2.5, 1.0, 2.5, 4.0]
    assert ranks(np.array([])).tolist() == []


def test_by_hand():
    assert spearman([1, 2, 3], [10, 20, 99]) == 1
    assert spearman([1, 2, 3], [3, 2, 1]) == -1
    # 1 - 6 (0 + 1 + 1 + 0) / (4 * 15)
    assert spearman([1, 2, 3, 4], [1, 3, 2, 4]) == pytest.approx(0.8)


@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=3, max_size=20))
def test_it_is_scipys(pairs):
    first, second = zip(*pairs, strict=True)
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert np.isnan(spearman(first, second))
    else:
        assert spearman(first, second) == pytest.approx(stats.spearmanr(first, second).statistic)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_two_are_too_few(n):
    assert np.isnan(spearman(range(n), range(n)))
