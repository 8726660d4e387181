"""Tasks, models and objectives as a worker makes them from what it was sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from w2slab import registry
from w2slab.specs import PluginSpec


def build(kind: str, plugin: PluginSpec) -> Any:
    """The object of a row."""
    return registry.build(kind, plugin.name, {name: _sent(value) for name, value in plugin.fields.items()})


def _sent(value: Any) -> Any:
    """A value as it was before it was sent aside."""
    if isinstance(value, Mapping) and set(value) == {"aside"}:
        return value["aside"]
    return [_sent(each) for each in value] if isinstance(value, list | tuple) else value
