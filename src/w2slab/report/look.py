"""Colours, marks and axes of supervisors, methods and sizes, the same in every figure of a report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from w2slab.report.svg import SUPERVISORS

Row = dict[str, Any]
DASHES: tuple[Any, ...] = (":", (0, (5, 2)), "-", (0, (6, 2, 1.2, 2)), (0, (2, 1)), (0, (9, 3)))
MARKERS = ("o", "^", "s", "D", "v", "P", "X")  # one more than dashes: 42 methods differ in one of the two
MOST_DRAWN = 6


@dataclass(frozen=True)
class Look:
    """Colours, marks and axes of a study's supervisors, methods and sizes, the same in every figure.

    Args:
        rungs: Models, weakest first.
        parameters: Of each; empty where they are unknown or not increasing, and rungs are then spaced evenly.
        drawn: Methods of the figures over size: all, or where they are many the baseline and those that recover most.
        sources: Supervisors that are no models.
    """

    rungs: list[str]
    supervisors: list[str]
    methods: list[str]
    parameters: Mapping[str, float] = field(default_factory=dict)
    drawn: list[str] = field(default_factory=list)
    sources: frozenset[str] = frozenset()

    @classmethod
    def of(cls, rows: Sequence[Row], baseline: str = "naive", sources: Iterable[str] = ()) -> Look:
        """The look of a study, from the summary of its students and the names of supervisors that are no models."""
        known = {r["weak"]: r["weak_parameters"] for r in rows} | {r["strong"]: r["strong_parameters"] for r in rows}
        first_seen = list(dict.fromkeys(name for r in rows for name in (r["weak"], r["strong"])))
        if all(value for value in known.values()) and len(set(known.values())) == len(known):
            rungs = sorted(known, key=lambda name: known[name])
        else:
            rungs, known = _ladder(rows, first_seen), {}
        supervisors = [name for name in rungs if any(r["weak"] == name for r in rows)]
        methods = list(dict.fromkeys(r["method"] for r in rows))
        drawn = _most_telling(rows, methods, baseline)
        return cls(rungs, supervisors, methods, known, drawn, frozenset(sources))

    def x(self, rung: str) -> float:
        """Position of a model on the axis of sizes."""
        return float(self.parameters[rung]) if self.parameters else float(self.rungs.index(rung))

    def color(self, supervisor: str) -> str:
        """The supervisor's colour, spread over the palette."""
        place = self.supervisors.index(supervisor) if supervisor in self.supervisors else 0
        step = (len(SUPERVISORS) - 1) / max(1, len(self.supervisors) - 1)
        return SUPERVISORS[round(place * step)]

    def place(self, method: str) -> int:
        """The method's place among the study's, by which the page hides it."""
        return self.methods.index(method)

    def line(self, method: str) -> dict[str, Any]:
        """The method's line and marker: those of drawn methods first, so that no two of them share a marker."""
        order = [*self.drawn, *(name for name in self.methods if name not in self.drawn)]
        place = order.index(method) if method in order else 0
        return {"linestyle": DASHES[place % len(DASHES)], "marker": MARKERS[place % len(MARKERS)]}

    def beside(self, rung: str, supervisor: str, method: str) -> float:
        """Position of a student: students of one size are dodged, so that intervals do not cover each other."""
        n_supervisors, n_methods = len(self.supervisors), len(self.drawn)
        place = self.supervisors.index(supervisor) * n_methods + self.drawn.index(method)
        shift = place / max(1, n_supervisors * n_methods - 1) - 0.5
        places = sorted(np.log(self.x(name)) if self.parameters else self.x(name) for name in self.rungs)
        width = 0.24 * float(np.diff(places).min(initial=1.0))
        return self.x(rung) * float(np.exp(width * shift)) if self.parameters else self.x(rung) + width * shift


def _most_telling(rows: Sequence[Row], methods: list[str], baseline: str) -> list[str]:
    """Methods to draw, in their own order: no more than a reader can tell apart."""
    if len(methods) <= MOST_DRAWN:
        return methods
    defined = {m: [r["pgr"] for r in rows if r["method"] == m and r["pgr_reason"] is None] for m in methods}
    medians = {m: float(np.median(values)) if values else -np.inf for m, values in defined.items()}
    best = sorted(methods, key=lambda m: (m != baseline, -medians[m]))[:MOST_DRAWN]
    return [m for m in methods if m in best]


def _ladder(rows: Sequence[Row], names: list[str]) -> list[str]:
    """Rungs in an order in which every weak one stands before its strong ones."""
    above = {name: {r["strong"] for r in rows if r["weak"] == name} - {name} for name in names}
    return sorted(names, key=lambda name: -len(above[name]))


class Key(NamedTuple):
    """A method's line and marker as a small picture for the page."""

    method: str
    svg: str


_SHAPES = {
    "o": '<circle cx="13" cy="6" r="3.2"/>',
    "^": '<path d="M13 2.4l3.6 6.6h-7.2z"/>',
    "s": '<path d="M10 3h6v6h-6z"/>',
    "D": '<path d="M13 1.8l4.2 4.2l-4.2 4.2l-4.2-4.2z"/>',
    "v": '<path d="M13 9.6l3.6-6.6h-7.2z"/>',
    "P": '<path d="M11.6 2h2.8v2.6h2.6v2.8h-2.6v2.6h-2.8v-2.6h-2.6v-2.8h2.6z"/>',
    "X": '<path d="M10 1.6l3 3l3-3l1.6 1.6l-3 3l3 3l-1.6 1.6l-3-3l-3 3l-1.6-1.6l3-3l-3-3z"/>',
}


def method_keys(look: Look) -> list[Key]:
    """Every method's key, in their order."""
    keys = []
    for method in look.methods:
        style = look.line(method)
        pattern = {":": (1.0, 1.65), "-": ()}.get(style["linestyle"]) if isinstance(style["linestyle"], str) else None
        steps = style["linestyle"][1] if pattern is None else pattern
        dashes = f' stroke-dasharray="{" ".join(f"{1.5 * step:g}" for step in steps)}"' if steps else ""
        line = f'<path d="M0 6h26" fill="none" stroke="currentColor" stroke-width="1.5"{dashes}/>'
        svg = f'<svg class="sample" viewBox="0 0 26 12" aria-hidden="true">{line}{_SHAPES[style["marker"]]}</svg>'
        keys.append(Key(method, svg))
    return keys
