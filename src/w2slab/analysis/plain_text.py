"""The summary of a study as a plain table for a terminal."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from w2slab.analysis.results import Results

_HEADS = ("task", "weak → strong", "method", "supervisor", "student", "ceiling", "PGR")


def percent(value: float, digits: int = 1) -> str:
    """A fraction as a percentage without its sign, `-` where there is none; never a negative 0."""
    return "-" if isnan(value) else f"{round(100 * value, digits) + 0.0:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def span(row: dict[str, Any], name: str, digits: int = 1) -> str:
    """The interval of a number, as percentages."""
    return f"[{percent(row[f'{name}_low'], digits)}, {percent(row[f'{name}_high'], digits)}]"


def render(results: Results) -> str:
    """The summary at the stopping point that counts: accuracy before PGR, each with its interval, all in percent."""
    rows = [_line(row) for control in (False, True) for row in results.reported(control=control)]
    lines = aligned([_HEADS, *rows])
    covered = dict.fromkeys(row["interval_covers"] for row in results.summary)
    lines += [
        "",
        f"Values in %; {100 * results.level:g}% confidence intervals over {'; '.join(covered) or 'nothing yet'}.",
    ]
    lines += results.notes()
    if results.missing:
        total = len(results.missing) + results.n_judged
        lines.append(f"Partial: {len(results.missing)} of {total} comparisons are not done yet; run the study again.")
    return "\n".join(lines)


def _line(row: dict[str, Any]) -> tuple[str, ...]:
    pgr = (
        f"{percent(row['pgr'], 0)} {span(row, 'pgr', 0)}"
        if row["pgr_reason"] is None
        else f"undefined ({row['pgr_reason']})"
    )
    return (
        row["task"],
        f"{row['weak']} → {row['strong']}",
        row["method"] + (f" ({row['control']})" if row["control"] else ""),
        percent(row["supervisor_accuracy"]),
        f"{percent(row['student_accuracy'])} {span(row, 'student_accuracy')}",
        percent(row["ceiling_accuracy"]),
        pgr,
    )


def aligned(rows: list[tuple[str, ...]]) -> list[str]:
    """Rows of text as lines of equal columns; the first row is the head."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [lines[0], "  ".join("-" * width for width in widths), *lines[1:]]
