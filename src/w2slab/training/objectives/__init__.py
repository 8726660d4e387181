"""What is minimised: pure functions of logits, labels and the progress of training; one loss per example.

Shapes: B examples of a micro-batch, N of the whole optimizer batch, K candidates, and any dimensions in front of them
for independent models of a stack. Where an example has fewer than K candidates, its logits beyond them are very
negative and its targets 0.

Written with the methods of tensors alone, so that a study can be checked without importing torch.
"""

from w2slab.training.objectives.anchor import RepresentationAnchor
from w2slab.training.objectives.confidence import AuxiliaryConfidence, AuxiliaryConfidenceReleased, apportion
from w2slab.training.objectives.evidence import DirichletEvidence
from w2slab.training.objectives.generalized import GeneralizedCrossEntropy
from w2slab.training.objectives.objective import Objective
from w2slab.training.objectives.own_prediction import (
    AdaptiveConfidence,
    AugConf,
    HardBootstrapping,
    SoftBootstrapping,
)
from w2slab.training.objectives.parts import cross_entropy
from w2slab.training.objectives.plain import CrossEntropy, LabelSmoothing
from w2slab.training.objectives.pooled import GeometricMean, ProductOfExperts
from w2slab.training.objectives.reverse import CACE, ReverseCrossEntropy, ReverseKL, SymmetricCrossEntropy
from w2slab.training.objectives.sharpening import EntropyMinimisation, L2Confidence
from w2slab.training.objectives.window import Window

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
    "apportion",
    "cross_entropy",
]
