"""The model families: a row per family, imported only when it is used.

Other distributions add rows through the entry-point group `w2slab.models`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

TABLE: dict[str, str] = {
    "chessformer": "w2slab.models.chessformer.chessformer:Chessformer",
    "hf": "w2slab.models.hf.huggingface:HuggingFace",
    "linear": "w2slab.models.linear.linear:Linear",
}

_BASES = {"Model": "w2slab.models.model:Model", "Network": "w2slab.models.network:Network"}
_CLASSES = _BASES | {place.rpartition(":")[2]: place for place in TABLE.values()}

__all__ = sorted(_CLASSES)


def __getattr__(name: str) -> Any:
    """Import a public class when it is first used."""
    if name not in _CLASSES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _CLASSES[name].partition(":")
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return __all__
