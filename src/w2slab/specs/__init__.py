"""What each kind of job computes: frozen data that enters the job's key.

Every spec names its kind, its version and the function that does the work. Raise the version when the results of
a kind change; a change of defaults needs none, since defaults are written out.
"""

from w2slab.specs.common import Comparison, PluginSpec, job, restore
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
    ProbeSpec,
    PromptSpec,
    RecipeSpec,
    SplitSpec,
    TaskSpec,
)

__all__ = [
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
    "ProbeSpec",
    "PromptSpec",
    "RecipeSpec",
    "RelabelSpec",
    "ReweightSpec",
    "SplitSpec",
    "TaskSpec",
    "job",
    "restore",
]
