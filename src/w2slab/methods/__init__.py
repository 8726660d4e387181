"""The methods: how a student is obtained from weak labels. One small file per family; a row here makes it known.

Every objective is a method as well, the naive one with another loss, and so is every relabeling, the naive one on other
labels: a row of those tables is all they need.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from w2slab.lazy import classes_of, names_of, public

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

_PLACES = (
    classes_of(TABLE)
    | names_of("w2slab.methods.method", "Method")
    | names_of("w2slab.methods.recipe_changes", "RecipeChange")
    | names_of("w2slab.jobs.comparison", "StudentWithReferences")
)


def __getattr__(name: str) -> Any:
    """Import a public class when it is first used; one of a part, such as an objective, makes a method of that part."""
    if name in _PLACES or name.startswith("_") or name not in _of_parts():
        return public(__name__, _PLACES, name)
    return _of_parts()[name]


def __dir__() -> list[str]:
    return sorted({*_PLACES, *_of_parts()})


def _of_parts() -> dict[str, Callable[..., Any]]:
    """Makers of methods from objectives, relabelings and changes of the recipe, by the name of their class."""
    from w2slab.methods.composed import parts

    return parts()
