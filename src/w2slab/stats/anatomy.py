"""Error anatomy: supervisor errors corrected, inherited or changed by the student, and the student's own errors."""

from __future__ import annotations

from typing import Any, NamedTuple

from w2slab.shapes import Array, Bool, Int


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
    student: Int[Array, " N"],
    supervisor: Int[Array, " N"],
    student_is_right: Bool[Array, " N"],
    supervisor_is_right: Bool[Array, " N"],
) -> Anatomy:
    """Compute the anatomy of a student's errors; NaN throughout without examples.

    Args:
        student: Chosen candidate of each example.
        supervisor: The same of the supervisor.
        student_is_right: True where the student's choice is right; several candidates may be.
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
    """Compute the anatomy from shares of all examples, one number each or one per resample.

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
