"""Numbers as people write them, and text from data made harmless."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import isinf, isnan
from typing import Any

Row = dict[str, Any]
LONGEST_TEXT = 400
_HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def inert(text: object, limit: int = LONGEST_TEXT) -> str:
    """Text from data that cannot change how the page reads: cut, and without marks that hide or reorder.

    Escaping for HTML is the template's business, and always on.
    """
    words = str(text)
    cut = f"{words[:limit]} … ({len(words):,} characters)" if len(words) > limit else words
    return _HIDDEN.sub("\N{REPLACEMENT CHARACTER}", cut)


def short(text: object, limit: int) -> str:
    """A name as a figure has room for it: inert, and cut in its middle, since names often differ in their ends."""
    name = inert(text, 2 * LONGEST_TEXT)
    tail = (limit - 1) // 2
    return name if len(name) <= limit else f"{name[: limit - 1 - tail]}…{name[len(name) - tail :]}"


def percent(value: float | None, digits: int = 1) -> str:
    """A fraction as a percentage without its sign; an en dash where there is none, and infinity as such."""
    if value is None or isnan(value):
        return "–"
    if isinf(value):
        return "∞" if value > 0 else "\N{MINUS SIGN}∞"
    return f"{round(100 * value, digits) + 0.0:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def span(row: Row, name: str, digits: int = 1) -> str:
    """The interval of a number, as `low to high` in percent."""
    return f"{percent(row[f'{name}_low'], digits)} to {percent(row[f'{name}_high'], digits)}"


def count(number: int, noun: str) -> str:
    """`1 pair`, `2 pairs`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size(parameters: float | None) -> str:
    """A number of parameters: 61 k, 1.6 M."""
    if parameters is None:
        return "–"
    for scale, letter in ((1e12, " T"), (1e9, " B"), (1e6, " M"), (1e3, " k")):
        if parameters >= 0.9995 * scale:
            return f"{parameters / scale:.3g}{letter}"
    return f"{parameters:g}"


def duration(seconds: float) -> str:
    """A time as people say it: 4.2 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60:,} h {minutes % 60} min"


def decimal(value: float | None, digits: int = 3) -> str:
    """A number as it is, to some digits; an en dash where there is none."""
    if value is None or isnan(value):
        return "–"
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def listed(names: Sequence[str]) -> str:
    """Names as a phrase: `a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def of_pairs(some: int, all_of_them: int) -> str:
    """Number of pairs in words: `both pairs`, `all 3 pairs`, `1 of 3 pairs`."""
    if some == all_of_them == 2:
        return "both pairs"
    return f"all {all_of_them} pairs" if some == all_of_them > 1 else f"{some} of {count(all_of_them, 'pair')}"
