"""Loss functions: the rows of the objectives' table, their base class, and what a loss of one's own is made of.

Shapes: B examples of a micro-batch, N of the whole optimizer batch, K candidates, and any dimensions in front of them
for independent models of a stack. Where an example has fewer than K candidates, its logits beyond them are very
negative and its targets 0.

Written with the methods of tensors alone, so that a study can be checked without importing torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from w2slab.objectives.anchor import RepresentationAnchor
    from w2slab.objectives.confidence import AuxiliaryConfidence, AuxiliaryConfidenceReleased
    from w2slab.objectives.dirichlet_evidence import DirichletEvidence
    from w2slab.objectives.generalized import GeneralizedCrossEntropy
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
    from w2slab.objectives.own_prediction import AdaptiveConfidence, AugConf, HardBootstrapping, SoftBootstrapping
    from w2slab.objectives.plain_losses import CrossEntropy, LabelSmoothing
    from w2slab.objectives.pooled import GeometricMean, ProductOfExperts
    from w2slab.objectives.reverse import CACE, ReverseCrossEntropy, ReverseKL, SymmetricCrossEntropy
    from w2slab.objectives.sharpening import EntropyMinimisation, L2Confidence
    from w2slab.objectives.window import Window

__all__ = [
    "CACE",
    "AdaptiveConfidence",
    "AugConf",
    "AuxiliaryConfidence",
    "AuxiliaryConfidenceReleased",
    "CrossEntropy",
    "DirichletEvidence",
    "EntropyMinimisation",
    "GeneralizedCrossEntropy",
    "GeometricMean",
    "HardBootstrapping",
    "L2Confidence",
    "LabelSmoothing",
    "Objective",
    "ProductOfExperts",
    "RepresentationAnchor",
    "ReverseCrossEntropy",
    "ReverseKL",
    "SoftBootstrapping",
    "SymmetricCrossEntropy",
    "Window",
    "cross_entropy",
    "entropy",
    "hardened",
    "mixed_cross_entropy",
    "own_count",
    "padded",
    "ramped",
    "smoothed",
]

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

_MODULES = {row.partition(":")[2]: row.partition(":")[0] for row in TABLE.values()}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that the table is read without its rows."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _MODULES.get(name, "w2slab.objectives." + ("objective" if name == "Objective" else "loss_terms"))
    return getattr(import_module(home), name)
