"""Relabelings: weak labels in, other labels or weights of examples out. One small file per family.

A row here makes a relabeling known, and a method as well: the naive student on other labels. Other distributions add
rows through the entry-point group `w2slab.relabelings`.
"""

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
