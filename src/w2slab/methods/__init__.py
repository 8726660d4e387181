"""The methods: how a student is obtained from weak labels. One small file per family; a row here makes it known.

Every objective is a method as well, the naive one with another loss, and so is every relabeling, the naive one on other
labels: a row of those tables is all they need.
"""

TABLE = {
    "bagged-students": "w2slab.methods.several_students:BaggedStudents",
    "bayesian-supervisors": "w2slab.methods.supervisors:BayesianSupervisors",
    "bootstrapping": "w2slab.methods.bootstrapping:Bootstrapping",
    "co-supervised": "w2slab.methods.label_correction:CoSupervised",
    "composed": "w2slab.methods.composed:Composed",
    "convex-combination": "w2slab.methods.several_students:ConvexCombination",
    "early-learning-relabel": "w2slab.methods.label_correction:EarlyLearningRelabel",
    "ensemw2s": "w2slab.methods.supervisors:EnsemW2S",
    "finetune-then-probe": "w2slab.methods.probing:FinetuneThenProbe",
    "generative-finetuning": "w2slab.methods.generative_finetuning:GenerativeFinetuning",
    "linear-probe": "w2slab.methods.probing:LinearProbe",
    "naive": "w2slab.methods.naive:Naive",
    "prompting": "w2slab.methods.prompting:Prompting",
    "reliability-filter": "w2slab.methods.label_correction:ReliabilityFilter",
    "reliability-weights": "w2slab.methods.label_correction:ReliabilityWeights",
    "strong-to-strong": "w2slab.methods.several_students:StrongToStrong",
    "supervisor-ensemble": "w2slab.methods.supervisors:SupervisorEnsemble",
    "supervisor-vote": "w2slab.methods.supervisors:SupervisorVote",
    "trust-function": "w2slab.methods.label_correction:TrustFunction",
}
