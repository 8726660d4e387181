"""The report's figures, drawn with matplotlib: each becomes a picture in the page and two files beside it.

Colour is the supervisor, line and marker are the method, black is trained on true labels: as in figure 3 of Burns et
al. (2023). Colour never stands alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from w2slab.report import paper_curves
from w2slab.report.look import Look
from w2slab.report.svg import INK, Drawing, part_labels, publish
from w2slab.report.words import inert, size

Row = dict[str, Any]
POINTS = {
    "last": "last step",
    "weak-labels": "stopped on\nweak labels",
    "true-labels": "best on true\nlabels (a cheat)",
}
_MOST_DIFFERENCES = 40
_LONGEST_NAME = 24
_KEY_ROW = 0.185  # inches


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
        trained_on_truth = {r["weak"]: r["supervisor_accuracy"] for r in rows} | {
            r["strong"]: r["ceiling_accuracy"] for r in rows
        }
        order = [name for name in self.look.rungs if name in trained_on_truth]
        axes.plot(
            [self.look.x(n) for n in order],
            [100 * trained_on_truth[n] for n in order],
            color=INK,
            linewidth=2.2,
            zorder=3,
        )
        top = (self.look.x(order[-1]), 100 * trained_on_truth[order[-1]])
        axes.annotate(
            "true labels", top, (-5, 3), textcoords="offset points", ha="right", fontsize=7.5, fontweight="bold"
        )
        for supervisor, method, own in self._curves(rows):
            start = (self.look.x(supervisor), 100 * own[0]["supervisor_accuracy"])
            points = [(self.look.beside(r["strong"], supervisor, method), r, "student_accuracy") for r in own]
            self._curve(axes, points, supervisor, method, start)
        chance = 100 * float(np.median([r["chance"] for r in rows]))
        axes.axhline(chance, color=INK, alpha=0.45, linewidth=0.8, linestyle=(0, (1, 2)))
        axes.annotate(
            "chance", (1, chance), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=7.5, alpha=0.65
        )
        values = [100 * v for r in rows for v in (r["student_accuracy"], *_on_truth(r))]
        names = ("student_accuracy_low", "student_accuracy_high")
        ends = [100 * r[name] for r in rows for name in names if name in r]
        low, high = _span([*values, chance], ends)
        axes.set_ylim(max(-1, low - 2), min(101, high + 2))
        axes.set_ylabel("test accuracy, %")
        self._keys(figure)
        return publish(
            figure, self.folder, name=f"{prefix}accuracy", title="Accuracy", alt="Test accuracy against student size"
        )

    def recovered(self, rows: Sequence[Row], setting: paper_curves.Setting | None, prefix: str) -> Drawing:
        """PGR against student size; undefined ones stand as crosses at the foot."""
        figure, axes = self._panel()
        self._sizes(axes)
        for rank, supervisor in enumerate(self.look.supervisors if setting and self.look.parameters else []):
            for method in self.look.methods:
                curve = paper_curves.pgr(
                    setting or "chess", method, rank, len(self.look.supervisors), self.look.x(supervisor)
                )
                if curve is not None:
                    self._pale(axes, curve, self.look.color(supervisor))
        for value in (0, 100):
            axes.axhline(value, color=INK, linewidth=0.8, alpha=0.55)
        for supervisor, method, own in self._curves(rows):
            points = [
                (self.look.beside(r["strong"], supervisor, method), r, "pgr") for r in own if r["pgr_reason"] is None
            ]
            self._curve(axes, points, supervisor, method)
            lost = [self.look.beside(r["strong"], supervisor, method) for r in own if r["pgr_reason"] is not None]
            if lost:
                axes.plot(
                    lost,
                    [0.025] * len(lost),
                    "x",
                    color=self.look.color(supervisor),
                    transform=axes.get_xaxis_transform(),
                    clip_on=False,
                )
        shown = [r for r in rows if r["pgr_reason"] is None]
        low, high = _span(
            [100 * r["pgr"] for r in shown], [100 * r[f"pgr_{e}"] for r in shown for e in ("low", "high")]
        )
        axes.set_ylim(min(low, -12) - 5, max(high, 108) + 4)
        axes.set_ylabel("performance gap recovered, %")
        self._keys(figure)
        return publish(
            figure, self.folder, name=f"{prefix}pgr", title="Performance gap recovered", alt="PGR against student size"
        )

    def agreement(self, rows: Sequence[Row], setting: paper_curves.Setting | None, of: str, title: str) -> Drawing:
        """Agreement of students with their supervisors against student size."""
        figure, axes = self._panel(3.5, 2.2, has_keys=False)
        self._sizes(axes)
        if setting and self.look.parameters:
            curve = paper_curves.agreement(setting, of, min(self.look.parameters.values()))
            if curve is not None:
                self._pale(axes, curve, self.look.color(self.look.supervisors[0]))
        for supervisor, method, own in self._curves(rows):
            points = [
                (self.look.beside(r["strong"], supervisor, method), r, f"agreement_{of}")
                for r in own
                if not isnan(r[f"agreement_{of}"])
            ]
            self._curve(axes, points, supervisor, method)
        lows = [
            100 * r[f"agreement_{o}_low"]
            for r in rows
            for o in ("all", "right", "wrong")
            if not isnan(r[f"agreement_{o}_low"])
        ]
        axes.set_ylim(max(0, min([*lows, 95]) - 4), 101)
        axes.set_ylabel("agreement, %")
        return publish(
            figure, self.folder, name=f"agreement-{of}", title=title, alt=f"Agreement with the supervisor: {title}"
        )

    def differences(self, rows: Sequence[Row]) -> Drawing:
        """Every method against the naive one on every pair: intervals, filled where a difference is shown."""
        rows = rows[:_MOST_DIFFERENCES]
        several = len({r["task"] for r in rows}) > 1
        methods = [m for m in self.look.methods if any(r["method"] == m for r in rows)]
        foot = 0.5 + _KEY_ROW * -(-len(methods) // _columns_of(methods))
        height = 0.13 + foot + 0.19 * len(rows) + 0.1 * len({(r["task"], r["weak"], r["strong"]) for r in rows})
        figure, axes = self._sheet(4.8, height, left=1.7, right=0.12, foot=foot, top=0.08)
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
            axes.plot(
                value,
                at,
                style["marker"],
                color=color,
                markersize=6.5,
                markerfacecolor=color if filled else "none",
                markeredgewidth=1.4,
            )
            if first:
                models = " → ".join(inert(row[n], 12) for n in ("weak", "strong"))
                words = f"{inert(row['task'], _LONGEST_NAME)}\n" * several + models
                labels.append((at + several / 2, words))
            at += 1
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.set_ylim(at - 0.4, -0.6)
        axes.set_yticks([y for y, _ in labels], [text for _, text in labels], fontsize=8)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(f"accuracy minus that of {inert(rows[0]['against'], 30)}, points")
        self._method_key(figure, methods, lines=False)
        return publish(
            figure,
            self.folder,
            name="differences",
            title="Method against method",
            alt="Differences in accuracy with intervals",
        )

    def stopping(self, rows: Sequence[Row]) -> Drawing:
        """PGR of every pair at each stopping point, and the median over pairs."""
        figure, axes = self._panel()
        points = [p for p in POINTS if any(r["stopping_point"] == p for r in rows)]
        axes.axhline(0, color=INK, linewidth=0.8, alpha=0.55)
        for place, method in enumerate(self.look.methods):
            shift = 0.24 * (place - (len(self.look.methods) - 1) / 2)
            marker = self.look.line(method)["marker"]
            for x, point in enumerate(points):
                own = [
                    r
                    for r in rows
                    if r["method"] == method and r["stopping_point"] == point and r["pgr_reason"] is None
                ]
                for r in own:
                    axes.plot(
                        x + shift, 100 * r["pgr"], marker, color=self.look.color(r["weak"]), alpha=0.7, markersize=4.5
                    )
                if own:
                    middle = 100 * median(r["pgr"] for r in own)
                    axes.plot(
                        [x + shift - 0.09, x + shift + 0.09],
                        [middle, middle],
                        color=INK,
                        linewidth=2.4,
                        solid_capstyle="butt",
                    )
        axes.set_xticks(range(len(points)), [POINTS[p] for p in points])
        axes.set_xlim(-0.5, len(points) - 0.5)
        axes.set_ylabel("performance gap recovered, %")
        self._keys(figure, lines=False)
        return publish(
            figure, self.folder, name="stopping", title="Where training stops", alt="PGR at each stopping point"
        )

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
        return publish(
            figure,
            self.folder,
            name="courses",
            title=f"{inert(strong, 30)} over its training",
            alt="Test accuracy over training",
        )

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
        self,
        axes: Any,
        points: list[tuple[float, Row, str]],
        supervisor: str,
        method: str,
        start: tuple[float, float] | None = None,
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
        xs = np.log(curve.sizes)
        ys = 100 * np.array(curve.values)
        end = min(np.log(1.4 * max(self.look.parameters.values())), xs[-1])
        if xs[0] < end:
            inside = np.append(xs[xs < end], end)
            wide = {"alpha": 0.14, "linewidth": 5, "solid_capstyle": "round", "solid_joinstyle": "round"}
            axes.plot(np.exp(inside), np.interp(inside, xs, ys), color=color, zorder=0, **wide)

    def _sheet(
        self, width: float, height: float, *, left: float, right: float, foot: float, top: float
    ) -> tuple[Any, Any]:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(width, height))
        axes = figure.add_axes(
            (left / width, foot / height, (width - left - right) / width, (height - foot - top) / height)
        )
        axes.patch.set_visible(False)
        axes.grid(axis="y" if left < 1 else "x", color=INK, alpha=0.1, linewidth=0.6)
        axes.set_axisbelow(True)
        return figure, axes

    def _panel(self, width: float = 4.2, height: float = 2.75, *, has_keys: bool = True) -> tuple[Any, Any]:
        """Axes `height` inches high, and below them room for the keys."""
        n_rows = sum(-(-len(names) // _columns_of(names)) for names in (self.look.supervisors, self.look.methods))
        foot = 0.56 + (0.18 + _KEY_ROW * n_rows if has_keys else 0)
        return self._sheet(width, height + foot, left=0.6, right=0.1, foot=foot, top=0.1)

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
        part_labels(axes, np.log(places) if self.look.parameters else np.array(places))
        axes.set_xlabel("student" + (", parameters" if self.look.parameters else ""), fontsize=8.5)

    def _keys(self, figure: Any, *, lines: bool = True) -> None:
        """Below the axes: colours of supervisors, lines of methods."""
        from matplotlib.lines import Line2D

        ring: dict[str, Any] = {
            "marker": "o",
            "markerfacecolor": "none",
            "linestyle": "none",
            "markersize": 7,
            "markeredgewidth": 1.6,
        }
        keys = [Line2D([], [], color=self.look.color(name), **ring) for name in self.look.supervisors]
        n_rows = -(-len(self.look.methods) // _columns_of(self.look.methods))
        self._legend(figure, keys, self.look.supervisors, n_rows, handletextpad=0.2, title="supervisor")
        self._method_key(figure, self.look.methods, lines=lines)

    def _method_key(self, figure: Any, methods: Sequence[str], *, lines: bool) -> None:
        from matplotlib.lines import Line2D

        keys = []
        for method in methods:
            style = self.look.line(method) if lines else self.look.line(method) | {"linestyle": "none"}
            keys.append(Line2D([], [], color=INK, linewidth=1.3, markersize=4.5, **style))
        self._legend(figure, keys, methods, 0, handlelength=2.6 if lines else 1.0, handletextpad=0.4)

    def _legend(self, figure: Any, keys: list[Any], names: Sequence[str], n_rows_below: int, **look: Any) -> None:
        above = (0.02 + _KEY_ROW * n_rows_below) / figure.get_figheight()
        words = [inert(name, _LONGEST_NAME) for name in names]
        place = {"loc": "lower left", "bbox_to_anchor": (0.01, above), "borderaxespad": 0, "borderpad": 0.2}
        figure.legend(
            keys,
            words,
            ncols=_columns_of(names),
            columnspacing=1.1,
            title_fontsize=7.5,
            alignment="left",
            **place,
            **look,
        )


def _on_truth(row: Row) -> tuple[float, float]:
    return row["supervisor_accuracy"], row["ceiling_accuracy"]


def _span(values: Sequence[float], ends: Sequence[float]) -> tuple[float, float]:
    """From the lowest to the highest end, but no further from the values than half of their own range (or 10)."""
    if not values:
        return 0.0, 100.0
    low, high = min(values), max(values)
    room = max(10.0, (high - low) / 2)
    return max(min([low, *ends]), low - room), min(max([high, *ends]), high + room)


def _columns_of(names: Sequence[str]) -> int:
    """How many keys fit beside each other."""
    longest = max((min(len(name), _LONGEST_NAME) for name in names), default=1)
    return max(1, min(len(names), 64 // (longest + 6)))
