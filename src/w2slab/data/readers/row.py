"""A row of text data: fields that are asked for with what they must be, and errors that name file, line and field."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, TypeVar

from w2slab.errors import DataError

T = TypeVar("T")

MOST_SHOWN = 5


class RowError(DataError):
    """A mistake in one row; the message begins with its place."""


@dataclass(frozen=True)
class Row:
    """One row of a file.

    Args:
        place: File and line, `reviews.jsonl:17`; in files without lines, the number of the row, from 1.
        values: By field.
        fault: Why it could not be read; whatever is asked of it then raises this.
    """

    place: str
    values: Mapping[str, Any]
    fault: str | None = None

    def error(self, message: str) -> RowError:
        """An error at this row's place."""
        return RowError(f"{self.place}: {message}")

    def but(self, **values: Any) -> Self:
        """The same row with these fields changed or added."""
        return replace(self, values={**self.values, **values})

    def get(self, name: str, default: Any = None) -> Any:
        """A field, or the default where it is absent, empty (`null`) or the row is malformed."""
        value = self.values.get(name)
        return default if value is None else value

    def value(self, name: str) -> Any:
        """A field that must be there.

        Raises:
            RowError: It is absent or empty (`null`).
        """
        if self.fault is not None:
            raise self.error(self.fault)
        if name not in self.values:
            raise self.error(f'no field "{name}"; there are: {", ".join(map(str, self.values)) or "none"}')
        if self.values[name] is None:
            raise self.error(f"{name}: is empty (null); a value is needed")
        return self.values[name]

    def text(self, name: str) -> str:
        """A field that is text.

        Raises:
            RowError: It is absent, something else, or holds half a character (a lone surrogate).
        """
        value = self.value(name)
        if not isinstance(value, str):
            raise self.error(f"{name}: {shown(value)} is {kind_of(value)}; text is needed")
        try:
            value.encode()
        except UnicodeEncodeError as error:
            half = value[error.start]
            raise self.error(f"{name}: half a character ({half!a}) at position {error.start}; mend the file") from None
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A field that is a list of texts.

        Raises:
            RowError: It is something else.
        """
        value = self.value(name)
        if not isinstance(value, list | tuple):
            raise self.error(f"{name}: {shown(value)} is {kind_of(value)}; a list of texts is needed")
        return tuple(self.but(**{f"{name}[{i}]": each}).text(f"{name}[{i}]") for i, each in enumerate(value))

    def nested(self, name: str) -> Row:
        """A field that is an object, as a row of its own.

        Raises:
            RowError: It is something else.
        """
        return self._nested(name, self.value(name))

    def nested_list(self, name: str) -> list[Row]:
        """A field that is a list of objects, as rows of their own.

        Raises:
            RowError: It is something else.
        """
        value = self.value(name)
        if not isinstance(value, list | tuple):
            raise self.error(f"{name}: {shown(value)} is {kind_of(value)}; a list of objects is needed")
        return [self._nested(f"{name}[{i}]", each) for i, each in enumerate(value)]

    def _nested(self, name: str, value: Any) -> Row:
        if not isinstance(value, Mapping):
            raise self.error(f"{name}: {shown(value)} is {kind_of(value)}; an object with named fields is needed")
        return Row(f"{self.place}: {name}", value)

    def number(self, name: str) -> float:
        """A field that is a number, or text that reads as one.

        Raises:
            RowError: It is something else, or not finite.
        """
        value = self.value(name)
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            raise self.error(f"{name}: {shown(value)} is {kind_of(value)}; a finite number is needed")
        return number

    def label(self, name: str, allowed: int | Sequence[str]) -> int:
        """A field that is a class: its number, or one of its names as a position.

        Args:
            name: The field.
            allowed: How many classes there are (the field is a number from 0, or digits), or their names.

        Raises:
            RowError: It is none of them.
        """
        value = self.value(name)
        if isinstance(allowed, int):
            number = int(value) if isinstance(value, str) and re.fullmatch(r"\d{1,9}", value) else value
            if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < allowed:
                raise self.error(f"{name}: {shown(value)}; allowed: 0 to {allowed - 1}")
            return number
        if value not in allowed:
            raise self.error(f"{name}: {shown(value)}; allowed: {', '.join(allowed)}")
        return list(allowed).index(value)


def converted(rows: Iterable[Row], convert: Callable[[Row], T]) -> list[T]:
    """Iterate over the results of `convert` for each row.

    Raises:
        DataError: Of the rows it refuses, the first five and how many they are.
    """
    made: list[T] = []
    problems: list[str] = []
    n_problems = 0
    for row in rows:
        try:
            if row.fault is not None:
                raise row.error(row.fault)
            made.append(convert(row))
        except RowError as error:
            n_problems += 1
            if n_problems <= MOST_SHOWN:
                problems.append(str(error))
    if n_problems > 1:
        first = f", the first {MOST_SHOWN}" if n_problems > MOST_SHOWN else ""
        problems.insert(0, f"{n_problems} malformed rows{first}:")
    if problems:
        raise DataError("\n  ".join(problems))
    return made


def shown(value: Any) -> str:
    """A value as it stands in an error message, shortened."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def kind_of(value: Any) -> str:
    """Return the kind of a value in words."""
    kinds = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", dict: "an object"}
    return kinds.get(type(value), f"of the kind {type(value).__name__}")
