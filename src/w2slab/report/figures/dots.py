"""Figures of tables that have no drawing of their own: a dot for each row, with its interval."""

from __future__ import annotations

from collections.abc import Sequence

from w2slab.analysis.tabular import Dots, Table
from w2slab.report.figures import tips
from w2slab.report.figures.studio import KEY_ROW, Row, Studio
from w2slab.report.svg import Drawing
from w2slab.report.words import short

MOST_DOTS = 60


def dots(studio: Studio, table: Table, figure: Dots, rows: Sequence[Row]) -> Drawing:
    """One column of a table: a line for each pair of a task, a dot for each method on it."""
    look = studio.look
    methods = [method for method in look.methods if any(row["method"] == method for row in rows)]
    pairs = list(dict.fromkeys((row["task"], row["weak"], row["strong"]) for row in rows))
    foot = 0.5 + KEY_ROW * -(-len(methods) // studio.columns(methods))
    sheet = studio.sheet(4.8, 0.13 + foot + 0.3 * (len(pairs) + 1), left=1.75, right=0.14, foot=foot, top=0.08)
    for row in rows:
        aside = 0.5 * ((methods.index(row["method"]) + 1) / (len(methods) + 1) - 0.5)
        at = pairs.index((row["task"], row["weak"], row["strong"])) + aside
        color, place = look.color(row["weak"]), look.place(row["method"])
        low, high = (100 * row.get(f"{figure.column}_{end}", float("nan")) for end in ("low", "high"))
        if low == low:
            bar = sheet.axes.plot([low, high], [at, at], color=color, alpha=0.38, linewidth=1.4, zorder=1)
            sheet.tell(bar, place)
        dot = sheet.axes.plot(100 * row[figure.column], at, look.line(row["method"])["marker"], color=color, zorder=4)
        sheet.tell(dot, place, f"{tips.heading(row)}\n{tips.measured(figure.title, row, figure.column)}")
    several = len({task for task, _, _ in pairs}) > 1
    names = [f"{short(task, 12)}: {short(weak, 9)} → {short(strong, 9)}" for task, weak, strong in pairs]
    names = names if several else [name.partition(": ")[2] for name in names]
    sheet.axes.set_yticks(range(len(pairs)), names, fontsize=8)
    sheet.axes.set_ylim(len(pairs) - 0.4, -0.6)
    sheet.axes.set_xlabel(figure.axis, fontsize=8.5)
    studio.method_key(sheet, methods, lines=False)
    return studio.publish(sheet, name=table.stem, title=figure.title, alt=figure.title)
