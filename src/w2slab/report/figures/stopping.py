"""Overfitting to weak labels, and the three points at which training may stop: figures 7 and 13 of the paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from w2slab.report.figures import tips
from w2slab.report.figures.studio import Row, Sheet, Studio
from w2slab.report.svg import INK, Drawing
from w2slab.report.words import percent

POINTS = {
    "last": "last step",
    "weak-labels": "early stopping\non weak labels",
    "oracle": "oracle early\nstopping",
}


class Course(NamedTuple):
    """A student's training, mean over seeds; all are fractions.

    Args:
        progress: Of the training, rising.
        on_test: Accuracy on test.
        on_weak_labels: Agreement with the weak labels of validation; NaN where there is no validation.
    """

    progress: np.ndarray
    on_test: np.ndarray
    on_weak_labels: np.ndarray

    def stops(self) -> dict[str, int]:
        """Step of each stopping rule, by the name of `POINTS`: the first of equals."""
        stops = {"last": len(self.progress) - 1}
        if not np.isnan(self.on_weak_labels).any():
            stops["weak-labels"] = int(self.on_weak_labels.argmax())
        return stops | {"oracle": int(self.on_test.argmax())}


_MARKERS: dict[str, dict[str, Any]] = {
    "last": {"marker": "|", "markersize": 9.0, "markeredgewidth": 1.4},
    "weak-labels": {"marker": "o", "markersize": 6.5, "markeredgewidth": 1.4, "markerfacecolor": "none"},
    "oracle": {"marker": "*", "markersize": 9.0, "markeredgewidth": 0.0},
}
_SAID = {
    "last": "at the last step",
    "weak-labels": "early stopping (best agreement with weak labels)",
    "oracle": "oracle early stopping (uses ground truth)",
}


def stopping(studio: Studio, rows: Sequence[Row]) -> Drawing:
    """PGR of every pair at each stopping point, and the median over pairs."""
    look, sheet = studio.look, studio.panel()
    axes = sheet.axes
    points = [p for p in POINTS if any(r["stopping_point"] == p for r in rows)]
    axes.axhline(0, color=INK, linewidth=0.8, alpha=0.55)
    width = 0.72 / max(1, len(look.drawn))
    for order, method in enumerate(look.drawn):
        shift = width * (order - (len(look.drawn) - 1) / 2)
        place, marker = look.place(method), look.line(method)["marker"]
        for x, point in enumerate(points):
            own = [
                r for r in rows if r["method"] == method and r["stopping_point"] == point and r["pgr_reason"] is None
            ]
            for row in own:
                dot = axes.plot(x + shift, 100 * row["pgr"], marker, color=look.color(row["weak"]), alpha=0.7, ms=4.5)
                said = f"{tips.heading(row)}\n" + POINTS[point].replace("\n", " ")
                sheet.tell(dot, place, f"{said}\n{tips.measured('PGR', row, 'pgr', 0)}")
            if own:
                middle = 100 * median(r["pgr"] for r in own)
                ends = [x + shift - 0.4 * width, x + shift + 0.4 * width]
                bar = axes.plot(ends, [middle] * 2, color=INK, linewidth=2.4, solid_capstyle="butt")
                sheet.tell(bar, place)
    axes.set_xticks(range(len(points)), [POINTS[p] for p in points])
    axes.set_xlim(-0.5, len(points) - 0.5)
    axes.set_ylabel("performance gap recovered, %")
    studio.keys(sheet, lines=False)
    return studio.publish(
        sheet, name="stopping", title="Where training stops", alt="PGR of students at each stopping point"
    )


def courses(
    studio: Studio,
    supervisor: str,
    strong: str,
    curves: Mapping[str, Course],
    *,
    title: str,
    place: int,
    level: tuple[float, float],
) -> Drawing:
    """Test accuracy of one student over its training, by method, with the places where it may stop.

    Args:
        studio: Where it is drawn.
        supervisor: Who taught the student.
        strong: The student.
        curves: By method.
        title: Above it.
        place: Of this figure among its like; enters the name of its files.
        level: Accuracies of supervisor and ceiling, which are drawn where they are near the curves.
    """
    sheet = studio.panel(3.5, 2.4, n_key_rows=_n_rows(studio, list(curves)) + 1, labels=0.43)
    for method, course in curves.items():
        _course(studio, sheet, (supervisor, strong, method), course)
    _levels(sheet.axes, *level)
    sheet.axes.set_xlabel("training done, %", fontsize=8.5)
    sheet.axes.set_ylabel("test accuracy, %")
    sheet.axes.set_xlim(0, 102)
    studio.method_key(sheet, list(curves), lines=True, n_rows_below=1)
    _key_of_stops(studio, sheet)
    return studio.publish(
        sheet, name=f"courses-{place + 1}", title=title, alt=f"Test accuracy over training: {title}", hides_keys=True
    )


def _course(studio: Studio, sheet: Sheet, names: tuple[str, str, str], course: Course) -> None:
    """One curve, and a mark where each way of stopping would stop."""
    supervisor, _, method = names
    color, own = studio.look.color(supervisor), studio.look.place(method)
    xs, ys = 100 * course.progress, 100 * course.on_test
    line = sheet.axes.plot(xs, ys, color=color, linestyle=studio.look.line(method)["linestyle"], linewidth=1.4)
    sheet.tell(line, own)
    for point, at in course.stops().items():
        mark = sheet.axes.plot(
            xs[at], ys[at], color=color, linestyle="none", zorder=4, clip_on=False, **_MARKERS[point]
        )
        models = "{} → {}, {}".format(*map(tips.name, names))
        said = f"after {percent(course.progress[at], 0)}% of its training, {_SAID[point]}"
        sheet.tell(mark, own, f"{models}\ntest accuracy {percent(course.on_test[at])}%\n{said}")


def _n_rows(studio: Studio, methods: Sequence[str]) -> int:
    return -(-len(methods) // studio.columns(methods, 3.5))


def _levels(axes: Any, supervisor: float, ceiling: float) -> None:
    """Lines of supervisor and ceiling, if they are near enough to leave the curves their room."""
    low, high = axes.get_ylim()
    room = max(3.0, high - low)
    for value, words, side in ((100 * supervisor, "supervisor", "bottom"), (100 * ceiling, "ceiling", "top")):
        if low - room <= value <= high + room:
            axes.axhline(value, color=INK, alpha=0.5, linewidth=0.8, linestyle=(0, (1, 2)))
            axes.annotate(
                words, (1, value), xycoords=("axes fraction", "data"), ha="right", va=side, fontsize=7.5, alpha=0.75
            )
            low, high = min(low, value - 0.06 * room), max(high, value + 0.06 * room)
    axes.set_ylim(low, high)


def _key_of_stops(studio: Studio, sheet: Sheet) -> None:
    from matplotlib.lines import Line2D

    keys = [
        Line2D([], [], color=INK, linestyle="none", **(look | {"markersize": 0.8 * look["markersize"]}))
        for look in _MARKERS.values()
    ]
    studio.legend(sheet, keys, ["last step", "early stopping", "oracle early stopping"], 0, handletextpad=0.2)
