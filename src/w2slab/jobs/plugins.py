"""Tasks, models and objectives as a worker makes them from what it was sent."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from w2slab import registry
from w2slab.specs import PluginSpec


def build(kind: str, plugin: PluginSpec) -> Any:
    """The object of a row; a file that was sent as digest and path is given as its path."""
    return registry.build(kind, plugin.name, {name: _local(value) for name, value in plugin.fields.items()})


def _local(value: Any) -> Any:
    if isinstance(value, Mapping) and set(value) == {"file", "path"}:
        return Path(value["path"])
    return value
