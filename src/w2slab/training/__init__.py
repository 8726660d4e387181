"""How one network is trained: the loop, what it minimises, its rates and its batches.

The table names the objectives, a row per objective; other distributions add rows through the entry-point group
`w2slab.objectives`.
"""

_HERE = "w2slab.training.objectives"

TABLE: dict[str, str] = {
    "adaptive-confidence": f"{_HERE}.own_prediction:AdaptiveConfidence",
    "augconf": f"{_HERE}.own_prediction:AugConf",
    "auxiliary-confidence": f"{_HERE}.confidence:AuxiliaryConfidence",
    "auxiliary-confidence-released": f"{_HERE}.confidence:AuxiliaryConfidenceReleased",
    "cace": f"{_HERE}.reverse:CACE",
    "cross-entropy": f"{_HERE}.plain:CrossEntropy",
    "dirichlet-evidence": f"{_HERE}.evidence:DirichletEvidence",
    "entropy-minimisation": f"{_HERE}.sharpening:EntropyMinimisation",
    "generalized-cross-entropy": f"{_HERE}.generalized:GeneralizedCrossEntropy",
    "geometric-mean": f"{_HERE}.pooled:GeometricMean",
    "hard-bootstrapping": f"{_HERE}.own_prediction:HardBootstrapping",
    "l2-confidence": f"{_HERE}.sharpening:L2Confidence",
    "label-smoothing": f"{_HERE}.plain:LabelSmoothing",
    "product-of-experts": f"{_HERE}.pooled:ProductOfExperts",
    "representation-anchor": f"{_HERE}.anchor:RepresentationAnchor",
    "reverse-cross-entropy": f"{_HERE}.reverse:ReverseCrossEntropy",
    "reverse-kl": f"{_HERE}.reverse:ReverseKL",
    "soft-bootstrapping": f"{_HERE}.own_prediction:SoftBootstrapping",
    "symmetric-cross-entropy": f"{_HERE}.reverse:SymmetricCrossEntropy",
    "window": f"{_HERE}.window:Window",
}
