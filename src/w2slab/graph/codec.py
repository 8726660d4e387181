"""Objects as JSON for a worker, and back."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from w2slab.errors import Problem, StudyError


def encode(value: Any) -> Any:
    """Return a frozen dataclass, or plain data, as JSON data."""
    if value is None or type(value) in (str, int, float, bool):
        return value
    if isinstance(value, tuple):
        return {"tuple": [encode(each) for each in value]}
    if isinstance(value, list):
        return [encode(each) for each in value]
    if isinstance(value, Mapping):
        return {"mapping": {name: encode(each) for name, each in value.items()}}
    if is_dataclass(value):
        kind = type(value)
        return {
            "object": f"{kind.__module__}:{kind.__qualname__}",
            "fields": {each.name: encode(getattr(value, each.name)) for each in fields(value)},
        }
    raise StudyError([Problem("", f"{type(value).__name__} has no stable form")])


def decode(value: Any) -> Any:
    """Return what `encode` was given."""
    if isinstance(value, list):
        return [decode(each) for each in value]
    if not isinstance(value, dict):
        return value
    if "tuple" in value:
        return tuple(decode(each) for each in value["tuple"])
    if "mapping" in value:
        return {name: decode(each) for name, each in value["mapping"].items()}
    module, _, name = value["object"].partition(":")
    kind: Any = importlib.import_module(module)
    for part in name.split("."):
        kind = getattr(kind, part)
    return kind(**{key: decode(each) for key, each in value["fields"].items()})
