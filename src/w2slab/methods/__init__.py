"""The methods: how a student is obtained from weak labels. One small file per family; a row here makes it known."""

TABLE = {
    "naive": "w2slab.methods.naive:Naive",
    "auxiliary-confidence": "w2slab.methods.auxiliary_confidence:AuxiliaryConfidence",
    "bootstrapping": "w2slab.methods.bootstrapping:Bootstrapping",
}
