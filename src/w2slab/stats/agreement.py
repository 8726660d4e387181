"""Agreement of a student with its supervisor: whether it copies what it was taught, errors included."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from w2slab.stats.shares import share_of


class Agreement(NamedTuple):
    """Share of test examples on which student and supervisor choose the same candidate: numbers, or arrays of them.

    Args:
        all: Of all examples.
        supervisor_right: Of those that the supervisor gets right; NaN where there is none.
        supervisor_wrong: Of those that it gets wrong: the share of errors that the student copies. NaN where none.
    """

    all: Any
    supervisor_right: Any
    supervisor_wrong: Any


def agreement(student: np.ndarray, supervisor: np.ndarray, supervisor_is_right: np.ndarray) -> Agreement:
    """Agreement over all examples, and apart for those that the supervisor gets right and wrong.

    Args:
        student: Chosen candidate of each example, int [N].
        supervisor: The same of the supervisor.
        supervisor_is_right: Whether the supervisor's choice counts as right, bool [N].
    """
    if len(student) == 0:
        return Agreement(float("nan"), float("nan"), float("nan"))
    agrees = student == supervisor
    found = agreement_of_shares(agrees.mean(), (agrees & supervisor_is_right).mean(), supervisor_is_right.mean())
    return Agreement(*map(float, found))


def agreement_of_shares(agrees: Any, agrees_right: Any, right: Any) -> Agreement:
    """The same from shares of all examples, one number each or one per resample.

    Args:
        agrees: Share on which student and supervisor agree.
        agrees_right: Share on which they agree and the supervisor is right.
        right: Share that the supervisor gets right.
    """
    return Agreement(agrees, share_of(agrees_right, right), share_of(agrees - agrees_right, 1 - right))
