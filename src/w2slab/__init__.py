"""A laboratory for weak-to-strong generalization.

What is public is listed here and in `w2slab.tasks`, `models`, `methods`, `objectives`, `relabelings` and `executors`;
everything else may change.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from w2slab import executors, methods, models, objectives, relabelings, tasks
    from w2slab.apps.compare import compare
    from w2slab.apps.elicit import elicit
    from w2slab.apps.export import export
    from w2slab.apps.rank import rank
    from w2slab.data.splits import Splits
    from w2slab.errors import DataError, JobError, StoreError, StudyError, UnavailableError, W2SError
    from w2slab.experiment.plan import Plan, plan
    from w2slab.experiment.run import Run, load_results, run, write_report
    from w2slab.experiment.trial import Trial
    from w2slab.graph.store import Store
    from w2slab.jobs.options import RunOptions
    from w2slab.study.parts import HeadTuning, Statistics, Supervision
    from w2slab.study.reading import load_study
    from w2slab.study.study import Study
    from w2slab.training.recipe import Recipe

_PUBLIC = {
    "DataError": "errors",
    "HeadTuning": "study.parts",
    "JobError": "errors",
    "Plan": "experiment.plan",
    "Recipe": "training.recipe",
    "Run": "experiment.run",
    "RunOptions": "jobs.options",
    "Splits": "data.splits",
    "Statistics": "study.parts",
    "Store": "graph.store",
    "StoreError": "errors",
    "Study": "study.study",
    "StudyError": "errors",
    "Supervision": "study.parts",
    "Trial": "experiment.trial",
    "UnavailableError": "errors",
    "W2SError": "errors",
    "compare": "apps.compare",
    "elicit": "apps.elicit",
    "export": "apps.export",
    "load_results": "experiment.run",
    "load_study": "study.reading",
    "plan": "experiment.plan",
    "rank": "apps.rank",
    "run": "experiment.run",
    "write_report": "experiment.run",
}
_PACKAGES = ("executors", "methods", "models", "objectives", "relabelings", "tasks")

__all__ = [
    "DataError",
    "HeadTuning",
    "JobError",
    "Plan",
    "Recipe",
    "Run",
    "RunOptions",
    "Splits",
    "Statistics",
    "Store",
    "StoreError",
    "Study",
    "StudyError",
    "Supervision",
    "Trial",
    "UnavailableError",
    "W2SError",
    "compare",
    "elicit",
    "executors",
    "export",
    "load_results",
    "load_study",
    "methods",
    "models",
    "objectives",
    "plan",
    "rank",
    "relabelings",
    "run",
    "tasks",
    "write_report",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `w2slab --help` stays quick."""
    if name in _PACKAGES:
        return import_module(f"w2slab.{name}")
    if name not in _PUBLIC:
        raise AttributeError(f"module 'w2slab' has no attribute {name!r}")
    return getattr(import_module(f"w2slab.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return __all__
