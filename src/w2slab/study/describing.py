"""Descriptions of rows and of parts of a study: fields with type, range, default and meaning."""

from __future__ import annotations

import inspect
import textwrap
import types
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic.fields import FieldInfo

from w2slab import registry
from w2slab.data.splits import Splits
from w2slab.errors import StudyError
from w2slab.fields import Checked, Parameter, closest, parameters
from w2slab.graph.component import Component
from w2slab.study.parts import HeadTuning, Statistics, Supervision
from w2slab.study.study import Study
from w2slab.training.recipe import Recipe

PARTS: Mapping[str, type[Checked]] = {
    "study": Study,
    "splits": Splits,
    "recipe": Recipe,
    "supervision": Supervision,
    "tuning": HeadTuning,
    "statistics": Statistics,
}
_WORDS = {int: "whole number", float: "number", str: "text", bool: "true or false", Path: "path", type(None): "null"}


class FieldDescription(NamedTuple):
    """A field as people read it."""

    name: str
    type: str
    default: str
    text: str


@dataclass(frozen=True)
class Description:
    """A row or a part of a study as people read it.

    Args:
        title: Its name, and the table or the word `part`.
        summary: The docstring of its class, without the fields.
        fields: What a study may write.
    """

    title: str
    summary: str
    fields: tuple[FieldDescription, ...]

    def plain(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {"title": self.title, "summary": self.summary, "fields": [each._asdict() for each in self.fields]}

    def text(self, width: int) -> str:
        """Return it as lines of this width."""
        lines = [self.title, "", *_folded(self.summary, width), ""]
        if not self.fields:
            return "\n".join([*lines, "It has no fields."])
        for each in self.fields:
            lines.append(f"  {each.name}: {each.type}; {each.default}")
            lines += textwrap.wrap(each.text, width, initial_indent=" " * 6, subsequent_indent=" " * 6)
        return "\n".join(lines)


def described(name: str) -> list[Description]:
    """Return every row of this name, of whichever table, or the part of a study that has it.

    Raises:
        StudyError: There is none.
    """
    if name in PARTS:
        return [_description(name, "part of a study" if name != "study" else "file", PARTS[name])]
    tables = [table for table in registry.TABLES if name in registry.table(table)] if ".py:" not in name else []
    if ".py:" in name:
        tables = [_table_of(name)]
    if not tables:
        known = {row for table in registry.TABLES for row in registry.table(table)} | set(PARTS)
        raise StudyError(
            f'there is nothing called "{name}".{_near(name, sorted(known))} To see what there is: w2slab list'
        )
    rows = {registry.row(table, name).kind: table for table in reversed(tables)}
    return [
        _description(name, table.removesuffix("s").replace("-", " "), kind, registry.row(table, name).parameters)
        for kind, table in reversed(rows.items())
    ]


def _near(name: str, known: list[str]) -> str:
    return closest(name, known).partition(" Allowed:")[0]


def _table_of(name: str) -> str:
    """The table to which a class of one's own belongs."""
    for table in registry.TABLES:
        try:
            kind = registry.row(table, name).kind
        except StudyError:
            continue
        return kind.TABLE
    raise StudyError(f"{name}: it is no task, model, method, objective or relabeling")


def _description(
    name: str, what: str, kind: type[Checked], known: Mapping[str, Parameter] | None = None
) -> Description:
    summary = inspect.cleandoc(kind.__doc__ or "").partition("Args:\n")[0].partition("Raises:\n")[0].strip()
    found = [
        FieldDescription(each.name, type_words(each.annotation), _default(each), each.text)
        for each in (known or parameters(kind)).values()
    ]
    return Description(f"{name} ({what})", summary, tuple(found))


def _folded(text: str, width: int) -> list[str]:
    return [line for part in text.split("\n\n") for line in [*textwrap.wrap(part, width), ""]][:-1]


def _default(parameter: Parameter) -> str:
    return "required" if parameter.is_required else f"default {value_words(parameter.default)}"


def value_words(value: Any) -> str:
    """Return a value as a study file writes it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Component):
        return registry.name_of(value)
    if is_dataclass(value) and not isinstance(value, type):
        return "{" + ", ".join(f"{each.name}: {value_words(getattr(value, each.name))}" for each in fields(value)) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(value_words, value))}]"
    return str(value)


def type_words(annotation: Any) -> str:
    """Return a type and its range in words: `whole number, at least 1`."""
    if annotation in _WORDS:
        return _WORDS[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        limits = ", ".join(filter(None, map(_limit, annotation.__metadata__)))
        return type_words(arguments[0]) + (f", {limits}" if limits else "")
    if origin is Literal:
        return "one of " + ", ".join(map(value_words, arguments))
    if origin in (Union, types.UnionType):
        return " or ".join(map(type_words, arguments))
    if origin is tuple:
        each = [type_words(argument) for argument in arguments if argument is not Ellipsis]
        return f"list of {each[0]}" if len(arguments) == 2 and arguments[1] is Ellipsis else f"[{', '.join(each)}]"
    if isinstance(annotation, type) and issubclass(annotation, Component):
        return f"a row of {annotation.TABLE}"
    if isinstance(annotation, type) and issubclass(annotation, Checked):
        return f"fields of {annotation.__name__}"
    return str(annotation)


def _limit(limit: Any) -> str:
    """A range of pydantic's `Field`, or of the objects that it is made of, in words."""
    match limit:
        case FieldInfo():
            return ", ".join(filter(None, map(_limit, limit.metadata)))
        case Ge(ge=value):
            return f"at least {value}"
        case Gt(gt=value):
            return f"above {value}"
        case Le(le=value):
            return f"at most {value}"
        case Lt(lt=value):
            return f"below {value}"
        case MinLen(min_length=value):
            return f"length at least {value}"
        case MaxLen(max_length=value):
            return f"length at most {value}"
    return ""
