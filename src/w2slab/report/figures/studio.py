"""Shared parts of figures: sheets, axes of sizes, keys, curves, and marks with tooltips."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from w2slab.report import paper_curves
from w2slab.report.look import Look
from w2slab.report.svg import INK, Drawing, Mark, part_labels, publish
from w2slab.report.words import short, size

Row = dict[str, Any]
LONGEST_NAME = 24
KEY_ROW = 0.185  # inches
RING: dict[str, Any] = {"marker": "o", "markerfacecolor": "none", "markersize": 7.5, "markeredgewidth": 1.6}


@dataclass
class Sheet:
    """One figure, its axes, and what the page is told of their marks."""

    figure: Any
    axes: Any
    foot: float = 0.0
    marks: list[Mark] = field(default_factory=list)

    def tell(self, artists: Any, method: int | None = None, tip: str | None = None, *, is_key: bool = False) -> None:
        """Let the page know which method artists show, and what they say when they are pointed at."""
        for artist in artists if isinstance(artists, list | tuple) else [artists]:
            artist.set_gid(f"mark-{len(self.marks)}")
            self.marks.append(Mark(method, tip, is_key))

    def intervals(self, ends: Sequence[tuple[float, float, float]], color: str, method: int | None = None) -> None:
        """Draw faint upright bars, of a place and a low and a high end each, as one artist."""
        from matplotlib.collections import LineCollection

        segments = [[(place, low), (place, high)] for place, low, high in ends if isfinite(low) and isfinite(high)]
        if segments:
            bars = LineCollection(segments, colors=color, alpha=0.38, linewidths=1.4, capstyle="butt", zorder=1)
            self.axes.add_collection(bars)
            self.tell(bars, method)


@dataclass(frozen=True)
class Studio:
    """Draws the figures of one study into one folder.

    Args:
        look: How supervisors and methods look.
        folder: Where the files go.
    """

    look: Look
    folder: Path

    def publish(self, sheet: Sheet, *, name: str, title: str, alt: str, hides_keys: bool = False) -> Drawing:
        """Write the sheet; `hides_keys` leaves its keys to the files, where the page has them elsewhere."""
        hidden = sheet.foot if hides_keys else 0.0
        return publish(
            sheet.figure, self.folder, name=name, title=title, alt=alt, marks=sheet.marks, hidden_foot=hidden
        )

    # --- paper --------------------------------------------------------------------------------------------------------

    def sheet(self, width: float, height: float, *, left: float, right: float, foot: float, top: float) -> Sheet:
        """An empty figure, all in inches; grid lines run across the longer labels."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(width, height))
        axes = figure.add_axes(
            (left / width, foot / height, (width - left - right) / width, (height - foot - top) / height)
        )
        axes.patch.set_visible(False)
        axes.grid(axis="y" if left < 1 else "x", color=INK, alpha=0.1, linewidth=0.6)
        axes.set_axisbelow(True)
        return Sheet(figure, axes)

    def panel(
        self, width: float = 4.2, height: float = 2.75, *, n_key_rows: int | None = None, labels: float = 0.56
    ) -> Sheet:
        """Axes `height` inches high, below them labels, and keys: those of supervisors and methods if not told."""
        above = 0.08
        if n_key_rows is None:
            above = 0.2  # supervisors have a heading
            n_key_rows = sum(-(-len(n) // self.columns(n, width)) for n in (self.look.supervisors, self.look.drawn))
        keys = above + KEY_ROW * n_key_rows
        sheet = self.sheet(width, height + labels + keys, left=0.6, right=0.1, foot=labels + keys, top=0.1)
        sheet.foot = keys
        return sheet

    def sizes(self, axes: Any) -> None:
        """An axis of student sizes, logarithmic where they are known."""
        from matplotlib.ticker import NullFormatter, NullLocator

        places = [self.look.x(name) for name in self.look.rungs]
        few = len(places) <= 6
        names = [short(name, 14) for name in self.look.rungs]
        if self.look.parameters:
            axes.set_xscale("log")
            axes.xaxis.set_minor_locator(NullLocator())
            axes.xaxis.set_minor_formatter(NullFormatter())
            sizes = [size(self.look.parameters[name]) for name in self.look.rungs]
            names = [f"{name}\n{text}" for name, text in zip(names, sizes, strict=True)] if few else sizes
            margin = min(1.35, (max(places) / min(places)) ** 0.125) if len(places) > 1 else 1.35
            axes.set_xlim(min(places) / margin, max(places) * margin)
        else:
            axes.set_xlim(-0.3, max(places) + 0.3)
        axes.set_xticks(places, names, fontsize=8)
        part_labels(axes, np.log(places) if self.look.parameters else np.array(places))
        axes.set_xlabel("student" + (", parameters" if self.look.parameters else ""), fontsize=8.5)

    # --- curves -------------------------------------------------------------------------------------------------------

    def curves(self, rows: Sequence[Row]) -> list[tuple[str, str, list[Row]]]:
        """Supervisor, method and their students in order of size."""
        curves = []
        for supervisor in self.look.supervisors:
            for method in self.look.drawn:
                own = [r for r in rows if r["weak"] == supervisor and r["method"] == method]
                if own:
                    curves.append((supervisor, method, sorted(own, key=lambda r: self.look.rungs.index(r["strong"]))))
        return curves

    def curve(
        self, sheet: Sheet, own: list[Row], name: str, tip: Callable[[Row], str], start: float | None = None
    ) -> None:
        """The students of one supervisor and method, from the supervisor on where `start` tells its height."""
        weak, method = own[0]["weak"], own[0]["method"]
        color, style, place = self.look.color(weak), self.look.line(method), self.look.place(method)
        at = {id(row): self.look.beside(row["strong"], weak, method) for row in own}
        nan = float("nan")
        ends = [(at[id(row)], *(100 * row.get(f"{name}_{end}", nan) for end in ("low", "high"))) for row in own]
        sheet.intervals(ends, color, place)
        points = ([] if start is None else [(self.look.x(weak), start)]) + [(at[id(r)], 100 * r[name]) for r in own]
        line = sheet.axes.plot(*zip(*points, strict=True), color=color, linestyle=style["linestyle"], zorder=2)
        sheet.tell(line, place)
        for row in own:
            point = sheet.axes.plot(at[id(row)], 100 * row[name], style["marker"], color=color, zorder=4, clip_on=False)
            sheet.tell(point, place, tip(row))

    def pale(self, axes: Any, curve: paper_curves.Reference, color: str) -> None:
        """A curve of the paper, behind our own and only over our sizes."""
        xs = np.log(curve.sizes)
        ys = 100 * np.array(curve.values)
        end = min(np.log(1.4 * max(self.look.parameters.values())), xs[-1])
        if xs[0] < end:
            inside = np.append(xs[xs < end], end)
            wide = {"alpha": 0.14, "linewidth": 5, "solid_capstyle": "round", "solid_joinstyle": "round"}
            axes.plot(np.exp(inside), np.interp(inside, xs, ys), color=color, zorder=0, **wide)

    # --- keys ---------------------------------------------------------------------------------------------------------

    def keys(self, sheet: Sheet, *, lines: bool = True) -> None:
        """Below the axes: colours of supervisors, lines of methods."""
        from matplotlib.lines import Line2D

        rings = [
            Line2D([], [], color=self.look.color(name), linestyle="none", **RING) for name in self.look.supervisors
        ]
        width = sheet.figure.get_figwidth()
        n_rows = -(-len(self.look.drawn) // self.columns(self.look.drawn, width))
        self.legend(sheet, rings, self.look.supervisors, n_rows, handletextpad=0.2, title="supervisor")
        self.method_key(sheet, self.look.drawn, lines=lines)

    def method_key(self, sheet: Sheet, methods: Sequence[str], *, lines: bool, n_rows_below: int = 0) -> None:
        """Lines and markers of methods."""
        from matplotlib.lines import Line2D

        keys = []
        for method in methods:
            style = self.look.line(method) if lines else self.look.line(method) | {"linestyle": "none"}
            keys.append(Line2D([], [], color=INK, linewidth=1.3, markersize=4.5, **style))
        spaced = partial(self.legend, handlelength=2.6 if lines else 1.0, handletextpad=0.4)
        legend = spaced(sheet, keys, methods, n_rows_below)
        for method, handle, text in zip(methods, legend.legend_handles, legend.get_texts(), strict=True):
            sheet.tell([handle, text], self.look.place(method), is_key=True)

    def legend(self, sheet: Sheet, keys: list[Any], names: Sequence[str], n_rows_below: int, **look: Any) -> Any:
        """Keys in rows at the foot of the sheet, above `n_rows_below` others."""
        above = (0.02 + KEY_ROW * n_rows_below) / sheet.figure.get_figheight()
        words = [short(name, LONGEST_NAME) for name in names]
        usual = {
            "loc": "lower left",
            "bbox_to_anchor": (0.01, above),
            "borderaxespad": 0,
            "borderpad": 0.2,
            "ncols": self.columns(names, sheet.figure.get_figwidth()),
            "columnspacing": 1.1,
            "title_fontsize": 7.5,
            "alignment": "left",
        }
        return sheet.figure.legend(keys, words, **(usual | look))

    def columns(self, names: Sequence[str], width: float = 4.2) -> int:
        """Number of keys that fit beside each other into so many inches."""
        longest = max((min(len(name), LONGEST_NAME) for name in names), default=1)
        return max(1, min(len(names), int(64 * width / 4.2) // (longest + 6)))
