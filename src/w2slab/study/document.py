"""YAML with positions: values by the YAML 1.2 core schema, and where in the file each of them stands.

PyYAML's own resolver follows YAML 1.1, in which `1e-4` is a string and `no` is false; here only its parser is used.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from w2slab.errors import Problem, StudyError

PathTuple = tuple[str | int, ...]

_MAX_BYTES = 1_000_000
_MAX_DEPTH = 40
_MAX_VALUES = 100_000
_MAX_DIGITS = 30
_PLAIN_TAGS = {"null", "bool", "int", "float", "str", "timestamp"}
_NULL = {"", "~", "null", "Null", "NULL"}
_BOOLEAN = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = {".inf": "inf", "-.inf": "-inf", "+.inf": "inf", ".nan": "nan"}


@dataclass
class Document:
    """A study file as plain values, with the place of every value and every key.

    Args:
        source: The file's name as the user gave it.
        places: `line:column` of a value by its path.
        key_places: `line:column` of a mapping's key by the path of its value.
        overrides: The `--set` argument by the path it set.
        problems: What is wrong with the file itself, for example a key that stands twice.
    """

    source: str
    values: Any = None
    places: dict[PathTuple, str] = field(default_factory=dict)
    key_places: dict[PathTuple, str] = field(default_factory=dict)
    overrides: dict[PathTuple, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def place(self, path: PathTuple, *, of_key: bool = False) -> str:
        """`file:line:column: dotted.path` of a value, or of the nearest thing around it that the file has."""
        dotted = ".".join(map(str, path))
        inside = next((text for whole, text in self.overrides.items() if whole[: len(path)] == path), None)
        if inside is not None and path and path not in self.places:
            return f"--set {inside}: {dotted}"
        for length in range(len(path), -1, -1):
            part = path[:length]
            if part in self.overrides:
                return f"--set {self.overrides[part]}: {dotted}"
            where = self.key_places.get(part) if of_key and length == len(path) else None
            where = where or self.places.get(part)
            if where:
                return f"{self.source}:{where}: {dotted}" if dotted else f"{self.source}:{where}"
        return f"{self.source}: {dotted}"


def read_document(path: Path) -> Document:
    """Read a study file.

    Raises:
        StudyError: The file is missing, too large, not UTF-8 or not YAML.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise StudyError(f"{path}: cannot be read: {error.strerror}. To write a first study: w2slab init") from None
    if len(raw) > _MAX_BYTES:
        raise StudyError(f"{path}: {len(raw):,} bytes; a study file has at most {_MAX_BYTES:,}")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise StudyError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from None
    return parse_document(text, str(path))


def parse_document(text: str, source: str = "study") -> Document:
    """The values and places of a YAML text."""
    document = Document(source)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{source}:{mark.line + 1}:{mark.column + 1}" if mark else source
        raise StudyError([Problem(where, f"not YAML: {error.problem or error.context}")]) from None
    except yaml.YAMLError as error:
        raise StudyError([Problem(source, f"not YAML: {error}")]) from None
    except RecursionError:
        raise StudyError([Problem(source, f"nested more than {_MAX_DEPTH} levels deep; no study is")]) from None
    if root is None:
        raise StudyError([Problem(source, "the file is empty. To write a first study: w2slab init")])
    document.values = _value(root, (), document, ())
    return document


def _value(node: yaml.Node, path: PathTuple, document: Document, parents: Sequence[yaml.Node]) -> Any:
    document.places[path] = _position(node)
    if len(document.places) > _MAX_VALUES or len(path) > _MAX_DEPTH:
        message = f"more than {_MAX_VALUES:,} values, or {_MAX_DEPTH} levels, once written out; no study is that large"
        raise StudyError([Problem(document.place(path[:1]), message)])
    if any(node is parent for parent in parents):
        document.problems.append(Problem(document.place(path), "the value contains itself; write it out"))
        return None
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, i), document, (*parents, node)) for i, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, document, (*parents, node))
    return _scalar(node, path, document)


def _mapping(node: yaml.MappingNode, path: PathTuple, document: Document, parents: Sequence[yaml.Node]) -> Any:
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            place = f"{document.source}:{_position(key_node)}"
            document.problems.append(Problem(place, "a key must be a name, not a list or a mapping"))
            continue
        key = str(key_node.value)
        where = (*path, key)
        if key in values:
            first = document.key_places[where]
            place = f"{document.source}:{_position(key_node)}: {'.'.join(map(str, where))}"
            document.problems.append(Problem(place, f"the key stands twice (first at {first}); keep one"))
            continue
        document.key_places[where] = _position(key_node)
        values[key] = _value(value_node, where, document, parents)
    return values


def _scalar(node: yaml.Node, path: PathTuple, document: Document) -> Any:
    text = str(node.value)
    if node.style in ("'", '"', "|", ">"):
        return text
    if node.tag.removeprefix("tag:yaml.org,2002:") not in _PLAIN_TAGS:
        document.problems.append(Problem(document.place(path), f"the tag {node.tag} is not supported; remove it"))
        return None
    return plain_scalar(text)


def plain_scalar(text: str) -> Any:
    """The value of an unquoted YAML 1.2 core scalar."""
    if text in _NULL:
        return None
    if text in _BOOLEAN:
        return _BOOLEAN[text]
    if _INTEGER.fullmatch(text):
        return int(text) if len(text) <= _MAX_DIGITS else float("inf")
    if _FLOAT.fullmatch(text):
        return float(text)
    return float(_SPECIAL[text.lower()]) if text.lower() in _SPECIAL else text


def _position(node: yaml.Node) -> str:
    return f"{node.start_mark.line + 1}:{node.start_mark.column + 1}"


def override(document: Document, setting: str) -> None:
    """Apply one `--set path.to.value=VALUE`; the value is YAML, list items go by number.

    Raises:
        StudyError: The setting is not of that form, or its path leads through something that has no parts.
    """
    dotted, equals, text = setting.partition("=")
    if not equals or not dotted.strip():
        raise StudyError([Problem(f"--set {setting}", "not of the form path.to.value=VALUE, for example seeds=[0,1]")])
    path: list[str | int] = []
    target = document.values
    parts = dotted.strip().split(".")
    for position, part in enumerate(parts):
        is_last = position == len(parts) - 1
        key = _step_into(target, part, setting, may_be_new=not isinstance(target, list))
        path.append(key)
        if is_last:
            parsed = parse_document(text, f"--set {setting}") if text.strip() else Document("")
            target[key] = parsed.values
            document.problems += parsed.problems
        else:
            if isinstance(target, dict) and target.get(key) is None:
                target[key] = {}
            elif isinstance(target[key], str) and (isinstance(key, int) or path == ["recipe"]):
                # A bare name stands for an entry without fields, or for a recipe without changes.
                target[key] = {"name" if isinstance(key, int) else "preset": target[key]}
            target = target[key]
    for places in (document.places, document.key_places):  # where these stood in the file no longer matters
        for old in [p for p in places if p[: len(path)] == tuple(path)]:
            del places[old]
    document.overrides[tuple(path)] = setting


def _step_into(target: Any, part: str, setting: str, *, may_be_new: bool) -> str | int:
    place = f"--set {setting}"
    if isinstance(target, list):
        if not (part.isascii() and part.isdecimal()) or int(part) >= len(target):
            raise StudyError(
                [Problem(place, f'"{part}" is no item of a list of {len(target)}; items go by number from 0')]
            )
        return int(part)
    if not isinstance(target, dict) or not may_be_new:
        raise StudyError([Problem(place, f'"{part}" cannot be set inside {target!r}, which has no parts')])
    return part
