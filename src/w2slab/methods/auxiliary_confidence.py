"""The auxiliary confidence loss."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

if TYPE_CHECKING:
    from w2slab.experiment import Setting
    from w2slab.graph.job import Job
    from w2slab.study import Rung, Study


@dataclass(frozen=True)
class AuxiliaryConfidence:
    """Trust the student's own hardened predictions more as training goes on (Burns et al. 2023, section 4.3.2).

    Args:
        max_weight: Weight of the student's own predictions after the ramp; the paper's 0.75 for the largest
            students, 0.5 for the others.
        ramp_frac: Share of training over which the weight rises linearly from 0.
        prior: Share of each class among the hardened predictions, where candidates are common to all examples: that
            of the weak labels in the batch (the paper's footnote 7), or half.
    """

    max_weight: Annotated[float, Field(ge=0, le=1)] = 0.5
    ramp_frac: Annotated[float, Field(ge=0, le=1)] = 0.2
    prior: Literal["weak-labels", "half"] = "weak-labels"

    def problems(self, study: Study) -> Iterable[str]:
        """Nothing stands in its way."""
        return ()

    def student(self, setting: Setting, weak: Rung, strong: Rung, labels: Job) -> Job:
        """The naive job with another objective."""
        return setting.finetune(strong, labels=labels, objective=("auxiliary-confidence", asdict(self)))
