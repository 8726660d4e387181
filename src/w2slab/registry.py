"""Tables of what plugs in: name -> `module:object`, from this package and from other distributions.

A row's object is imported only when it is used. It is a frozen dataclass whose fields are what a study may write.
Tasks, models and methods import without torch, so that a study can be checked and planned without it.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import importlib.util
import inspect
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import ConfigDict, ValidationError, create_model

from w2slab.errors import StudyError

TABLES = {
    "tasks": "w2slab.tasks",
    "models": "w2slab.models",
    "methods": "w2slab.methods",
    "objectives": "w2slab.objectives",
    "relabelings": "w2slab.relabelings",
}


@cache
def table(kind: str) -> Mapping[str, str]:
    """Rows of one table: `module:object` by name, other distributions' rows included.

    Rows of the tables that the package's `ALSO` names are rows as well, but for those in its `NOT_ALONE`.
    """
    package = importlib.import_module(TABLES[kind])
    rows = _own_rows(kind)
    for other in getattr(package, "ALSO", {}):
        rows = {name: row for name, row in table(other).items() if name not in package.NOT_ALONE} | rows
    return dict(sorted(rows.items()))


def _own_rows(kind: str) -> dict[str, str]:
    """Rows of a table without those that it takes over from others."""
    rows = dict(importlib.import_module(TABLES[kind]).TABLE)
    for entry in entry_points(group=f"w2slab.{kind}"):
        rows.setdefault(entry.name, entry.value)
    return rows


def closest(name: object, known: Mapping[str, Any] | list[str]) -> str:
    """`Did you mean "x"?` and what is allowed, for an error message."""
    return f"{nearest(name, known)} Allowed: {', '.join(known)}."


def nearest(name: object, known: Mapping[str, Any] | list[str]) -> str:
    """`Did you mean "x"?` for an error message that says itself what is allowed; empty if nothing is near."""
    near = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.5)
    return f' Did you mean "{near[0]}"?' if near else ""


@cache
def load(kind: str, name: str) -> Any:
    """The object of a row.

    Raises:
        StudyError: The table has no such row.
    """
    rows = table(kind)
    if name not in rows:
        raise StudyError(f'unknown {kind.removesuffix("s")} "{name}".{closest(name, rows)}')
    makers = {} if name in _own_rows(kind) else getattr(importlib.import_module(TABLES[kind]), "ALSO", {})
    for other, maker in makers.items():
        if name in table(other):
            return _named(maker)(name)
    return _named(rows[name])


def _named(row: str) -> Any:
    module, _, attribute = row.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except Exception as error:  # whatever another distribution's code does as it is imported
        raise StudyError(f"{row}: this row of a table cannot be loaded: {type(error).__name__}: {error}") from error


def foreign_source(kind: str, name: str) -> Path | None:
    """The file that holds a row of another distribution, which enters keys by its digest; `None` for ours."""
    module = table(kind)[name].partition(":")[0]
    if module.partition(".")[0] == "w2slab":
        return None
    spec = importlib.util.find_spec(module)
    return Path(spec.origin) if spec is not None and spec.origin else None


@cache
def parameters(kind: str, name: str) -> dict[str, tuple[Any, Any]]:
    """What a study may write for a row: annotation and default (`...` if required) by name."""
    target = load(kind, name)
    hints = get_type_hints(target, include_extras=True)
    signature = inspect.signature(target).parameters
    return {
        f.name: (
            hints[f.name],
            ... if signature[f.name].default is inspect.Parameter.empty else signature[f.name].default,
        )
        for f in fields(target)
        if f.init
    }


@cache
def model(kind: str, name: str) -> Any:
    """A pydantic model of a row's parameters."""
    config = ConfigDict(extra="forbid", allow_inf_nan=False)
    definitions: dict[str, Any] = dict(parameters(kind, name))
    return create_model(name, __config__=config, **definitions)


def check(kind: str, name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a row's parameters, with defaults written out.

    Raises:
        pydantic.ValidationError: A value is missing, unknown or of the wrong type.
    """
    checked = model(kind, name)(**values)
    return {field: getattr(checked, field) for field in type(checked).model_fields}


def build(kind: str, name: str, values: Mapping[str, Any]) -> Any:
    """The row's dataclass, made from a study's values.

    Raises:
        StudyError: A value does not fit.
    """
    try:
        return load(kind, name)(**check(kind, name, values))
    except ValidationError as error:
        raise StudyError("; ".join(f"{name}: {e['loc'][0]}: {e['msg']}" for e in error.errors())) from None
    except (ValueError, TypeError) as error:  # what the dataclass itself refuses
        raise StudyError(f"{name}: {error}") from None


def describe(kind: str, name: str) -> str:
    """First line of the docstring of a row's object, read from its source: its module is not imported."""
    module, _, attribute = table(kind)[name].partition(":")
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return ""
    for node in ast.parse(Path(spec.origin).read_text()).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == attribute:
            return (ast.get_docstring(node) or "").partition("\n")[0]
    return ""
