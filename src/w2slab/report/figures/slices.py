"""Accuracy of supervisor, students and ceiling on parts of the test set: by difficulty, or by what examples are."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from typing import Any

from w2slab.report.figures import tips
from w2slab.report.figures.reliability_diagram import role_key
from w2slab.report.figures.studio import RING, Row, Sheet, Studio
from w2slab.report.svg import INK, Drawing
from w2slab.report.words import short

MOST_SLICES = 12


def by_slice(studio: Studio, rows: Sequence[Row], *, title: str, place: int) -> Drawing:
    """The three roles over the slices of one kind, of one pair.

    Args:
        studio: Where it is drawn.
        rows: Slices of one kind and pair, of every method.
        title: Above it.
        place: Of this figure among its like; enters the name of its files.
    """
    weak, look = rows[0]["weak"], studio.look
    methods = [m for m in look.drawn if any(r["method"] == m for r in rows)]
    slices = list(dict.fromkeys(r["slice"] for r in sorted(rows, key=lambda r: r["slice_rank"])))
    words = [short(name, 14).replace(" to ", "\nto ") for name in slices]
    is_aslant = sum(max(map(len, word.split("\n"))) for word in words) > 46
    sheet = studio.panel(3.5, 2.6, n_key_rows=1 + -(-len(methods) // studio.columns(methods, 3.5)))
    color = look.color(weak)
    ink = {"color": INK, "linewidth": 1.8, "marker": "o", "markersize": 4}
    _curve(sheet, slices, _of_method(rows, methods[0]), "ceiling", ink)
    _curve(sheet, slices, _of_method(rows, methods[0]), "supervisor", {"color": color, "linewidth": 1.0, **RING})
    for order, method in enumerate(methods):
        aside = 0.3 * ((order + 1) / (len(methods) + 1) - 0.5)
        style = look.line(method) | {"color": color, "linewidth": 1.5, "markersize": 4.5}
        _curve(sheet, slices, _of_method(rows, method), "student", style, look.place(method), aside)
    sheet.axes.set_xticks(range(len(slices)), words, fontsize=7.5, rotation=20 if is_aslant else 0)
    sheet.axes.set_xlim(-0.45, len(slices) - 0.55)
    sheet.axes.set_ylabel("test accuracy, %")
    if not is_aslant:
        sheet.axes.set_xlabel(short(rows[0]["slice_by"], 40), fontsize=8.5)
    studio.method_key(sheet, methods, lines=True, n_rows_below=1)
    role_key(studio, sheet, weak)
    return studio.publish(
        sheet, name=f"slices-{place + 1}", title=title, alt=f"Accuracy on parts of test: {title}", hides_keys=True
    )


def _of_method(rows: Sequence[Row], method: str) -> list[Row]:
    return sorted((r for r in rows if r["method"] == method), key=lambda r: r["slice_rank"])


def _curve(
    sheet: Sheet,
    slices: list[str],
    rows: Sequence[Row],
    role: str,
    style: dict[str, Any],
    method: int | None = None,
    aside: float = 0.0,
) -> None:
    """One role over its slices; a line joins them where they have an order."""
    marker = {name: value for name, value in style.items() if name.startswith("marker")}
    column, color = f"{role}_accuracy", style["color"]
    known = [r for r in rows if not isnan(r[column])]
    places = [slices.index(r["slice"]) + aside for r in known]
    if known and known[0]["slice_by"] == "difficulty":
        line = {"color": color, "linestyle": style.get("linestyle", "-"), "linewidth": style["linewidth"]}
        sheet.tell(sheet.axes.plot(places, [100 * r[column] for r in known], zorder=2, **line), method)
    nan = float("nan")
    ends = [tuple(100 * row.get(f"{column}_{end}", nan) for end in ("low", "high")) for row in known]
    sheet.intervals([(x, low, high) for x, (low, high) in zip(places, ends, strict=True)], color, method)
    for x, row in zip(places, known, strict=True):
        point = sheet.axes.plot(x, 100 * row[column], linestyle="none", color=color, zorder=4, **marker)
        sheet.tell(point, method, _tip(row, role))


def _tip(row: Row, role: str) -> str:
    models = {"supervisor": tips.name(row["weak"]), "ceiling": f"{tips.name(row['strong'])}, trained on ground truth"}
    part = f"{tips.name(row['slice_by'])} {tips.name(row['slice'])}, {tips.of_examples(row['n_test'])}"
    accuracy = tips.measured("accuracy", row, f"{role}_accuracy")
    return "\n".join(
        [models.get(role, tips.heading(row)), part, accuracy, *([tips.recovered(row)] if role == "student" else [])]
    )
