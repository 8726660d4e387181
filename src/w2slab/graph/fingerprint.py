"""Canonical form and digest of what a job computes.

The *canonical form* of a value is plain JSON with every default written out. Two values with one canonical form are
the same computation; what has no stable form (a set, a lambda, an object whose text holds its address) is refused,
never turned into `str(value)`. A file is its content: its path says where it is, not what it is.

Left out are the fields of a dataclass that are marked `NOT_IN_KEY`, the paths in a `Component` (its `files()` count by
their digests), and a field at its neutral value, `field(default=1, metadata=neutral(1))`: so a field may be added after
keys were published, and no key changes where it is not used.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from w2slab.errors import DataError, Problem, StudyError
from w2slab.graph.code import identity
from w2slab.graph.component import Component

_Place = tuple[Any, ...]  # (outer place, name), read from the inside out; made into words only for an error

_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), sort_keys=True, allow_nan=False).encode

_ADVICE = {
    "function": "name it as text (`module:function`), since a function has no content to compare",
    "set": "use a sorted list, since a set has no order",
    "frozenset": "use a sorted list, since a set has no order",
    "bytes": "use text, for example `.hex()`",
    "ndarray": "use `.tolist()`, or put it into a file that `files()` names",
    "Tensor": "put it into a file that `files()` names",
    "datetime": "use `.isoformat()`",
    "date": "use `.isoformat()`",
}


def neutral(value: Any) -> Mapping[str, Any]:
    """Return the metadata of a field that is left out of the canonical form where it has this value."""
    return {"neutral": value}


@dataclass(frozen=True)
class LocalFile:
    """A file or folder whose content decides a result.

    Args:
        path: Where it is now; not part of its identity.
        digest: Hex SHA-256 of its content.
    """

    path: str = field(compare=False)
    digest: str

    @classmethod
    def of(cls, path: str | Path) -> LocalFile:
        """Return the file or folder at `path`, digested; a folder by the names and contents of all files in it.

        Raises:
            DataError: There is nothing at `path`, or it cannot be read.
        """
        path = os.path.abspath(path)
        try:
            content = _folder_digest(path) if os.path.isdir(path) else _file_digest(path)
        except FileNotFoundError:
            raise DataError(f"{path}: no such file or folder. Check the path.") from None
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror}. Check its permissions.") from None
        return cls(path, content)

    def is_unchanged(self) -> bool:
        """Return whether the content at `path` still has this digest; an untouched file is not read again."""
        try:
            return LocalFile.of(self.path).digest == self.digest
        except DataError:
            return False


def canonical(value: Any) -> Any:
    """Return `value` as plain JSON data with sorted names and all defaults.

    Takes None, booleans, integers, finite floats, text, lists, tuples, mappings with text keys, frozen dataclasses and
    components.

    Raises:
        StudyError: Something in it has no stable form; the message names its place and what to use instead.
    """
    return _plain(value, False, ())


def digest(value: Any) -> str:
    """Return the hex SHA-256 of the canonical form."""
    return digest_of_canonical(canonical(value))


def digest_of_canonical(value: Any) -> str:
    """Return the hex SHA-256 of what `canonical` returned."""
    return hashlib.sha256(_encode(value).encode("ascii")).hexdigest()


def _plain(value: Any, in_component: bool, place: _Place) -> Any:
    # Exact types: np.float64 is a float and a StrEnum is a str, but neither is the plain value it seems to be.
    kind = type(value)
    if value is None or kind is str or kind is int or kind is bool:
        return value
    if kind is float:
        if math.isfinite(value):
            return value
        raise _refusal(value, place, "use None for a value that is absent, and finite numbers otherwise")
    if kind is list or kind is tuple:
        return [_plain(inner, in_component, (place, i)) for i, inner in enumerate(value)]
    if is_dataclass(kind) and kind.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        is_component = issubclass(kind, Component)
        plain = {"class": identity(kind)} if is_component else {}
        for name, has_neutral, neutral_value in _fields_in_key(kind):
            own = getattr(value, name)
            if not (has_neutral and type(own) is type(neutral_value) and own == neutral_value):
                plain[name] = _plain(own, in_component or is_component, (place, name))
        return plain
    if kind is dict or isinstance(value, Mapping):
        for name in value:
            if type(name) is not str:
                raise _refusal(name, place, "use text as the key")
        return {name: _plain(value[name], in_component, (place, name)) for name in sorted(value)}
    if isinstance(value, Path) and in_component:
        return {"path": None}
    raise _refusal(value, place, _advice(value))


class _Field(NamedTuple):
    """A field that enters keys, and the value at which it does not."""

    name: str
    has_neutral: bool
    neutral: Any


@cache
def _fields_in_key(kind: type) -> tuple[_Field, ...]:
    wanted = [each for each in fields(kind) if each.metadata.get("in_key", True)]
    return tuple(sorted(_Field(each.name, "neutral" in each.metadata, each.metadata.get("neutral")) for each in wanted))


def _advice(value: Any) -> str:
    kind = type(value)
    if isinstance(value, os.PathLike):
        return "let a component's `files()` name a file whose content matters; use text for a mere name"
    if kind.__module__.partition(".")[0] == "numpy" and kind.__name__ != "ndarray":
        return "use `.item()`, which is the plain number"
    if isinstance(value, str | int | float):
        return "use the plain value, for example `.value` of an enumeration"
    if is_dataclass(value):
        return "make the dataclass frozen and pass an instance of it"
    return _ADVICE.get(kind.__name__, "use None, numbers, text, lists, mappings or a frozen dataclass of these")


def _refusal(value: Any, place: _Place, advice: str) -> StudyError:
    names: list[str] = []
    while place:
        place, name = place
        names.append(str(name))
    where = ".".join(reversed(names))
    shown = repr(value)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    return StudyError([Problem(where, f"{type(value).__name__} {shown} has no stable form: {advice}.")])


# --- digests of files -------------------------------------------------------------------------------------------------

_digests: dict[tuple[str, int, int, int], str] = {}


def _file_digest(path: str) -> str:
    found = os.stat(path)
    known = (path, found.st_size, found.st_mtime_ns, found.st_ino)
    if known not in _digests:
        _digests[known] = sha256_of(path)
    return _digests[known]


def sha256_of(path: str | Path) -> str:
    """Hex SHA-256 of a file's content; the file is always read."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _folder_digest(path: str) -> str:
    lines = [f"{name}\0{_file_digest(os.path.join(path, name))}\n" for name in sorted(_files_below(path))]
    return hashlib.sha256(("folder\n" + "".join(lines)).encode("utf-8", "surrogateescape")).hexdigest()


def _files_below(path: str) -> Iterator[str]:
    # Links to folders are followed, since what they lead to is read as part of the folder.
    for folder, subfolders, names in os.walk(path, followlinks=True):
        for name in subfolders:
            target = os.path.realpath(os.path.join(folder, name))
            if (os.path.realpath(folder) + os.sep).startswith(target + os.sep):
                raise DataError(f"{os.path.join(folder, name)}: a link to a folder that holds it. Remove the link.")
        for name in names:
            yield os.path.relpath(os.path.join(folder, name), path).replace(os.sep, "/")
