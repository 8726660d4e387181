"""What became of the supervisor's errors, against a plain loop over examples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from w2slab.stats.anatomy import anatomy, anatomy_of_shares


def plain_anatomy(student, supervisor, right):
    """Counts by name; `right[i]` holds the right candidates of example i."""
    counts = dict.fromkeys(("kept", "corrected", "inherited", "changed", "new"), 0)
    for own, taught, allowed in zip(student, supervisor, right, strict=True):
        if taught in allowed:
            counts["kept" if own in allowed else "new"] += 1
        elif own in allowed:
            counts["corrected"] += 1
        else:
            counts["inherited" if own == taught else "changed"] += 1
    return {name: count / len(student) for name, count in counts.items()}


@given(st.data(), st.integers(1, 30))
def test_it_is_a_plain_count_and_sums_to_one(data, n):
    choices = arrays(np.int64, n, elements=st.integers(0, 3))
    student, supervisor = data.draw(choices), data.draw(choices)
    is_right = data.draw(arrays(bool, (n, 4)))  # none, one or several candidates are right
    rows = np.arange(n)
    found = anatomy(student, supervisor, is_right[rows, student], is_right[rows, supervisor])
    right = [set(np.flatnonzero(row)) for row in is_right]
    assert found._asdict() == pytest.approx(plain_anatomy(student, supervisor, right), abs=1e-12)
    assert sum(found) == pytest.approx(1)


def test_by_hand():
    supervisor, student = np.array([0, 0, 1, 1, 1]), np.array([0, 1, 0, 1, 2])
    found = anatomy(student, supervisor, student == 0, supervisor == 0)
    assert found == pytest.approx((0.2, 0.2, 0.2, 0.2, 0.2))


@pytest.mark.parametrize(
    ("student", "supervisor", "expected"),
    [(0, 0, "kept"), (0, 1, "corrected"), (1, 1, "inherited"), (1, 2, "changed"), (1, 0, "new")],
)
def test_one_example_is_of_one_kind(student, supervisor, expected):
    choices = np.array([student]), np.array([supervisor])
    found = anatomy(*choices, *(choice == 0 for choice in choices))
    assert [name for name, share in found._asdict().items() if share] == [expected]


def test_no_example_has_no_anatomy():
    nothing, no_flags = np.array([], dtype=int), np.array([], dtype=bool)
    assert np.isnan(anatomy(nothing, nothing, no_flags, no_flags)).all()


def test_shares_of_resamples_are_taken_together():
    one, other = (0.6, 0.7, 0.5, 0.75, 0.5), (1.0, 1.0, 1.0, 1.0, 1.0)
    found = anatomy_of_shares(*np.array([one, other]).T)
    assert np.transpose(found) == pytest.approx(np.array([(0.5, 0.2, 0.25, -0.05, 0.1), (1, 0, 0, 0, 0)]), abs=1e-12)
