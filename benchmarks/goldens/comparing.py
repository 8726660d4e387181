"""Two dumps side by side: bytes equal for arrays and counts, 1e-12 for derived numbers, words after renaming."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

RELATIVE = 1e-12
NEAR_ZERO = 1e-15
"""Shares that cancel to about zero are equal within this; nothing is relative to zero."""


@dataclass(frozen=True)
class Renaming:
    """Words of the old tree in the new tree's.

    Args:
        names: Whole values: names of columns, tables, controls, roles, kinds of jobs, stopping points.
        words: Patterns and what takes their place, in order, in all text.
        left_out: Keys whose values are not compared, each noted.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    words: tuple[tuple[str, str], ...] = ()
    left_out: Set[str] = frozenset()

    def __call__(self, text: str) -> str:
        """The text as the new tree would write it."""
        if text in self.names:
            return self.names[text]
        for pattern, instead in self.words:
            text = re.sub(pattern, instead, text)
        return text

    def parts(self, name: str) -> str:
        """A name made of parts with bars between them, each renamed."""
        return "|".join(self.names.get(part, part) for part in name.split("|"))


@dataclass
class Compared:
    """The values that were compared, and their differences.

    Args:
        n_values: Values compared, by sort.
        differences: A line for each difference.
        notes: What only the new side has.
    """

    n_values: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_equal(self) -> bool:
        """No difference, and something was compared."""
        return not self.differences and sum(self.n_values.values()) > 0


def compare_folders(old: Path, new: Path, renaming: Renaming = Renaming()) -> Compared:
    """Compare every file of a dump with its counterpart."""
    found = Compared()
    for path in sorted(path.relative_to(old) for path in old.rglob("*") if path.is_file()):
        if not (new / path).exists():
            found.differences.append(f"{path}: only the old side has it")
        elif path.name == "arrays.json":
            _compare_arrays(_Arrays(old / path), _Arrays(new / path), str(path.parent), renaming, found)
        elif path.suffix == ".json":
            values = (json.loads((side / path).read_text()) for side in (old, new))
            is_exact = path.name == "counts.json"
            compare_values(*values, str(path), renaming, found, is_exact=is_exact)
        elif path.suffix == ".txt":
            compare_texts((old / path).read_text(), (new / path).read_text(), str(path), renaming, found)
    found.notes += [
        f"{p.relative_to(new)}: only in the new" for p in new.rglob("*") if not (old / p.relative_to(new)).exists()
    ]
    return found


class _Arrays:
    """The arrays of one dump by name; those of equal content have one digest and are read once."""

    def __init__(self, index: Path) -> None:
        self.digests: dict[str, str] = json.loads(index.read_text())
        self._contents = np.load(index.parent / "arrays.npz")
        self._read: dict[str, np.ndarray] = {}

    def __getitem__(self, name: str) -> np.ndarray:
        digest = self.digests[name]
        if digest not in self._read:
            self._read[digest] = self._contents[digest]
        return self._read[digest]


def _compare_arrays(old: _Arrays, new: _Arrays, place: str, renaming: Renaming, found: Compared) -> None:
    renamed = {renaming.parts(name): name for name in old.digests}
    for name, before in renamed.items():
        if name in new.digests:
            compare_arrays(old[before], new[name], f"{place}: {name}", renaming, found)
        else:
            found.differences.append(f"{place}: {name}: only the old side has it")
    found.notes += [f"{place}: {name}: only in the new" for name in new.digests if name not in renamed]


def compare_arrays(old: np.ndarray, new: np.ndarray, place: str, renaming: Renaming, found: Compared) -> None:
    """Compare two arrays byte by byte; arrays of texts after renaming."""
    if old.dtype.kind == "U" and new.dtype.kind == "U" and not np.array_equal(old, new):
        texts, places = np.unique(old, return_inverse=True)
        old = np.array([renaming(str(text)) for text in texts], dtype=str)[places].reshape(old.shape)
    if old.dtype.kind == "U" and new.dtype.kind == "U":
        width = max(old.dtype.itemsize, new.dtype.itemsize) // 4
        old, new = old.astype(f"U{width}"), new.astype(f"U{width}")
    sort = {"f": "numbers to the last bit", "U": "texts"}.get(old.dtype.kind, "whole numbers")
    found.n_values[sort] += old.size
    if old.dtype != new.dtype or old.shape != new.shape:
        found.differences.append(f"{place}: {old.dtype} {list(old.shape)} became {new.dtype} {list(new.shape)}")
    elif old.tobytes() != new.tobytes():
        size = old.dtype.itemsize
        one, other = (np.ascontiguousarray(a).reshape(-1).view(f"V{size}") for a in (old, new))
        places = np.flatnonzero(one != other)
        first = np.unravel_index(places[0], old.shape)
        where = ", ".join(map(str, first))
        found.differences.append(
            f"{place}: {len(places)} of {old.size} values differ, "
            f"first at [{where}]: {old[first]!r} became {new[first]!r}"
        )


def compare_values(
    old: Any, new: Any, place: str, renaming: Renaming, found: Compared, *, is_exact: bool = False
) -> None:
    """Compare JSON values: numbers to `RELATIVE` unless exact, texts after renaming; new keys are notes."""
    if isinstance(old, dict) and isinstance(new, dict):
        renamed = {renaming.parts(key): value for key, value in old.items()}
        for key, value in renamed.items():
            if key in renaming.left_out:
                found.notes.append(f"{place}: {key}: left out")
            elif key in new:
                compare_values(value, new[key], f"{place}: {key}", renaming, found, is_exact=is_exact)
            else:
                found.differences.append(f"{place}: {key}: only the old side has it")
        found.notes += [f"{place}: {key}: only in the new" for key in new if key not in renamed]
    elif isinstance(old, list) and isinstance(new, list):
        if len(old) != len(new):
            found.differences.append(f"{place}: {len(old)} entries became {len(new)}")
        for i, (one, other) in enumerate(zip(old, new, strict=False)):
            compare_values(one, other, f"{place}[{i}]", renaming, found, is_exact=is_exact)
    elif isinstance(old, str) and isinstance(new, str):
        compare_texts(old, new, place, renaming, found)
    elif _is_number(old) and _is_number(new):
        found.n_values["numbers"] += 1
        if not (old == new if is_exact else _is_near(old, new)):
            found.differences.append(f"{place}: {old!r} became {new!r}")
    else:
        found.n_values["other values"] += 1
        if type(old) is not type(new) or old != new:
            found.differences.append(f"{place}: {old!r} became {new!r}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_near(old: float, new: float) -> bool:
    if math.isnan(old) or math.isnan(new):
        return math.isnan(old) and math.isnan(new)
    return old == new or math.isclose(old, new, rel_tol=RELATIVE, abs_tol=NEAR_ZERO)


def compare_texts(old: str, new: str, place: str, renaming: Renaming, found: Compared) -> None:
    """Compare texts line by line, the old one renamed; how wide a table's columns are does not count."""
    ours, theirs = list(_lines(renaming(old))), list(_lines(new))
    found.n_values["lines of text" if len(ours) > 1 else "texts"] += max(1, len(ours))
    if len(ours) != len(theirs):
        found.differences.append(f"{place}: {len(ours)} lines became {len(theirs)}")
    for i, (one, other) in enumerate(zip(ours, theirs, strict=False)):
        if one != other:
            found.differences.append(f"{place}, line {i + 1}:\n    old {one}\n    new {other}")


def _lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        yield re.sub(r"-{3,}", "---", re.sub(r"\s{2,}", "  ", line)).strip()
