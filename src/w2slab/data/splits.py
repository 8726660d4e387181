"""The splits of a task."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated

from pydantic import Field

from w2slab.fields import Checked, Size, Whole


@dataclass(frozen=True, kw_only=True)
class Splits(Checked):
    """Examples of each split; `None` takes an equal share of what the others leave. Groups share a split.

    Args:
        supervisor_train: With ground truth, for supervisors.
        student_train: With weak labels for students, with ground truth for ceilings.
        validation: For the choice of a stopping point; students see weak labels only here, too.
        test: The same for every seed.
        reserve: Further unlabelled examples, for bootstrapping.
    """

    supervisor_train: Size | None = None
    student_train: Size | None = None
    validation: Size | None = 500
    test: Size | None = 2000
    reserve: Annotated[Whole, Field(ge=0)] = 0

    def sizes(self) -> dict[str, int | None]:
        """Return the size of each split by name."""
        return asdict(self)
