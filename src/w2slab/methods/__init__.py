"""The methods: how a student is obtained from weak labels. One small file per family; a row here makes it known."""

TABLE = {
    "naive": "w2slab.methods.naive:Naive",
    "auxiliary-confidence": "w2slab.methods.auxiliary_confidence:AuxiliaryConfidence",
    "bootstrapping": "w2slab.methods.bootstrapping:Bootstrapping",
    "generative-finetuning": "w2slab.methods.generative_finetuning:GenerativeFinetuning",
    "prompting": "w2slab.methods.prompting:Prompting",
    "linear-probe": "w2slab.methods.probing:LinearProbe",
    "finetune-then-probe": "w2slab.methods.probing:FinetuneThenProbe",
}
