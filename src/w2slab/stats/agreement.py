"""Agreement of a student with its supervisor: whether it copies what it was taught, errors included."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from w2slab.stats.shares import share_of


class Agreement(NamedTuple):
    """Share of test examples on which student and supervisor choose the same candidate.

    Args:
        all: Of all examples.
        supervisor_right: Of those that the supervisor gets right; NaN where there is none.
        supervisor_wrong: Of those that it gets wrong: the share of errors that the student copies. NaN where none.
    """

    all: float
    supervisor_right: float
    supervisor_wrong: float


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
    return Agreement(
        float(agrees.mean()),
        float(share_of((agrees & supervisor_is_right).sum(), supervisor_is_right.sum())),
        float(share_of((agrees & ~supervisor_is_right).sum(), (~supervisor_is_right).sum())),
    )
