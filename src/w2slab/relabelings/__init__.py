"""Corrections and selections of weak labels: the rows of the relabelings' table, their base class and their parts.

A row here makes a relabeling known, and a method as well: the naive student on other labels. Other distributions add
rows through the entry-point group `w2slab.relabelings`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from w2slab.relabelings.co_supervised import CoSupervised
    from w2slab.relabelings.co_teaching import CoTeaching
    from w2slab.relabelings.confidence_filter import ConfidenceFilter, HardLabels
    from w2slab.relabelings.confident_learning import ConfidentLearning
    from w2slab.relabelings.controls import Constant, Random, Shuffled
    from w2slab.relabelings.feature_classifier import LogisticFilter, LogisticRelabel
    from w2slab.relabelings.graph_smoothing import GraphSmoothing
    from w2slab.relabelings.neighbours import NeighbourFilter, NeighbourRelabel
    from w2slab.relabelings.overlap import OverlapSelection
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
    from w2slab.relabelings.reliability import ReliabilityFilter, ReliabilityWeights
    from w2slab.relabelings.student_labels import EarlyLearningRelabel, SelfRelabel
    from w2slab.relabelings.topological import TopologicalFilter
    from w2slab.relabelings.trust import TrustFunction

__all__ = [
    "CoSupervised",
    "CoTeaching",
    "ConfidenceFilter",
    "ConfidentLearning",
    "Constant",
    "EarlyLearningRelabel",
    "GraphSmoothing",
    "HardLabels",
    "LabelBatch",
    "LogisticFilter",
    "LogisticRelabel",
    "NeighbourFilter",
    "NeighbourRelabel",
    "OverlapSelection",
    "Random",
    "RelabelResult",
    "Relabeling",
    "ReliabilityFilter",
    "ReliabilityWeights",
    "SelfRelabel",
    "Shuffled",
    "TopologicalFilter",
    "TrustFunction",
    "confidence",
    "features_of",
    "kept",
    "lowest",
    "one_hot",
    "others_of",
]

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

_MODULES = {row.partition(":")[2]: row.partition(":")[0] for row in TABLE.values()}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that the table is read without its rows."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES.get(name, "w2slab.relabelings.relabeling")), name)
