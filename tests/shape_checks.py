"""Annotations of arrays, checked at every call in this process: jaxtyping's classes and beartype."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import jaxtyping
from beartype import BeartypeConf, beartype

from w2slab import shapes

CHECKED = ["w2slab.stats", "w2slab.objectives", "w2slab.relabelings", "w2slab.data.labels", "w2slab.data.splitting"]
# An int is a float, as for type checkers.
_CONF = BeartypeConf(is_pep484_tower=True)


class _IsTensor(type):
    def __instancecheck__(cls, value: object) -> bool:
        return "torch" in sys.modules and isinstance(value, sys.modules["torch"].Tensor)


class Tensor(metaclass=_IsTensor):
    """A tensor of torch, for tests that need not import it."""


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose arguments and result are checked.

    Objects without arrays are left to check their own fields, with messages for users.
    """
    if function.__name__ == "__init__" and not any(map(_is_array, function.__annotations__.values())):
        return function
    return beartype(function, conf=_CONF)


def _is_array(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, jaxtyping.AbstractArray)


def install() -> None:
    """Check what is imported from now on."""
    early = [name for name in sys.modules if name.startswith(tuple(CHECKED))]
    assert not early, f"imported before their shapes could be checked: {early}"
    for name in set(shapes.__all__) - {"Array", "Tensor"}:
        setattr(shapes, name, getattr(jaxtyping, name))
    shapes.Tensor = Tensor
    jaxtyping.install_import_hook(CHECKED, "tests.shape_checks.checked")
