"""Transitions of test examples between supervisor and student, as stacked bars."""

from __future__ import annotations

from collections.abc import Sequence

from w2slab.report.figures import tips
from w2slab.report.figures.studio import KEY_ROW, LONGEST_NAME, Row, Sheet, Studio
from w2slab.report.svg import FATES, Drawing
from w2slab.report.words import percent, short

# In the order in which they stack: right to the left, wrong to the right.
FATE_WORDS = {
    "kept": "both right",
    "corrected": "supervisor wrong, student right",
    "inherited": "the supervisor’s wrong choice repeated",
    "changed": "both wrong, differently",
    "new": "supervisor right, student wrong",
}
MOST_BARS = 40
_ON_DARK = ("corrected", "new")


def fates(studio: Studio, rows: Sequence[Row]) -> Drawing:
    """A bar for each student: kept, corrected, inherited, changed, new."""
    from matplotlib.patches import Patch

    several_tasks = len({r["task"] for r in rows}) > 1
    several_methods = len({r["method"] for r in rows}) > 1
    pairs = list(dict.fromkeys((r["task"], r["weak"], r["strong"]) for r in rows))
    names = [short(r["method"], LONGEST_NAME) if several_methods else _pair(r, several_tasks) for r in rows]
    left = 0.2 + 0.066 * max(map(len, names))
    foot = 0.56 + KEY_ROW
    head = 0.95 if several_methods else 0.0
    n_steps = len(rows) + (head + 0.35 if several_methods else 0.0) * len(pairs)
    sheet = studio.sheet(4.8, 0.13 + foot + 0.22 * n_steps, left=left, right=0.14, foot=foot, top=0.06)
    sheet.axes.grid(visible=False)
    at, places = 0.0, []
    for pair in pairs:
        own = [r for r in rows if (r["task"], r["weak"], r["strong"]) == pair]
        if several_methods:
            words = _pair(own[0], several_tasks)
            sheet.axes.annotate(words, (0, at + 0.1), va="center", fontsize=8, fontweight="bold", annotation_clip=False)
            at += head
        for row in own:
            _bar(studio, sheet, row, at)
            places.append(at)
            at += 1
        at += 0.35 if several_methods else 0.0
    sheet.axes.set_ylim(at - 0.3, -0.6)
    sheet.axes.set_xlim(0, 100)
    sheet.axes.set_yticks(places, names, fontsize=8)
    sheet.axes.tick_params(axis="y", length=0)
    sheet.axes.spines["left"].set_visible(False)
    sheet.axes.set_xlabel("test examples, %", fontsize=8.5)
    keys = [Patch(color=color) for color in FATES]
    studio.legend(sheet, keys, list(FATE_WORDS), 0, ncols=5, handlelength=1.0, handletextpad=0.4)
    return studio.publish(
        sheet,
        name="anatomy",
        title="What became of every test example",
        alt="Shares of test examples that the student kept, corrected, inherited, changed or newly got wrong",
    )


def _pair(row: Row, with_task: bool) -> str:
    longest = 12 if with_task else 16
    task, weak, strong = (short(row[name], longest) for name in ("task", "weak", "strong"))
    return f"{task}: {weak} → {strong}" if with_task else f"{weak} → {strong}"


def _bar(studio: Studio, sheet: Sheet, row: Row, at: float) -> None:
    start, method = 0.0, studio.look.place(row["method"])
    for (fate, words), color in zip(FATE_WORDS.items(), FATES, strict=True):
        share = 100 * row[fate]
        part = sheet.axes.barh(at, share, left=start, height=0.8, color=color, edgecolor="none").patches
        said = f"{fate}: {words}"
        sheet.tell(part, method, "\n".join([tips.heading(row), said, tips.measured("share", row, fate)]))
        if share >= 4:
            letters = "#ffffff" if fate in _ON_DARK else "#111111"
            text = sheet.axes.annotate(
                percent(row[fate], 0), (start + share / 2, at), ha="center", va="center", fontsize=7, color=letters
            )
            sheet.tell(text, method)
        start += share
