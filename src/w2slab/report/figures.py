"""The report's figures, drawn with matplotlib: each becomes a picture in the page and two files beside it.

Colour is the supervisor, line and marker are the method, black is trained on true labels: as in figure 3 of Burns et
al. (2023). Colour never stands alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from w2slab.report import paper_curves
from w2slab.report.svg import INK, SUPERVISORS, Drawing, publish
from w2slab.report.words import inert, size

Row = dict[str, Any]
DASHES: tuple[Any, ...] = (":", (0, (5, 2)), "-", (0, (6, 2, 1.2, 2)), (0, (2, 1)), (0, (9, 3)))
MARKERS = ("o", "^", "s", "D", "v", "P")
POINTS = {"last": "last step", "weak-labels": "stopped on\nweak labels", "true-labels": "best on true\nlabels (a cheat)"}
_MOST_DIFFERENCES = 40


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


@dataclass(frozen=True)
class Studio:
    """Draws the figures of one study into one folder."""

    look: Look
    folder: Path

    def accuracy(self, rows: Sequence[Row], setting: paper_curves.Setting | None, prefix: str) -> Drawing:
        """Test accuracy against student size."""
        figure, axes = self._panel()
        self._sizes(axes)
        if setting and self.look.parameters:
            curve = paper_curves.true_labels(setting, min(self.look.parameters.values()))
            self._pale(axes, curve, INK)
        trained_on_truth = {r["weak"]: r["supervisor_accuracy"] for r in rows} | {r["strong"]: r["ceiling_accuracy"] for r in rows}
        order = [name for name in self.look.rungs if name in trained_on_truth]
        axes.plot([self.look.x(n) for n in order], [100 * trained_on_truth[n] for n in order], color=INK, linewidth=2.2, zorder=3)
        top = (self.look.x(order[-1]), 100 * trained_on_truth[order[-1]])
        axes.annotate("true labels", top, (-5, 3), textcoords="offset points", ha="right", fontsize=7.5, fontweight="bold")
        for supervisor, method, own in self._curves(rows):
            start = (self.look.x(supervisor), 100 * own[0]["supervisor_accuracy"])
            points = [(self.look.beside(r["strong"], supervisor, method), r, "student_accuracy") for r in own]
            self._curve(axes, points, supervisor, method, start)
        chance = 100 * float(np.median([r["chance"] for r in rows]))
        axes.axhline(chance, color=INK, alpha=0.45, linewidth=0.8, linestyle=(0, (1, 2)))
        axes.annotate("chance", (1, chance), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=7.5, alpha=0.65)
        axes.set_ylabel("test accuracy, %")
        self._keys(figure)
        return publish(figure, self.folder, name=f"{prefix}accuracy", title="Accuracy", alt="Test accuracy against student size")

    def recovered(self, rows: Sequence[Row], setting: paper_curves.Setting | None, prefix: str) -> Drawing:
        """PGR against student size; undefined ones stand as crosses at the foot."""
        figure, axes = self._panel()
        self._sizes(axes)
        for rank, supervisor in enumerate(self.look.supervisors if setting and self.look.parameters else []):
            for method in self.look.methods:
                curve = paper_curves.pgr(setting or "chess", method, rank, len(self.look.supervisors), self.look.x(supervisor))
                if curve is not None:
                    self._pale(axes, curve, self.look.color(supervisor))
        for value in (0, 100):
            axes.axhline(value, color=INK, linewidth=0.8, alpha=0.55)
        for supervisor, method, own in self._curves(rows):
            points = [(self.look.beside(r["strong"], supervisor, method), r, "pgr") for r in own if r["pgr_reason"] is None]
            self._curve(axes, points, supervisor, method)
            lost = [self.look.beside(r["strong"], supervisor, method) for r in own if r["pgr_reason"] is not None]
            if lost:
                axes.plot(lost, [0.025] * len(lost), "x", color=self.look.color(supervisor), transform=axes.get_xaxis_transform(), clip_on=False)
        shown = [100 * r[name] for r in rows if r["pgr_reason"] is None for name in ("pgr_low", "pgr_high")]
        axes.set_ylim(max(-100, min([-12, *shown]) - 5), min(200, max([108, *shown]) + 4))
        axes.set_ylabel("performance gap recovered, %")
        self._keys(figure)
        return publish(figure, self.folder, name=f"{prefix}pgr", title="Performance gap recovered", alt="PGR against student size")

    def agreement(self, rows: Sequence[Row], setting: paper_curves.Setting | None, of: str, title: str) -> Drawing:
        """Agreement of students with their supervisors against student size."""
        figure, axes = self._panel(width=3.5, height=3.1, foot=0.75)
        self._sizes(axes)
        if setting and self.look.parameters:
            curve = paper_curves.agreement(setting, of, min(self.look.parameters.values()))
            if curve is not None:
                self._pale(axes, curve, self.look.color(self.look.supervisors[0]))
        for supervisor, method, own in self._curves(rows):
            points = [(self.look.beside(r["strong"], supervisor, method), r, f"agreement_{of}") for r in own if not isnan(r[f"agreement_{of}"])]
            self._curve(axes, points, supervisor, method)
        lows = [100 * r[f"agreement_{o}_low"] for r in rows for o in ("all", "right", "wrong") if not isnan(r[f"agreement_{o}_low"])]
        axes.set_ylim(max(0, min([*lows, 95]) - 4), 101)
        axes.set_ylabel("agreement, %")
        return publish(figure, self.folder, name=f"agreement-{of}", title=title, alt=f"Agreement with the supervisor: {title}")

    def differences(self, rows: Sequence[Row]) -> Drawing:
        """Every method against the naive one on every pair: a forest of intervals, filled where a difference is shown."""
        rows = rows[:_MOST_DIFFERENCES]
        several = len({r["task"] for r in rows}) > 1
        height = 0.75 + 0.19 * len(rows) + 0.1 * len({(r["task"], r["weak"], r["strong"]) for r in rows})
        figure, axes = self._sheet(5.4, height, left=1.75, right=0.12, foot=0.62, top=0.08)
        at, pair, labels = 0.0, None, []
        for row in rows:
            if pair not in (None, (row["task"], row["weak"], row["strong"])):
                at += 0.55
            first = pair != (row["task"], row["weak"], row["strong"])
            pair = (row["task"], row["weak"], row["strong"])
            color, style = self.look.color(row["weak"]), self.look.line(row["method"])
            value, low, high = (100 * row[f"accuracy_difference{end}"] for end in ("", "_low", "_high"))
            axes.plot([low, high], [at, at], color=color, linewidth=1.6, solid_capstyle="butt")
            filled = row["verdict"] != "no difference shown"
            axes.plot(value, at, style["marker"], color=color, markersize=6.5, markerfacecolor=color if filled else "none", markeredgewidth=1.4)
            if first:
                words = f"{row['task']}: " * several + f"{row['weak']} → {row['strong']}"
                labels.append((at, inert(words, 34)))
            at += 1
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.set_ylim(at - 0.4, -0.6)
        axes.set_yticks([y for y, _ in labels], [text for _, text in labels])
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(f"accuracy minus that of {inert(rows[0]['against'], 30)}, points")
        self._method_key(figure, [m for m in self.look.methods if any(r["method"] == m for r in rows)], lines=False)
        return publish(figure, self.folder, name="differences", title="Method against method", alt="Differences in accuracy with intervals")

    def stopping(self, rows: Sequence[Row]) -> Drawing:
        """PGR of every pair at each stopping point, and the median over pairs."""
        figure, axes = self._panel()
        points = [p for p in POINTS if any(r["stopping_point"] == p for r in rows)]
        axes.axhline(0, color=INK, linewidth=0.8, alpha=0.55)
        for place, method in enumerate(self.look.methods):
            shift = 0.24 * (place - (len(self.look.methods) - 1) / 2)
            marker = self.look.line(method)["marker"]
            for x, point in enumerate(points):
                own = [r for r in rows if r["method"] == method and r["stopping_point"] == point and r["pgr_reason"] is None]
                for r in own:
                    axes.plot(x + shift, 100 * r["pgr"], marker, color=self.look.color(r["weak"]), alpha=0.7, markersize=4.5)
                if own:
                    middle = 100 * median(r["pgr"] for r in own)
                    axes.plot([x + shift - 0.09, x + shift + 0.09], [middle, middle], color=INK, linewidth=2.4, solid_capstyle="butt")
        axes.set_xticks(range(len(points)), [POINTS[p] for p in points])
        axes.set_xlim(-0.5, len(points) - 0.5)
        axes.set_ylabel("performance gap recovered, %")
        self._keys(figure, lines=False)
        return publish(figure, self.folder, name="stopping", title="Where training stops", alt="PGR at each stopping point")

    def courses(self, curves: Mapping[tuple[str, str], np.ndarray], strong: str) -> Drawing:
        """Test accuracy of the largest student over training; a star where it was best.

        Args:
            curves: By supervisor and method, rows of progress and mean test accuracy, both fractions.
            strong: The student.
        """
        figure, axes = self._panel()
        for (supervisor, method), curve in curves.items():
            style = self.look.line(method)
            color = self.look.color(supervisor)
            axes.plot(100 * curve[0], 100 * curve[1], color=color, linestyle=style["linestyle"], linewidth=1.4)
            best = int(curve[1].argmax())
            axes.plot(100 * curve[0, best], 100 * curve[1, best], "*", color=color, markersize=9, markeredgewidth=0)
        axes.set_xlabel("training done, %", fontsize=8.5)
        axes.set_ylabel("test accuracy, %")
        axes.set_xlim(0, 102)
        self._keys(figure)
        return publish(figure, self.folder, name="courses", title=f"{inert(strong, 30)} over its training", alt="Test accuracy over training")

    # --- pieces -------------------------------------------------------------------------------------------------------

    def _curves(self, rows: Sequence[Row]) -> list[tuple[str, str, list[Row]]]:
        """Supervisor, method and their students in order of size."""
        curves = []
        for supervisor in self.look.supervisors:
            for method in self.look.methods:
                own = [r for r in rows if r["weak"] == supervisor and r["method"] == method]
                if own:
                    curves.append((supervisor, method, sorted(own, key=lambda r: self.look.rungs.index(r["strong"]))))
        return curves

    def _curve(
        self, axes: Any, points: list[tuple[float, Row, str]], supervisor: str, method: str, start: tuple[float, float] | None = None
    ) -> None:
        color, style = self.look.color(supervisor), self.look.line(method)
        for x, row, name in points:
            if not isnan(row.get(f"{name}_low", float("nan"))):
                low, high = 100 * row[f"{name}_low"], 100 * row[f"{name}_high"]
                axes.plot([x, x], [low, high], color=color, alpha=0.38, linewidth=1.4, solid_capstyle="butt", zorder=1)
        places = ([start] if start else []) + [(x, 100 * row[name]) for x, row, name in points]
        if places:
            xs, ys = zip(*places, strict=True)
            axes.plot(xs, ys, color=color, linestyle=style["linestyle"], zorder=2)
            first = 1 if start else 0
            axes.plot(xs[first:], ys[first:], style["marker"], color=color, zorder=4)
        if start:
            axes.plot(*start, "o", color=color, markersize=8, markerfacecolor="none", markeredgewidth=1.6, zorder=4)

    def _pale(self, axes: Any, curve: paper_curves.Reference, color: str) -> None:
        """A curve of the paper, behind our own and only over our sizes."""
        largest = 1.4 * max(self.look.parameters.values())
        inside = [(x, 100 * y) for x, y in zip(curve.sizes, curve.values, strict=True) if x <= largest]
        if inside:
            xs, ys = zip(*inside, strict=True)
            axes.plot(xs, ys, color=color, alpha=0.14, linewidth=5, solid_capstyle="round", solid_joinstyle="round", zorder=0)

    def _sheet(self, width: float, height: float, *, left: float, right: float, foot: float, top: float) -> tuple[Any, Any]:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(width, height))
        axes = figure.add_axes((left / width, foot / height, (width - left - right) / width, (height - foot - top) / height))
        axes.patch.set_visible(False)
        axes.grid(axis="y" if left < 1 else "x", color=INK, alpha=0.1, linewidth=0.6)
        axes.set_axisbelow(True)
        return figure, axes

    def _panel(self, width: float = 4.7, height: float = 3.9, foot: float = 1.12) -> tuple[Any, Any]:
        return self._sheet(width, height, left=0.52, right=0.1, foot=foot, top=0.1)

    def _sizes(self, axes: Any) -> None:
        from matplotlib.ticker import NullFormatter, NullLocator

        places = [self.look.x(name) for name in self.look.rungs]
        few = len(places) <= 6
        names = [inert(name, 12) for name in self.look.rungs]
        if self.look.parameters:
            axes.set_xscale("log")
            axes.xaxis.set_minor_locator(NullLocator())
            axes.xaxis.set_minor_formatter(NullFormatter())
            sizes = [size(self.look.parameters[name]) for name in self.look.rungs]
            names = [f"{name}\n{text}" for name, text in zip(names, sizes, strict=True)] if few else sizes
            axes.set_xlim(min(places) / 1.35, max(places) * 1.35)
        else:
            axes.set_xlim(-0.3, max(places) + 0.3)
        axes.set_xticks(places, names, fontsize=8)
        axes.set_xlabel("student" + (", parameters" if self.look.parameters else ""), fontsize=8.5)

    def _keys(self, figure: Any, *, lines: bool = True) -> None:
        """Below the axes: colours of supervisors, lines of methods."""
        from matplotlib.lines import Line2D

        weak = [Line2D([], [], color=self.look.color(s), marker="o", markerfacecolor="none", linestyle="none", markersize=7, markeredgewidth=1.6) for s in self.look.supervisors]
        figure.legend(weak, [inert(s, 16) for s in self.look.supervisors], loc="lower left", bbox_to_anchor=(0.01, 0.075), ncols=6, columnspacing=1.1, handletextpad=0.2, title="supervisor", title_fontsize=7.5, alignment="left", borderaxespad=0)
        self._method_key(figure, self.look.methods, lines=lines)

    def _method_key(self, figure: Any, methods: Sequence[str], *, lines: bool) -> None:
        from matplotlib.lines import Line2D

        keys = []
        for method in methods:
            style = self.look.line(method)
            keys.append(Line2D([], [], color=INK, marker=style["marker"], linestyle=style["linestyle"] if lines else "none", linewidth=1.3, markersize=4.5))
        figure.legend(keys, [inert(m, 22) for m in methods], loc="lower left", bbox_to_anchor=(0.01, 0.0), ncols=4, columnspacing=1.1, handlelength=2.6 if lines else 1.0, handletextpad=0.4, borderaxespad=0.1)
