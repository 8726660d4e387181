"""Anatomy of errors: what became of the supervisor's errors in the student, and which errors are the student's own."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Anatomy(NamedTuple):
    """Shares of all test examples that sum to one: numbers, or arrays of them.

    Args:
        kept: Supervisor and student both right.
        corrected: Supervisor wrong, student right.
        inherited: Supervisor wrong, and the student makes the same wrong choice.
        changed: Supervisor wrong, and the student makes another wrong choice.
        new: Supervisor right, student wrong.
    """

    kept: Any
    corrected: Any
    inherited: Any
    changed: Any
    new: Any


def anatomy(
    student: np.ndarray, supervisor: np.ndarray, student_is_right: np.ndarray, supervisor_is_right: np.ndarray
) -> Anatomy:
    """The anatomy of a student's errors; NaN throughout where there is no example.

    Args:
        student: Chosen candidate of each example, int [N].
        supervisor: The same of the supervisor.
        student_is_right: Whether the student's choice counts as right, bool [N]; several candidates may be right.
        supervisor_is_right: The same of the supervisor.
    """
    if len(student) == 0:
        return Anatomy(*[float("nan")] * 5)
    agrees = student == supervisor
    found = anatomy_of_shares(
        supervisor_is_right.mean(),
        student_is_right.mean(),
        (supervisor_is_right & student_is_right).mean(),
        agrees.mean(),
        (agrees & supervisor_is_right).mean(),
    )
    return Anatomy(*map(float, found))


def anatomy_of_shares(supervisor: Any, student: Any, both_right: Any, agrees: Any, agrees_right: Any) -> Anatomy:
    """The same from shares of all examples, one number each or one per resample.

    Args:
        supervisor: Share that the supervisor gets right.
        student: Share that the student gets right.
        both_right: Share that both get right.
        agrees: Share on which both choose the same candidate.
        agrees_right: Share on which they do and the supervisor is right.
    """
    inherited = agrees - agrees_right
    return Anatomy(
        kept=both_right,
        corrected=student - both_right,
        inherited=inherited,
        changed=1 - supervisor - student + both_right - inherited,
        new=supervisor - both_right,
    )
