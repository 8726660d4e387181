"""Agreement of a student with its supervisor, overall and on the supervisor's errors."""

from __future__ import annotations

from typing import NamedTuple

from w2slab.shapes import Array, Bool, Int
from w2slab.stats.shares import share_of


class Agreement(NamedTuple):
    """Shares of test examples on which student and supervisor choose the same candidate.

    Args:
        all: Of all examples.
        supervisor_right: Of those that the supervisor gets right; NaN where there is none.
        supervisor_wrong: Of those that it gets wrong: the share of errors that the student copies. NaN where none.
    """

    all: float
    supervisor_right: float
    supervisor_wrong: float


def agreement(
    student: Int[Array, " N"], supervisor: Int[Array, " N"], supervisor_is_right: Bool[Array, " N"]
) -> Agreement:
    """Compute agreement over all examples, and apart for those that the supervisor gets right and wrong.

    Args:
        student: Chosen candidate of each example.
        supervisor: The same of the supervisor.
        supervisor_is_right: True where the supervisor's choice is right.
    """
    if len(student) == 0:
        return Agreement(float("nan"), float("nan"), float("nan"))
    agrees = student == supervisor
    return Agreement(
        float(agrees.mean()),
        float(share_of((agrees & supervisor_is_right).sum(), supervisor_is_right.sum())),
        float(share_of((agrees & ~supervisor_is_right).sum(), (~supervisor_is_right).sum())),
    )
