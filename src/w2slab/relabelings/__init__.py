"""Corrections and selections of weak labels: the rows of the relabelings' table, their base class and their parts.

A row here makes a relabeling known, and a method as well: the naive student on other labels. Other distributions add
rows through the entry-point group `w2slab.relabelings`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from w2slab.lazy import classes_of, names_of, public

if TYPE_CHECKING:
    from w2slab.relabelings.relabeling import (
        LabelBatch,
        Relabeling,
        RelabelResult,
        confidence,
        features_of,
        kept,
        lowest,
        one_hot,
        others_of,
    )

TABLE: dict[str, str] = {
    "co-supervised": "w2slab.relabelings.co_supervised:CoSupervised",
    "co-teaching": "w2slab.relabelings.co_teaching:CoTeaching",
    "confidence-filter": "w2slab.relabelings.confidence_filter:ConfidenceFilter",
    "confident-learning": "w2slab.relabelings.confident_learning:ConfidentLearning",
    "constant": "w2slab.relabelings.controls:Constant",
    "early-learning-relabel": "w2slab.relabelings.student_labels:EarlyLearningRelabel",
    "graph-smoothing": "w2slab.relabelings.graph_smoothing:GraphSmoothing",
    "hard-labels": "w2slab.relabelings.confidence_filter:HardLabels",
    "logistic-filter": "w2slab.relabelings.feature_classifier:LogisticFilter",
    "logistic-relabel": "w2slab.relabelings.feature_classifier:LogisticRelabel",
    "neighbour-filter": "w2slab.relabelings.neighbours:NeighbourFilter",
    "neighbour-relabel": "w2slab.relabelings.neighbours:NeighbourRelabel",
    "overlap-selection": "w2slab.relabelings.overlap:OverlapSelection",
    "random": "w2slab.relabelings.controls:Random",
    "reliability-filter": "w2slab.relabelings.reliability:ReliabilityFilter",
    "reliability-weights": "w2slab.relabelings.reliability:ReliabilityWeights",
    "self-relabel": "w2slab.relabelings.student_labels:SelfRelabel",
    "shuffled": "w2slab.relabelings.controls:Shuffled",
    "topological-filter": "w2slab.relabelings.topological:TopologicalFilter",
    "trust-function": "w2slab.relabelings.trust:TrustFunction",
}

__all__ = [
    "LabelBatch",
    "RelabelResult",
    "Relabeling",
    "confidence",
    "features_of",
    "kept",
    "lowest",
    "one_hot",
    "others_of",
]
_PLACES = classes_of(TABLE) | names_of("w2slab.relabelings.relabeling", *__all__)
__all__ += classes_of(TABLE)


def __getattr__(name: str) -> Any:
    return public(__name__, _PLACES, name)


def __dir__() -> list[str]:
    return sorted(_PLACES)
