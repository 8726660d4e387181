"""Supervisors that are no models: labels of a file, or true labels with errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from w2slab.jobs.comparison import Comparison

KINDS = ("corrupt", "label-file")


def label_sources(comparisons: Iterable[Comparison]) -> dict[str, str]:
    """What the labels of each supervisor are that is no model, in words, by its name."""
    found: dict[str, str] = {}
    for c in comparisons:
        if c.supervisor.kind in KINDS:
            found.setdefault(c.weak, c.supervisor.title.replace(f"as many as {c.weak} has", "as many as it has itself"))
    return found


def source_notes(sources: Mapping[str, str]) -> list[str]:
    """A sentence for each kind of labels, with the names of the supervisors that stand for it."""
    names: dict[str, list[str]] = {}
    for name, what in sources.items():
        names.setdefault(what, []).append(name)
    return [
        f"As {'a supervisor' if len(own) == 1 else 'supervisors'}, {', '.join(own)} "
        f"{'stands' if len(own) == 1 else 'stand'} for {what.replace('it has itself', _each(own))}; no model gave them."
        for what, own in names.items()
    ]


def _each(names: list[str]) -> str:
    return "it has itself" if len(names) == 1 else "each has itself"
