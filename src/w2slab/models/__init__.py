"""The model families: a row per family, imported only when it is used.

Other distributions add rows through the entry-point group `w2slab.models`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from w2slab.lazy import classes_of, names_of, public

if TYPE_CHECKING:
    from w2slab.models.model import Model
    from w2slab.models.network import Network

TABLE: dict[str, str] = {
    "chessformer": "w2slab.models.chessformer.chessformer:Chessformer",
    "hf": "w2slab.models.hf.huggingface:HuggingFace",
    "linear": "w2slab.models.linear.linear:Linear",
}

_PLACES = classes_of(TABLE) | names_of("w2slab.models.model", "Model") | names_of("w2slab.models.network", "Network")

__all__ = ["Model", "Network"]
__all__ += classes_of(TABLE)


def __getattr__(name: str) -> Any:
    return public(__name__, _PLACES, name)


def __dir__() -> list[str]:
    return sorted(_PLACES)
