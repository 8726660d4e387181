"""Loss functions: the rows of the objectives' table, their base class, and what a loss of one's own is made of.

Shapes: B examples of a micro-batch, N of the whole optimizer batch, K candidates, and any dimensions in front of them
for independent models of a stack. Where an example has fewer than K candidates, its logits beyond them are very
negative and its targets 0.

Written with the methods of tensors alone, so that a study can be checked without importing torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from w2slab.lazy import classes_of, names_of, public

if TYPE_CHECKING:
    from w2slab.objectives.loss_terms import (
        cross_entropy,
        entropy,
        hardened,
        mixed_cross_entropy,
        own_count,
        padded,
        ramped,
        smoothed,
    )
    from w2slab.objectives.objective import Objective

# A row per objective; other distributions add rows through the entry-point group `w2slab.objectives`.
TABLE: dict[str, str] = {
    "adaptive-confidence": "w2slab.objectives.own_prediction:AdaptiveConfidence",
    "augcon": "w2slab.objectives.own_prediction:AugConf",
    "auxiliary-confidence": "w2slab.objectives.confidence:AuxiliaryConfidence",
    "auxiliary-confidence-released": "w2slab.objectives.confidence:AuxiliaryConfidenceReleased",
    "cace": "w2slab.objectives.reverse:CACE",
    "cross-entropy": "w2slab.objectives.plain_losses:CrossEntropy",
    "dirichlet-evidence": "w2slab.objectives.dirichlet_evidence:DirichletEvidence",
    "entropy-minimisation": "w2slab.objectives.sharpening:EntropyMinimisation",
    "generalized-cross-entropy": "w2slab.objectives.generalized:GeneralizedCrossEntropy",
    "geometric-mean": "w2slab.objectives.pooled:GeometricMean",
    "hard-bootstrapping": "w2slab.objectives.own_prediction:HardBootstrapping",
    "l2-confidence": "w2slab.objectives.sharpening:L2Confidence",
    "label-smoothing": "w2slab.objectives.plain_losses:LabelSmoothing",
    "product-of-experts": "w2slab.objectives.pooled:ProductOfExperts",
    "representation-anchor": "w2slab.objectives.anchor:RepresentationAnchor",
    "reverse-cross-entropy": "w2slab.objectives.reverse:ReverseCrossEntropy",
    "reverse-kl": "w2slab.objectives.reverse:ReverseKL",
    "soft-bootstrapping": "w2slab.objectives.own_prediction:SoftBootstrapping",
    "symmetric-cross-entropy": "w2slab.objectives.reverse:SymmetricCrossEntropy",
    "window": "w2slab.objectives.window:Window",
}

__all__ = [
    "Objective",
    "cross_entropy",
    "entropy",
    "hardened",
    "mixed_cross_entropy",
    "own_count",
    "padded",
    "ramped",
    "smoothed",
]
_PLACES = (
    classes_of(TABLE)
    | names_of("w2slab.objectives.loss_terms", *__all__)
    | names_of("w2slab.objectives.objective", "Objective")
)
__all__ += classes_of(TABLE)


def __getattr__(name: str) -> Any:
    return public(__name__, _PLACES, name)


def __dir__() -> list[str]:
    return sorted(_PLACES)
