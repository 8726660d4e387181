"""Public names of a package, each imported when it is first used (PEP 562): a table is read without its rows."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any


def classes_of(table: Mapping[str, str]) -> dict[str, str]:
    """Return the place of each row of a table, `module:Class`, by the name of its class."""
    return {place.rpartition(":")[2]: place for place in table.values()}


def names_of(module: str, *names: str) -> dict[str, str]:
    """Return the places of names of one module, by name."""
    return {name: f"{module}:{name}" for name in names}


def public(package: str, places: Mapping[str, str], name: str) -> Any:
    """Import a public name of a package.

    Raises:
        AttributeError: The package has no such name.
    """
    if name not in places:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    module, _, attribute = places[name].partition(":")
    return getattr(import_module(module), attribute)
