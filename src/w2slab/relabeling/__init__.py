"""Relabelings: weak labels in, other labels or weights of examples out. One small file per family.

A row here makes a relabeling known, and a method as well: the naive student on other labels. Other distributions add
rows through the entry-point group `w2slab.relabelings`.
"""

TABLE: dict[str, str] = {
    "co-supervised": "w2slab.relabeling.co_supervised:CoSupervised",
    "co-teaching": "w2slab.relabeling.co_teaching:CoTeaching",
    "confidence-filter": "w2slab.relabeling.confidence:ConfidenceFilter",
    "confident-learning": "w2slab.relabeling.confident_learning:ConfidentLearning",
    "constant": "w2slab.relabeling.controls:Constant",
    "early-learning-relabel": "w2slab.relabeling.students:EarlyLearningRelabel",
    "graph-smoothing": "w2slab.relabeling.graph_smoothing:GraphSmoothing",
    "hard-labels": "w2slab.relabeling.confidence:HardLabels",
    "logistic-filter": "w2slab.relabeling.logistic:LogisticFilter",
    "logistic-relabel": "w2slab.relabeling.logistic:LogisticRelabel",
    "neighbour-filter": "w2slab.relabeling.neighbours:NeighbourFilter",
    "neighbour-relabel": "w2slab.relabeling.neighbours:NeighbourRelabel",
    "overlap-selection": "w2slab.relabeling.overlap:OverlapSelection",
    "random": "w2slab.relabeling.controls:Random",
    "reliability-filter": "w2slab.relabeling.reliability:ReliabilityFilter",
    "reliability-weights": "w2slab.relabeling.reliability:ReliabilityWeights",
    "self-relabel": "w2slab.relabeling.students:SelfRelabel",
    "shuffled": "w2slab.relabeling.controls:Shuffled",
    "topological-filter": "w2slab.relabeling.topological:TopologicalFilter",
    "trust-function": "w2slab.relabeling.trust:TrustFunction",
}
