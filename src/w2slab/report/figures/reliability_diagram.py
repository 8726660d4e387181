"""Reliability curves: accuracy against confidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from w2slab.report.figures import tips
from w2slab.report.figures.studio import RING, Row, Sheet, Studio
from w2slab.report.svg import INK, Drawing
from w2slab.report.words import percent, short

FEW = 0.01  # of all examples: a bin of fewer shows little


def reliability(studio: Studio, rows: Sequence[Row], *, weak: str, title: str, place: int) -> Drawing:
    """Supervisor, students by method, and ceiling of one pair.

    Args:
        studio: Where it is drawn.
        rows: Bins of the pair, of all roles and methods.
        weak: The supervisor.
        title: Above it.
        place: Of this figure among its like; enters the name of its files.
    """
    methods = [m for m in studio.look.drawn if any(r["method"] == m and r["role"] == "student" for r in rows)]
    sheet = studio.panel(3.5, 2.75, n_key_rows=1 + -(-len(methods) // studio.columns(methods, 3.5)), labels=0.43)
    axes = sheet.axes
    low = 100 * min((min(r["confidence"], r["accuracy"]) for r in rows), default=0.0)
    low = max(0.0, 10 * (low // 10))
    axes.plot([low, 100], [low, 100], color=INK, linewidth=0.8, linestyle=(0, (1, 2)))
    ink = {"color": INK, "linewidth": 1.8, "marker": "o", "markersize": 3.6}
    ring = {"color": studio.look.color(weak), "linewidth": 1.0, **(RING | {"markersize": 6})}
    _curve(sheet, [r for r in rows if r["role"] == "ceiling"], "ceiling", None, **ink)
    _curve(sheet, [r for r in rows if r["role"] == "supervisor"], "supervisor", None, **ring)
    for method in methods:
        own = [r for r in rows if r["role"] == "student" and r["method"] == method]
        style = studio.look.line(method) | {"color": studio.look.color(weak), "linewidth": 1.4, "markersize": 4.5}
        _curve(sheet, own, tips.name(method), studio.look.place(method), **style)
    axes.set_xlim(low - 2, 102)
    axes.set_ylim(low - 2, 102)
    axes.set_xlabel("confidence, %", fontsize=8.5)
    axes.set_ylabel("accuracy, %")
    studio.method_key(sheet, methods, lines=True, n_rows_below=1)
    role_key(studio, sheet, weak)
    return studio.publish(
        sheet,
        name=f"reliability-{place + 1}",
        title=title,
        alt=f"Accuracy against confidence: {title}",
        hides_keys=True,
    )


def _curve(sheet: Sheet, rows: Sequence[Row], who: str, method: int | None, **look: Any) -> None:
    """The bins of one model with their intervals; those of few examples are faint, and no line leads to them."""
    rows = sorted((r for r in rows if r["n"]), key=lambda r: r["confidence"])
    few = FEW * sum(r["n"] for r in rows)
    marker = {name: look.pop(name) for name in list(look) if name.startswith("marker")}
    many = [(100 * r["confidence"], 100 * r["accuracy"]) for r in rows if r["n"] >= few]
    if many:
        sheet.tell(sheet.axes.plot(*zip(*many, strict=True), zorder=2, **look), method)
    sheet.intervals(
        [(100 * r["confidence"], 100 * r["accuracy_low"], 100 * r["accuracy_high"]) for r in rows if r["n"] >= few],
        look["color"],
        method,
    )
    for row in rows:
        x, y, is_faint = 100 * row["confidence"], 100 * row["accuracy"], row["n"] < few
        faint = {"alpha": 0.3} if is_faint else {"zorder": 4}
        point = sheet.axes.plot(x, y, linestyle="none", color=look["color"], **marker, **faint)
        model = f"{tips.name(row['model'])}, {who}"
        sure = f"confidence {percent(row['confidence'])}%, {tips.of_examples(row['n'])}"
        sheet.tell(point, method, "\n".join([model, tips.measured("accuracy", row, "accuracy"), sure]))


def role_key(studio: Studio, sheet: Sheet, weak: str) -> None:
    """Below the axes, in the last row: the ring of a supervisor and the black of a ceiling."""
    from matplotlib.lines import Line2D

    ring = Line2D([], [], color=studio.look.color(weak), linewidth=1.0, **(RING | {"markersize": 6}))
    ceiling = Line2D([], [], color=INK, linewidth=1.8, marker="o", markersize=3.6)
    studio.legend(sheet, [ring, ceiling], [f"supervisor {short(weak, 24)}", "ceiling"], 0, handletextpad=0.4)
