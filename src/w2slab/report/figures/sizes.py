"""Accuracy, PGR and agreement against student size: figures 3 and 8 of the paper."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, isnan

import numpy as np

from w2slab.report import paper_curves
from w2slab.report.figures import tips
from w2slab.report.figures.studio import RING, Row, Sheet, Studio
from w2slab.report.paper_curves import Setting
from w2slab.report.svg import INK, Drawing


def accuracy(studio: Studio, rows: Sequence[Row], setting: Setting | None, prefix: str) -> Drawing:
    """Test accuracy against student size."""
    look, sheet = studio.look, studio.panel()
    axes = sheet.axes
    studio.sizes(axes)
    if setting and look.parameters:
        studio.pale(axes, paper_curves.true_labels(setting, min(look.parameters.values())), INK)
    _on_truth(studio, sheet, rows)
    curves = studio.curves(rows)
    for _, _, own in curves:
        studio.curve(sheet, own, "student_accuracy", tips.student, start=100 * own[0]["supervisor_accuracy"])
    for supervisor, row in {supervisor: own[0] for supervisor, _, own in curves}.items():
        value = row["supervisor_accuracy"]
        ring = axes.plot(look.x(supervisor), 100 * value, color=look.color(supervisor), zorder=5, clip_on=False, **RING)
        sheet.tell(ring, tip=tips.on_truth(supervisor, value, row, "supervisor_accuracy"))
    chance = 100 * float(np.median([r["chance"] for r in rows]))
    axes.axhline(chance, color=INK, alpha=0.45, linewidth=0.8, linestyle=(0, (1, 2)))
    axes.annotate(
        "chance", (1, chance), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=7.5, alpha=0.65
    )
    roles = ("supervisor_accuracy", "student_accuracy", "ceiling_accuracy")
    ends = [
        100 * r[f"student_accuracy_{end}"] for r in rows for end in ("low", "high") if f"student_accuracy_{end}" in r
    ]
    low, high = _span([*(100 * r[role] for r in rows for role in roles), chance], ends)
    axes.set_ylim(max(-1, low - 2), min(101, high + 2))
    axes.set_ylabel("test accuracy, %")
    studio.keys(sheet)
    return studio.publish(sheet, name=f"{prefix}accuracy", title="Accuracy", alt="Test accuracy against student size")


def _on_truth(studio: Studio, sheet: Sheet, rows: Sequence[Row]) -> None:
    """The thick line: models trained on ground truth, as ceilings where they are some, else as supervisors."""
    models = [r for r in rows if r["weak"] not in studio.look.sources]
    found = {r["weak"]: (r["supervisor_accuracy"], r, "supervisor_accuracy") for r in models}
    found |= {r["strong"]: (r["ceiling_accuracy"], r, "ceiling_accuracy") for r in rows}
    order = [name for name in studio.look.rungs if name in found]
    xs, ys = [studio.look.x(name) for name in order], [100 * found[name][0] for name in order]
    sheet.axes.plot(xs, ys, color=INK, linewidth=2.2, zorder=3)
    for name, x, y in zip(order, xs, ys, strict=True):
        _, row, column = found[name]
        point = sheet.axes.plot(x, y, "o", color=INK, markersize=3.6, markeredgewidth=0, zorder=3)
        sheet.tell(point, tip=tips.on_truth(name, found[name][0], row, column))
    sheet.axes.annotate(
        "ground truth",
        (xs[-1], ys[-1]),
        (-6, 4),
        textcoords="offset points",
        ha="right",
        fontsize=7.5,
        fontweight="bold",
    )


def recovered(studio: Studio, rows: Sequence[Row], setting: Setting | None, prefix: str) -> Drawing:
    """PGR against student size; undefined ones stand as crosses at the foot."""
    look, sheet = studio.look, studio.panel()
    axes = sheet.axes
    studio.sizes(axes)
    for rank, supervisor in enumerate(look.supervisors if setting and look.parameters else []):
        for method in look.drawn:
            curve = paper_curves.pgr(setting or "chess", method, rank, len(look.supervisors), look.x(supervisor))
            if curve is not None:
                studio.pale(axes, curve, look.color(supervisor))
    for value in (0, 100):
        axes.axhline(value, color=INK, linewidth=0.8, alpha=0.55)
    for supervisor, method, own in studio.curves(rows):
        defined = [r for r in own if r["pgr_reason"] is None]
        if defined:
            studio.curve(sheet, defined, "pgr", tips.student)
        for row in own:
            if row["pgr_reason"] is not None:
                place = look.beside(row["strong"], supervisor, method)
                foot = {"transform": axes.get_xaxis_transform(), "clip_on": False}
                cross = axes.plot(place, 0.025, "x", color=look.color(supervisor), **foot)
                sheet.tell(cross, look.place(method), tips.student(row))
    shown = [r for r in rows if r["pgr_reason"] is None]
    low, high = _span(
        [100 * r["pgr"] for r in shown], [100 * r[f"pgr_{end}"] for r in shown for end in ("low", "high")]
    )
    axes.set_ylim(min(low, -12) - 5, max(high, 108) + 4)
    axes.set_ylabel("performance gap recovered, %")
    studio.keys(sheet)
    return studio.publish(sheet, name=f"{prefix}pgr", title="Performance gap recovered", alt="PGR against student size")


def agreement(studio: Studio, rows: Sequence[Row], setting: Setting | None, of: str, title: str) -> Drawing:
    """Agreement of students with their supervisors against student size."""
    look, sheet = studio.look, studio.panel(3.5, 2.2)
    studio.sizes(sheet.axes)
    if setting and look.parameters:
        curve = paper_curves.agreement(setting, of, min(look.parameters.values()))
        if curve is not None:
            studio.pale(sheet.axes, curve, look.color(look.supervisors[0]))
    column = f"agreement_{of}"
    for _, _, own in studio.curves(rows):
        known = [r for r in own if not isnan(r[column])]
        if known:
            studio.curve(sheet, known, column, lambda row: tips.agreement(row, of, title))
    lows = [100 * r[f"agreement_{o}_low"] for r in rows for o in ("all", "right", "wrong")]
    sheet.axes.set_ylim(max(0, min([*(low for low in lows if not isnan(low)), 95]) - 4), 101)
    sheet.axes.set_ylabel("agreement, %")
    studio.keys(sheet)
    return studio.publish(
        sheet, name=f"agreement-{of}", title=title, alt=f"Agreement with the supervisor: {title}", hides_keys=True
    )


def _span(values: Sequence[float], ends: Sequence[float]) -> tuple[float, float]:
    """From the lowest to the highest end, but no further from the values than half of their own range (or 10)."""
    if not values:
        return 0.0, 100.0
    low, high = min(values), max(values)
    ends = [end for end in ends if isfinite(end)]
    room = max(10.0, (high - low) / 2)
    return max(min([low, *ends]), low - room), min(max([high, *ends]), high + room)
