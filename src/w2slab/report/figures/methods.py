"""Methods against each other: a forest plot, or where pairs are many the spread over them."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

import numpy as np

from w2slab.report.figures import tips
from w2slab.report.figures.studio import KEY_ROW, LONGEST_NAME, Row, Sheet, Studio
from w2slab.report.svg import INK, Drawing
from w2slab.report.words import short

MOST_IN_FOREST = 40
_MOST_TIPS = 600
_WIDTH, _LEFT = 4.2, 1.75  # inches; longest labels of 24 letters or so


def differences(
    studio: Studio,
    rows: Sequence[Row],
    *,
    title: str = "Method against method",
    alt: str = "Differences in accuracy between methods",
) -> Drawing:
    """Every method against the baseline on every pair, filled where a difference is shown."""
    sheet = _forest(studio, rows) if len(rows) <= MOST_IN_FOREST else _spread(studio, rows)
    sheet.axes.axvline(0, color=INK, linewidth=0.8)
    sheet.axes.tick_params(axis="y", length=0)
    sheet.axes.spines["left"].set_visible(False)
    sheet.axes.set_xlabel(f"accuracy minus that of {short(rows[0]['against'], 30)}, points")
    return studio.publish(sheet, name="differences", title=title, alt=alt)


def _forest(studio: Studio, rows: Sequence[Row]) -> Sheet:
    """A row for each difference, with its interval."""
    several = len({r["task"] for r in rows}) > 1
    methods = [m for m in studio.look.methods if any(r["method"] == m for r in rows)]
    foot = 0.5 + KEY_ROW * -(-len(methods) // studio.columns(methods))
    pairs = list(dict.fromkeys(_pair(r) for r in rows))
    gap = 0.55 + 0.45 * several
    height = 0.13 + foot + 0.19 * (len(rows) + gap * len(pairs))
    sheet = studio.sheet(_WIDTH, height, left=_LEFT, right=0.12, foot=foot, top=0.08)
    at, labels = 0.0, []
    for pair in pairs:
        own = [r for r in rows if _pair(r) == pair]
        models = " → ".join(short(own[0][name], 11) for name in ("weak", "strong"))
        task = f"{short(own[0]['task'], LONGEST_NAME)}\n" if several else ""
        labels.append((at + (len(own) - 1) / 2, task + models))
        for row in own:
            _difference(studio, sheet, row, at)
            at += 1
        at += gap
    sheet.axes.set_ylim(at - gap + 0.6, -0.6)
    sheet.axes.set_yticks([y for y, _ in labels], [text for _, text in labels], fontsize=8)
    studio.method_key(sheet, methods, lines=False)
    return sheet


def _pair(row: Row) -> tuple[str, str, str]:
    return row["task"], row["weak"], row["strong"]


def _difference(studio: Studio, sheet: Sheet, row: Row, at: float) -> None:
    look, method = studio.look, studio.look.place(row["method"])
    color = look.color(row["weak"])
    value, low, high = (100 * row[f"accuracy_difference{end}"] for end in ("", "_low", "_high"))
    bar = sheet.axes.plot([low, high], [at, at], color=color, linewidth=1.6, solid_capstyle="butt")
    sheet.tell(bar, method)
    mark = sheet.axes.plot(
        value, at, look.line(row["method"])["marker"], markersize=6.5, markeredgewidth=1.4, **_filled(row, color)
    )
    sheet.tell(mark, method, tips.difference(row))


def _filled(row: Row, color: str) -> dict[str, Any]:
    return {"color": color, "markerfacecolor": color if row["verdict"] in ("better", "worse") else "none"}


def _spread(studio: Studio, rows: Sequence[Row]) -> Sheet:
    """A row for each method, a mark for each pair in it, and a bar at their median."""
    methods = [m for m in studio.look.methods if any(r["method"] == m for r in rows)]
    sheet = studio.sheet(_WIDTH, 0.7 + 0.5 * len(methods), left=_LEFT, right=0.12, foot=0.55, top=0.08)
    for at, method in enumerate(methods):
        own = [r for r in rows if r["method"] == method]
        place, marker = studio.look.place(method), studio.look.line(method)["marker"]
        # Side by side by their order, so that equal ones do not hide each other; always the same.
        aside = 0.62 * ((np.arange(len(own)) * 0.618034) % 1 - 0.5)
        for row, shift in zip(own, aside, strict=True):
            color = studio.look.color(row["weak"])
            dot = sheet.axes.plot(
                100 * row["accuracy_difference"], at + shift, marker, markersize=3.6, markeredgewidth=0.8,
                alpha=0.75, **_filled(row, color),
            )  # fmt: skip
            sheet.tell(dot, place, _placed(row) if len(rows) <= _MOST_TIPS else None)
        middle = 100 * median(r["accuracy_difference"] for r in own)
        bar = sheet.axes.plot(
            [middle] * 2, [at - 0.4, at + 0.4], color=INK, linewidth=2, solid_capstyle="butt", zorder=5
        )
        sheet.tell(bar, place, f"{tips.name(method)}\nmedian over {len(own)} pairs {middle:.1f} points")
    sheet.axes.set_ylim(len(methods) - 0.4, -0.6)
    sheet.axes.set_yticks(range(len(methods)), [short(method, LONGEST_NAME) for method in methods], fontsize=8)
    return sheet


def _placed(row: Row) -> str:
    return f"{tips.name(row['task'])}: {tips.difference(row)}"
