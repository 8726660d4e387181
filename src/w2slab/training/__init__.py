"""How one network is trained: the loop, what it minimises, its rates and its batches.

The table names the objectives, a row per objective; other distributions add rows through the entry-point group
`w2slab.objectives`.
"""

TABLE: dict[str, str] = {
    "auxiliary-confidence": "w2slab.training.objectives:AuxiliaryConfidence",
    "cross-entropy": "w2slab.training.objectives:CrossEntropy",
}
