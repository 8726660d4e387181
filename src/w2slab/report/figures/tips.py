"""Texts of single marks of a figure, shown when they are pointed at: a heading, and lines below it."""

from __future__ import annotations

from math import isnan
from typing import Any

from w2slab.analysis.verdicts import NOT_SIGNIFICANT
from w2slab.report.words import count, inert, percent

Row = dict[str, Any]
_LONGEST = 40


def name(text: object) -> str:
    """A name from the study or its data, made harmless and short."""
    return inert(text, _LONGEST)


def pair(row: Row) -> str:
    """Supervisor and student."""
    return f"{name(row['weak'])} → {name(row['strong'])}"


def student(row: Row) -> str:
    """Accuracy and PGR of the students of one row."""
    accuracy = measured("accuracy", row, "student_accuracy")
    return "\n".join([heading(row), accuracy, recovered(row)])


def agreement(row: Row, of: str, title: str) -> str:
    """Agreement of student and supervisor."""
    return "\n".join([heading(row), title.lower(), measured("agreement", row, f"agreement_{of}")])


def difference(row: Row) -> str:
    """A method beside the one it is compared with."""
    lines = [heading(row), measured("accuracy", row, "accuracy_difference", unit=" points")]
    if row["pgr_reason"] is None:
        lines.append(measured("PGR", row, "pgr_difference", 0, unit=" points"))
    return "\n".join([*lines, verdict(row)])


def verdict(row: Row) -> str:
    """The verdict, and where it is not significant the minimum detectable effect."""
    found = row.get("detectable_accuracy", float("nan"))
    if row["verdict"] != NOT_SIGNIFICANT or found is None or isnan(found):
        return str(row["verdict"])
    if found > 1:
        return f"{NOT_SIGNIFICANT}; too few seeds or examples to detect any effect"
    return f"{NOT_SIGNIFICANT}; minimum detectable effect: {percent(found)} points (80% power)"


def on_truth(model: str, value: float, row: Row, column: str) -> str:
    """Accuracy of a model trained on ground truth."""
    shown = {"x": value, "x_low": row.get(f"{column}_low"), "x_high": row.get(f"{column}_high")}
    return "\n".join([f"{name(model)}, trained on ground truth", measured("accuracy", shown, "x")])


def heading(row: Row) -> str:
    """The students of a row."""
    return f"{pair(row)}, {name(row['method'])}"


def measured(what: str, row: Row, column: str, digits: int = 1, unit: str = "%") -> str:
    """A number with its interval, where it has one."""
    low, high = row.get(f"{column}_low"), row.get(f"{column}_high")
    ends = "" if low is None or high is None or isnan(low) else f" ({percent(low, digits)} to {percent(high, digits)})"
    return f"{what} {percent(row[column], digits)}{unit}{ends}"


def of_examples(n: int) -> str:
    """Number of examples behind a mark."""
    return f"of {count(n, 'example')}"


def recovered(row: Row) -> str:
    """PGR, or why it is undefined."""
    if row["pgr_reason"] is not None:
        return f"PGR undefined: {row['pgr_reason']}"
    return measured("PGR", row, "pgr", 0)
