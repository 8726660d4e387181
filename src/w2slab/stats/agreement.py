"""Agreement of a student with its supervisor: whether it copies what it was taught, errors included."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


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


def _share(agree: np.ndarray, where: np.ndarray) -> float:
    return float(agree[where].mean()) if where.any() else float("nan")


def agreement(student: np.ndarray, supervisor: np.ndarray, supervisor_is_right: np.ndarray) -> Agreement:
    """Agreement over all examples, and apart for those that the supervisor gets right and wrong.

    Args:
        student: Chosen candidate of each example, int [N].
        supervisor: The same of the supervisor.
        supervisor_is_right: Whether the supervisor's choice counts as right, bool [N].
    """
    agree = student == supervisor
    everywhere = np.ones(agree.shape, dtype=bool)
    return Agreement(_share(agree, everywhere), _share(agree, supervisor_is_right), _share(agree, ~supervisor_is_right))
