"""Frozen objects as JSON for another process, and back: the same object, or an error with its place.

A dataclass is written as `{"@": "module:Class", field: value, ...}`, a tuple as `{"@": "tuple", "of": [...]}`, a path
as `{"@": "path", "of": "..."}`; None, booleans, numbers, text, lists and mappings with text keys are as they are. The
JSON comes from a parent process, never from files.

Components are made once in a process: one that was encoded or decoded here before is given again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

from w2slab.errors import StudyError
from w2slab.graph.code import class_of, reference
from w2slab.graph.component import Component

_TAG = "@"
_MOST_KNOWN = 10_000

_dumps = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
_known: dict[str, Component] = {}


def encode(value: Any, place: str = "") -> Any:
    """Return a value as JSON data.

    Raises:
        StudyError: Something in it has no such form; the message names its place.
    """
    kind = type(value)
    if value is None or kind in (str, int, float, bool):
        return value
    if kind is list:
        return [encode(each, f"{place}.{i}") for i, each in enumerate(value)]
    if kind is tuple:
        return {_TAG: "tuple", "of": [encode(each, f"{place}.{i}") for i, each in enumerate(value)]}
    if isinstance(value, Path):
        return {_TAG: "path", "of": str(value)}
    if is_dataclass(kind):
        coded = {name: encode(getattr(value, name), f"{place}.{name}") for name in _field_names(kind)}
        coded[_TAG] = reference(kind)
        if isinstance(value, Component):
            _remember(coded, value)
        return coded
    if isinstance(value, Mapping) and all(type(name) is str and name != _TAG for name in value):
        return {name: encode(each, f"{place}.{name}") for name, each in value.items()}
    raise StudyError(
        f"{place.lstrip('.') or 'the value'}: {kind.__name__} {value!r} cannot be handed to a worker: use None, "
        "numbers, text, tuples or a frozen dataclass of these"
    )


def decode(coded: Any, place: str = "") -> Any:
    """Return the value that `encode` was given.

    Raises:
        StudyError: A field is unknown or missing; the message names its place.
        UnavailableError: A class cannot be imported in this process.
    """
    if isinstance(coded, list):
        return [decode(each, f"{place}.{i}") for i, each in enumerate(coded)]
    if not isinstance(coded, Mapping):
        return coded
    tag = coded.get(_TAG)
    if tag is None:
        return {name: decode(each, f"{place}.{name}") for name, each in coded.items()}
    if tag == "tuple":
        return tuple(decode(each, f"{place}.{i}") for i, each in enumerate(coded["of"]))
    if tag == "path":
        return Path(coded["of"])
    text = _dumps(coded)
    if text in _known:
        return _known[text]
    made = _made(class_of(tag), {name: each for name, each in coded.items() if name != _TAG}, place)
    if isinstance(made, Component):
        _remember(coded, made)
    return made


def _made(kind: type, coded: Mapping[str, Any], place: str) -> Any:
    """An object of a dataclass from its coded fields."""
    if not is_dataclass(kind):
        raise StudyError(f"{place.lstrip('.')}: {kind.__qualname__} is not a dataclass")
    known = _field_names(kind)
    for name in coded.keys() - set(known):
        raise StudyError(f"{place}.{name}".lstrip(".") + f": {kind.__qualname__} has no such field")
    values = {name: decode(each, f"{place}.{name}") for name, each in coded.items()}
    try:
        return kind(**values)
    except TypeError as error:  # a field is missing
        raise StudyError(f"{place.lstrip('.') or kind.__qualname__}: {error}") from None


def _remember(coded: Any, value: Component) -> None:
    if len(_known) >= _MOST_KNOWN:
        _known.clear()
    _known.setdefault(_dumps(coded), value)


@cache
def _field_names(kind: type) -> tuple[str, ...]:
    return tuple(each.name for each in fields(kind) if each.init)
