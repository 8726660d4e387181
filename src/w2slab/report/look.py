"""How supervisors, methods and sizes look: the same in every figure of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from w2slab.report.svg import SUPERVISORS

Row = dict[str, Any]
DASHES: tuple[Any, ...] = (":", (0, (5, 2)), "-", (0, (6, 2, 1.2, 2)), (0, (2, 1)), (0, (9, 3)))
MARKERS = ("o", "^", "s", "D", "v", "P")


@dataclass(frozen=True)
class Look:
    """How a study's supervisors, methods and sizes look, the same in every figure.

    Args:
        rungs: Models, weakest first.
        parameters: Of each; empty where they are unknown or not increasing, and rungs are then spaced evenly.
    """

    rungs: list[str]
    supervisors: list[str]
    methods: list[str]
    parameters: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Look:
        """The look of a study, from the summary of its students."""
        known = {r["weak"]: r["weak_parameters"] for r in rows} | {r["strong"]: r["strong_parameters"] for r in rows}
        first_seen = list(dict.fromkeys(name for r in rows for name in (r["weak"], r["strong"])))
        if all(value for value in known.values()) and len(set(known.values())) == len(known):
            rungs = sorted(known, key=lambda name: known[name])
        else:
            rungs, known = _ladder(rows, first_seen), {}
        supervisors = [name for name in rungs if any(r["weak"] == name for r in rows)]
        return cls(rungs, supervisors, list(dict.fromkeys(r["method"] for r in rows)), known)

    def x(self, rung: str) -> float:
        """Where a model stands on the axis of sizes."""
        return float(self.parameters[rung]) if self.parameters else float(self.rungs.index(rung))

    def color(self, supervisor: str) -> str:
        """The supervisor's colour, spread over the palette."""
        place = self.supervisors.index(supervisor) if supervisor in self.supervisors else 0
        step = (len(SUPERVISORS) - 1) / max(1, len(self.supervisors) - 1)
        return SUPERVISORS[round(place * step)]

    def line(self, method: str) -> dict[str, Any]:
        """The method's line and marker."""
        place = self.methods.index(method) if method in self.methods else 0
        return {"linestyle": DASHES[place % len(DASHES)], "marker": MARKERS[place % len(MARKERS)]}

    def beside(self, rung: str, supervisor: str, method: str) -> float:
        """Where a student stands: students of one size a little apart, so that intervals do not cover each other."""
        n_supervisors, n_methods = len(self.supervisors), len(self.methods)
        place = self.supervisors.index(supervisor) * n_methods + self.methods.index(method)
        shift = place / max(1, n_supervisors * n_methods - 1) - 0.5
        places = sorted(np.log(self.x(name)) if self.parameters else self.x(name) for name in self.rungs)
        width = 0.24 * float(np.diff(places).min(initial=1.0))
        return self.x(rung) * float(np.exp(width * shift)) if self.parameters else self.x(rung) + width * shift


def _ladder(rows: Sequence[Row], names: list[str]) -> list[str]:
    """Rungs in an order in which every weak one stands before its strong ones."""
    above = {name: {r["strong"] for r in rows if r["weak"] == name} - {name} for name in names}
    return sorted(names, key=lambda name: -len(above[name]))
