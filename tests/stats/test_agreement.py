"""Agreement of student with supervisor."""

from __future__ import annotations

import math

import numpy as np
import pytest

from w2slab.stats.agreement import agreement


def test_agreement_by_hand():
    student, supervisor = np.array([0, 1, 2, 0, 1]), np.array([0, 1, 1, 1, 1])
    result = agreement(student, supervisor, np.array([True, True, False, False, False]))
    assert result.all == pytest.approx(3 / 5)
    assert result.supervisor_right == 1.0
    assert result.supervisor_wrong == pytest.approx(1 / 3)


# "no data must never look like certainty"
@pytest.mark.parametrize("is_right", [True, False])
def test_a_supervisor_always_right_or_wrong_leaves_the_other_share_undefined(is_right):
    result = agreement(np.array([1]), np.array([1]), np.array([is_right]))
    assert result.all == 1.0
    assert math.isnan(result.supervisor_wrong if is_right else result.supervisor_right)


def test_no_example_has_no_agreement():
    assert all(map(math.isnan, agreement(np.array([], dtype=int), np.array([], dtype=int), np.array([], dtype=bool))))
