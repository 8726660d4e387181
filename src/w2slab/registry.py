"""Tables of what plugs in: rows by name, from this package, from other distributions and from files of one's own.

A row is a name and the class that it stands for, `module:Class`; the module is imported only when the row is used. A
file of one's own needs no row: `my_file.py:Mine` names a class in it wherever a study names a row.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import re
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, is_dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from w2slab.errors import StudyError
from w2slab.fields import Parameter, closest, parameters
from w2slab.graph.code import load_file
from w2slab.graph.component import Component

TABLES = {
    "tasks": "w2slab.tasks",
    "models": "w2slab.models",
    "methods": "w2slab.methods",
    "objectives": "w2slab.objectives",
    "relabelings": "w2slab.relabelings",
    "recipe-changes": "w2slab.methods.recipe_changes",
}
_BASES = {
    "tasks": "w2slab.tasks.task:Task",
    "models": "w2slab.models.model:Model",
    "methods": "w2slab.methods.method:Method",
    "objectives": "w2slab.objectives.objective:Objective",
    "relabelings": "w2slab.relabelings.relabeling:Relabeling",
    "recipe-changes": "w2slab.methods.recipe_changes:RecipeChange",
}
# Tables whose rows are methods as well, and what makes a method of one of their objects.
_MADE_INTO_METHODS = ("objectives", "relabelings", "recipe-changes")
_INTO_METHOD = "w2slab.methods.composed:of_part"
_NO_METHODS = frozenset({"cross-entropy", "shuffled", "random", "constant", "self-relabel"})

_from_files: dict[str, dict[str, str]] = {table: {} for table in TABLES}


@dataclass(frozen=True)
class Row:
    """A row that a study names.

    Args:
        table: The table.
        name: As the study writes it.
        kind: The class whose fields a study may write beside the name.
        wrap: Makes the table's object of one of that class; `None` where it is that object already.
    """

    table: str
    name: str
    kind: type[Component]
    wrap: Callable[..., Component] | None = None

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """The fields that a study may write."""
        own = parameters(self.kind)
        if self.wrap is None:
            return own
        called = parameters(base("methods"))["called"]
        return types.MappingProxyType({**own, "called": called})

    def build(self, values: Mapping[str, Any]) -> Component:
        """Return the row's object.

        Raises:
            StudyError: A value does not fit.
        """
        try:
            if self.wrap is None:
                return self.kind(**values)
            part = self.kind(**{name: value for name, value in values.items() if name != "called"})
            return self.wrap(part, called=values.get("called"))
        except (ValueError, TypeError) as error:  # what the class itself refuses
            raise StudyError(f"{self.name}: {error}") from None


# --- rows -------------------------------------------------------------------------------------------------------------


@cache
def table(name: str) -> Mapping[str, str]:
    """Return the rows of one table, `module:Class` by name, those of other distributions and of files included."""
    rows = _own_rows(name)
    if name == "methods":
        for other in _MADE_INTO_METHODS:
            rows = {row: place for row, place in table(other).items() if row not in _NO_METHODS} | rows
    return types.MappingProxyType(dict(sorted(rows.items())))


@cache
def _own_rows(name: str) -> dict[str, str]:
    """Rows of a table without those that it takes over from others."""
    rows = dict(importlib.import_module(TABLES[name]).TABLE) | _from_files[name]
    for entry in entry_points(group=f"w2slab.{name}"):
        rows.setdefault(entry.name, entry.value)
    return rows


@cache
def base(name: str) -> type[Component]:
    """Return the class from which all objects of a table derive."""
    module, _, attribute = _BASES[name].partition(":")
    found: type[Component] = getattr(importlib.import_module(module), attribute)
    return found


def row(table_name: str, name: str, folder: Path = Path()) -> Row:
    """Return a row by its name, or the class that `file.py:Name` names.

    Args:
        table_name: The table.
        name: As a study writes it.
        folder: Where relative paths of files start.

    Raises:
        StudyError: There is no such row, or it cannot be loaded.
    """
    if ".py:" in name:
        path, _, attribute = name.rpartition(":")
        return _row_of_file(table_name, name, folder / path, attribute)
    if name not in table(table_name):
        noun = table_name.removesuffix("s")
        hint = closest(name, table(table_name))
        raise StudyError(f'unknown {noun} "{name}".{hint} To see them: w2slab list {table_name}')
    return _row_of_table(table_name, name)


@cache
def _row_of_table(table_name: str, name: str) -> Row:
    found = _named(table(table_name)[name])
    if table_name == "methods" and name not in _own_rows("methods"):
        return Row(table_name, name, found, _into_method())
    return _required(Row(table_name, name, found))


def _row_of_file(table_name: str, name: str, path: Path, attribute: str) -> Row:
    module = load_file(path)
    found: Any = vars(module).get(attribute)
    if not isinstance(found, type):
        known = [each for each, value in vars(module).items() if _is_component(value, module)]
        raise StudyError(f'{path}: there is no class "{attribute}" in it.{closest(attribute, known) if known else ""}')
    kind: Any = found
    is_part = any(issubclass(kind, base(other)) for other in _MADE_INTO_METHODS)
    if table_name == "methods" and is_part and not issubclass(kind, base("methods")):
        return Row(table_name, name, kind, _into_method())
    return _required(Row(table_name, name, kind))


def _required(row: Row) -> Row:
    """The row, whose class must be what its table holds."""
    wanted = base(row.table)
    if not (isinstance(row.kind, type) and issubclass(row.kind, wanted)):
        raise StudyError(f"{row.name}: {row.kind!r} must derive from {wanted.__module__}.{wanted.__qualname__}")
    if not is_dataclass(row.kind):
        raise StudyError(f"{row.name}: {row.kind.__qualname__} must be a frozen dataclass: @dataclass(frozen=True)")
    return row


def _into_method() -> Callable[..., Component]:
    made: Callable[..., Component] = _named(_INTO_METHOD)
    return made


def _named(place: str) -> Any:
    module, _, attribute = place.rpartition(":")
    try:
        found = load_file(Path(module)) if module.endswith(".py") else importlib.import_module(module)
        return getattr(found, attribute)
    except StudyError:
        raise
    except Exception as error:  # whatever another distribution's code does as it is imported
        raise StudyError(f"{place}: this row of a table cannot be loaded: {type(error).__name__}: {error}") from error


def build(table_name: str, name: str, values: Mapping[str, Any]) -> Any:
    """Return the object of a row, made from values of its fields.

    Raises:
        StudyError: There is no such row, or a value does not fit.
    """
    found = row(table_name, name)
    unknown = [each for each in values if each not in found.parameters]
    if unknown:
        raise StudyError(f'{name}: unknown field "{unknown[0]}".{closest(unknown[0], found.parameters)}')
    return found.build(values)


# --- files of one's own -----------------------------------------------------------------------------------------------


def add_file(path: Path) -> None:
    """Make every component that a file defines known by its name: `MyMethod` as `my-method`.

    Raises:
        DataError: There is no such file.
        StudyError: It cannot be imported, or defines nothing that plugs in.
    """
    module = load_file(path)
    found = [value for value in vars(module).values() if _is_component(value, module)]
    if not found:
        raise StudyError(f"{path}: it defines no task, model, method, objective or relabeling")
    for kind in found:
        add_row(kind.TABLE, kebab(kind.__name__), f"{Path(module.__file__ or path).resolve()}:{kind.__name__}")


def add_row(table_name: str, name: str, place: str) -> None:
    """Add a row to a table of this process: `module:Class` or `file.py:Class` under a name."""
    _from_files[table_name][name] = place
    for cached in (table, _own_rows, _row_of_table, _names):
        cached.cache_clear()


def remove_row(table_name: str, name: str) -> None:
    """Remove a row that `add_row` added."""
    del _from_files[table_name][name]
    for cached in (table, _own_rows, _row_of_table, _names):
        cached.cache_clear()


def _is_component(value: Any, module: types.ModuleType) -> bool:
    return (
        isinstance(value, type)
        and issubclass(value, Component)
        and value.__module__ == module.__name__
        and is_dataclass(value)
        and not inspect.isabstract(value)
    )


def kebab(name: str) -> str:
    """Return a class's name as a study writes it: `MyMethod` is `my-method`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).lower()


# --- names and descriptions -------------------------------------------------------------------------------------------


def name_of(component: Component) -> str:
    """Return the name of the row that an object is of; of a class without a row, its own name as a study writes it."""
    kind = type(component)
    return _names(kind.TABLE).get(f"{kind.__module__}:{kind.__qualname__}") or kebab(kind.__name__)


@cache
def _names(table_name: str) -> dict[str, str]:
    return {place: name for name, place in _own_rows(table_name).items()}


def describe(table_name: str, name: str) -> str:
    """Return the first line of the docstring of a row's class, read from its source: its module is not imported."""
    module, _, attribute = table(table_name)[name].rpartition(":")
    if module.endswith(".py"):
        source = Path(module)
    else:
        spec = importlib.util.find_spec(module)
        if spec is None or spec.origin is None:
            return ""
        source = Path(spec.origin)
    for node in ast.parse(source.read_text()).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == attribute:
            return (ast.get_docstring(node) or "").partition("\n")[0]
    return ""
