"""A laboratory for weak-to-strong generalization."""

from importlib import import_module
from typing import Any

_PUBLIC = {
    "DataError": "errors",
    "JobError": "errors",
    "StoreError": "errors",
    "StudyError": "errors",
    "UnavailableError": "errors",
    "W2SError": "errors",
    "load_results": "experiment.run",
    "load_study": "study.reading",
    "plan": "experiment.plan",
    "run": "experiment.run",
    "write_report": "experiment.run",
}

__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `w2slab --help` stays quick."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'w2slab' has no attribute {name!r}")
    return getattr(import_module(f"w2slab.{_PUBLIC[name]}"), name)
