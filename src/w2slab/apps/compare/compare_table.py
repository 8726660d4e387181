"""Two studies side by side as plain tables for a terminal: values in %, differences in points."""

from __future__ import annotations

from math import isfinite, isnan
from typing import TYPE_CHECKING, Any

from w2slab.analysis.estimator import IDENTITY
from w2slab.analysis.plain_text import aligned, percent, span
from w2slab.apps.compare import compare_text
from w2slab.apps.compare.match_rows import SAME_JOB

if TYPE_CHECKING:
    from w2slab.analysis.estimator import Row
    from w2slab.apps.compare.side_by_side import Compared

_STUDENTS = ("task", "weak → strong", "method", "student A", "B", "B − A", "PGR A", "B", "B − A", "verdict on B")
_REFERENCES = ("task", "model", "role", "A", "B", "B − A")
_UNDEFINED = "undefined"


def render(compared: Compared) -> str:
    """Students, then their supervisors and ceilings where these differ, then notes."""
    lines = [f"{side.name}: {side.title}" for side in (compared.a, compared.b)]
    lines += [said] if (said := compare_text.changed(compared)) else []
    lines += ["", *aligned([_STUDENTS, *map(_student, compared.rows)])]
    references = differing_references(compared.rows)
    lines += ["", *aligned([_REFERENCES, *map(_reference, references)])] if references else []
    covered = dict.fromkeys(row["interval_covers"] for row in compared.rows)
    lines += ["", compare_text.answer(compared)]
    lines.append(f"Values in %; {100 * compared.level:g}% confidence intervals over {'; '.join(covered)}.")
    lines += [] if references else ["Supervisors and ceilings are the same jobs in A and B."]
    return "\n".join([*lines, *compare_text.notes(compared), *_undefined(compared.rows)])


def differing_references(rows: list[Row]) -> list[dict[str, Any]]:
    """Supervisors and ceilings that are not the same jobs in both studies, each once: in A, in B, and B minus A."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for role, model in (("supervisor", "weak"), ("ceiling", "strong")):
        for row in rows:
            columns = (f"{role}_accuracy_a", f"{role}_accuracy_b", f"{role}_difference")
            values = {
                f"{name}{end}": row[f"{column}{end}"]
                for name, column in zip(("a", "b", "difference"), columns, strict=True)
                for end in ("", "_low", "_high")
            }
            if not row[f"same_{role}"]:
                reference = {"task": row["task"], "model": row[model], "role": role, **values}
                found.setdefault(tuple(reference.values()), reference)
    return list(found.values())


def _student(row: Row) -> tuple[str, ...]:
    return (
        row["task"],
        f"{row['weak']} → {row['strong']}",
        row["method"] + (f" ({row['control']})" if row["control"] else ""),
        percent(row["student_accuracy_a"]),
        percent(row["student_accuracy_b"]),
        _difference(row, "student_difference", same=row["same_student"]),
        _pgr(row, "a"),
        _pgr(row, "b"),
        _difference(row, "pgr_difference", 0, same=all(row[f"same_{r}"] for r in ("supervisor", "student", "ceiling"))),
        verdict(row),
    )


def _reference(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        row["task"],
        row["model"],
        row["role"],
        percent(row["a"]),
        percent(row["b"]),
        _difference(row, "difference", same=False),
    )


def _pgr(row: Row, side: str) -> str:
    return _UNDEFINED if row[f"pgr_{side}_reason"] else percent(row[f"pgr_{side}"], 0)


def _difference(row: dict[str, Any], name: str, digits: int = 1, *, same: bool) -> str:
    if same or isnan(row[name]):
        return "-"
    return f"{compare_text.signed(row[name], digits)} {span(row, name, digits)}"


def verdict(row: Row) -> str:
    """The verdict; where it is not significant, with the minimum detectable effect (80% power)."""
    if row["verdict"] in (SAME_JOB, "better", "worse"):
        return str(row["verdict"])
    least = row["detectable_accuracy"]
    return f"{row['verdict']} ({'too few seeds or examples' if least > 1 else f'MDE: {percent(least)}'})"


def _undefined(rows: list[Row]) -> list[str]:
    """The reasons for undefined PGRs, each once."""
    lines = []
    for side in ("a", "b"):
        for row in rows:
            if reason := row[f"pgr_{side}_reason"]:
                lines.append(
                    f"PGR undefined in {side.upper()}, {row['task']}: {row['weak']} → {row['strong']}: {reason}."
                )
    return list(dict.fromkeys(lines))


def plain(compared: Compared) -> dict[str, Any]:
    """The comparison as JSON: undefined numbers are null, infinite ends of intervals `inf` or `-inf`."""
    students = {"only_a": compared.only_a, "only_b": compared.only_b, "waiting": compared.waiting}
    return {
        "a": compared.a.title,
        "b": compared.b.title,
        "changed": [dict(zip(("field", "a", "b"), change, strict=True)) for change in compared.changed],
        "level": compared.level,
        "min_gap": compared.min_gap,
        "resamples": compared.n_resamples,
        "rows": [{name: _jsonable(value) for name, value in row.items()} for row in compared.rows],
        **{name: [dict(zip(IDENTITY, each, strict=True)) for each in own] for name, own in students.items()},
        "answer": compare_text.answer(compared),
        "notes": compare_text.notes(compared),
    }


def _jsonable(value: Any) -> Any:
    if isinstance(value, float) and not isfinite(value):
        return None if isnan(value) else str(value)
    return value
