"""Templates with fields in braces, `"{question} {answer}"`, filled from a row."""

from __future__ import annotations

import difflib
import string
from collections.abc import Mapping, Sequence
from typing import Any

from w2slab.data.readers.row import Row, kind_of, shown
from w2slab.errors import DataError

MOST_SHOWN = 10


def template(written: str) -> str:
    """Return the text itself if it has braces, else a template of the field of that name."""
    return written if "{" in written else "{" + written + "}"


def fields_of(written: str) -> list[str]:
    """The fields a template names.

    Raises:
        ValueError: Its braces do not match, or hold more than the name of a field.
    """
    try:
        parts = list(string.Formatter().parse(written))
    except ValueError as error:
        raise ValueError(f'template "{written}": {error}; write a field as {{name}} and a brace as {{{{') from None
    names = []
    for _, name, form, conversion in parts:
        if name is None:
            continue
        if not name or form or conversion:
            raise ValueError(f'template "{written}": a name alone must stand in braces, as in {{text}}')
        names.append(name)
    return names


def filled(written: str, row: Row) -> str:
    """A template with its fields filled in: texts, numbers, or messages with `role` and `content` as a dialogue.

    Raises:
        RowError: A field is absent, empty, or none of these.
    """
    return "".join(
        literal + ("" if name is None else _as_text(row, name))
        for literal, name, _, _ in string.Formatter().parse(written)
    )


def joined(text: str, after: str) -> str:
    """Return the text that is read after another, with a space before it where neither of the two has one."""
    return after if not text or not after or text[-1].isspace() or after[0].isspace() else f" {after}"


def check_fields(templates: Sequence[str], names: Sequence[str], rows: Sequence[Row]) -> None:
    """Check that the first row has all fields that are asked for: one error instead of one for each row.

    Raises:
        DataError: It has not; names the fields that there are.
    """
    if not rows or rows[0].fault is not None:
        return
    first = rows[0]
    wanted = [*names, *(name for each in templates for name in fields_of(each))]
    missing = [name for name in dict.fromkeys(wanted) if not _has(first.values, name)]
    if missing:
        there = [str(name) for name in first.values]
        near = difflib.get_close_matches(missing[0], there, n=1)
        hint = f' Did you mean "{near[0]}"?' if near else ""
        raise DataError(f'{first.place}: no field "{missing[0]}".{hint} There are: {", ".join(there) or "none"}')


def _as_text(row: Row, name: str) -> str:
    inner = row
    if name not in row.values:
        *path, name = name.split(".")
        for part in path:
            inner = inner.nested(part)
    value = inner.value(name)
    if isinstance(value, str):
        return inner.text(name)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if not (isinstance(value, list) and value and all(isinstance(each, Mapping) for each in value)):
        raise inner.error(f"{name}: {shown(value)} is {kind_of(value)}; text, a number or a list of messages is needed")
    return "".join(f"\n\n{_speaker(each)}: {each.text('content').strip()}" for each in inner.nested_list(name))


def _speaker(message: Row) -> str:
    role = message.text("role")
    return {"user": "Human", "assistant": "Assistant"}.get(role, role.capitalize())


def _has(values: Mapping[str, Any], name: str) -> bool:
    """Return true if a row has a field, or a path `outer.inner` leads to one."""
    outer, dot, inner = name.partition(".")
    return name in values or bool(dot and isinstance(values.get(outer), Mapping) and _has(values[outer], inner))
