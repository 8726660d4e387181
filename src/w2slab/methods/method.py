"""What a method is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from w2slab.experiment import Setting
    from w2slab.graph.job import Job
    from w2slab.study import Rung, Study


class Method(Protocol):
    """How a student is obtained: a frozen dataclass whose fields are what a study may write.

    A method *describes* jobs; it computes nothing and imports without torch.
    """

    def problems(self, study: Study) -> Iterable[str]:
        """What makes this method impossible in this study, as sentences; usually nothing."""
        ...

    def student(self, setting: Setting, weak: Rung, strong: Rung, labels: Job) -> Job:
        """The job whose predictions are the student's.

        Args:
            setting: Makes finetuning jobs for one task under one seed.
            weak: The rung of the supervisor.
            strong: The rung of the student.
            labels: A job that left weak labels for `student_train`, `validation` and `reserve`.
        """
        ...
