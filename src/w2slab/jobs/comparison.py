"""A student beside its supervisor and its ceiling."""

from __future__ import annotations

from dataclasses import dataclass

from w2slab.graph.job import Job


@dataclass(frozen=True)
class StudentWithReferences:
    """A student that is compared with a supervisor or a ceiling of its own.

    Args:
        student: The job whose predictions are the student's.
        ceiling: The job of its ceiling; `None` is the strong model finetuned on ground truth.
        supervisor: The job of its supervisor; `None` is the weak model finetuned on ground truth.
    """

    student: Job
    ceiling: Job | None = None
    supervisor: Job | None = None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One student beside its supervisor and its ceiling: a row of the results.

    Args:
        task, weak, strong, method: Names as the study gives them.
        control: `None`, or what was done to the weak labels (`shuffled`, `random`, `constant`), or `self-training`
            where the student is a copy of its supervisor.
        uses_truth: The student was given ground truth of `student_train`: it is a reference, no student of weak labels.
        data: The `split` job of the task, whose input is the `task` job with the examples and their ground truth.
        supervisor, student, ceiling: Jobs that leave predictions.
    """

    task: str
    weak: str
    strong: str
    method: str
    seed: int
    control: str | None
    uses_truth: bool = False
    data: Job
    supervisor: Job
    student: Job
    ceiling: Job
