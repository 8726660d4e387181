"""Probes: linear models on features of the strong one (Burns et al. 2023, section 5.2.3 and figure 11).

The figure's five bars are `linear-probe` with weak labels and with ground truth, the naive student,
`finetune-then-probe`, and the ceiling.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from w2slab.methods.method import LabelSource, Method, frozen_features, without_features

if TYPE_CHECKING:
    from w2slab.experiment.trial import Trial
    from w2slab.graph.job import Job
    from w2slab.models.model import Model
    from w2slab.study.study import Study


@dataclass(frozen=True)
class LinearProbe(Method):
    """Fit a probe on features of the strong model, which itself stays as it is (Burns et al. 2023, section 5.2.3).

    A probe is a logistic regression.

    Args:
        labels: What the probe learns: weak labels, or ground truth of the same examples.
        l2: Weight of the squared norm of the coefficients beside the mean loss; features are standardised.
    """

    labels: LabelSource = "weak"
    l2: Annotated[float, Field(gt=0)] = 1e-3

    @property
    def uses_truth(self) -> bool:
        """True if the probe learns ground truth."""
        return self.labels == "true"

    def problems(self, study: Study) -> Iterable[str]:
        """Networks without features."""
        yield from without_features(study)

    def student(self, trial: Trial, weak: Model, strong: Model, labels: Job) -> Job:
        """Return one probe; on ground truth it is the same for every supervisor."""
        return trial.probe(strong, labels=labels if self.labels == "weak" else None, l2=self.l2)


@dataclass(frozen=True)
class FinetuneThenProbe(Method):
    """Finetune on weak labels, then fit a probe on the finetuned model's features (Burns et al. 2023, section 5.2.3).

    With ground truth, as in the paper, it measures how much of the task the features hold after weak labels.

    Args:
        labels: What the probe learns: ground truth of the same examples, or weak labels.
        l2: Weight of the squared norm of the coefficients beside the mean loss; features are standardised.
    """

    labels: LabelSource = "true"
    l2: Annotated[float, Field(gt=0)] = 1e-3

    @property
    def uses_truth(self) -> bool:
        """True if the probe learns ground truth."""
        return self.labels == "true"

    def problems(self, study: Study) -> Iterable[str]:
        """Networks without features, or with features that no finetuning changes."""
        yield from frozen_features(study)
        yield from without_features(study)

    def student(self, trial: Trial, weak: Model, strong: Model, labels: Job) -> Job:
        """The naive student with its weights kept, and a probe on them."""
        finetuned = trial.finetune(strong, labels=labels, keep_weights=True)
        return trial.probe(strong, labels=labels if self.labels == "weak" else None, l2=self.l2, start=finetuned)
