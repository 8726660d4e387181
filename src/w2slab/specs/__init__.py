"""What each kind of job computes: frozen data that enters the job's key.

Every spec names its kind, its version and the function that does the work. Raise the version when the results of
a kind change; a change of defaults needs none, since defaults are written out.
"""

from w2slab.specs.common import (
    SPLITS,
    UNSEEN_BY_SUPERVISOR,
    Comparison,
    PluginSpec,
    job,
    restore,
)
from w2slab.specs.labels import (
    BootstrapSpec,
    CombineSpec,
    CorruptSpec,
    FoldSpec,
    LabelFileSpec,
    OwnLabelsSpec,
    RelabelSpec,
    ReweightSpec,
)
from w2slab.specs.learning import (
    EmbedSpec,
    FinetuneSpec,
    GenerativeSpec,
    HeadShape,
    HeadSpec,
    PoolSpec,
    PrepareSpec,
    ProbeSpec,
    PromptSpec,
    RecipeSpec,
)

__all__ = [
    "SPLITS",
    "UNSEEN_BY_SUPERVISOR",
    "BootstrapSpec",
    "CombineSpec",
    "Comparison",
    "CorruptSpec",
    "EmbedSpec",
    "FinetuneSpec",
    "FoldSpec",
    "GenerativeSpec",
    "HeadShape",
    "HeadSpec",
    "LabelFileSpec",
    "OwnLabelsSpec",
    "PluginSpec",
    "PoolSpec",
    "PrepareSpec",
    "ProbeSpec",
    "PromptSpec",
    "RecipeSpec",
    "RelabelSpec",
    "ReweightSpec",
    "job",
    "restore",
]
