"""Two studies side by side as one self-contained HTML page, and the table as files beside it."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2slab.analysis.table_files import write_csv, write_parquet
from w2slab.apps.compare import compare_text
from w2slab.apps.compare.compare_table import differing_references
from w2slab.graph.atomic import write_atomically
from w2slab.report.figures.methods import differences
from w2slab.report.figures.studio import Studio
from w2slab.report.html import render
from w2slab.report.look import Look
from w2slab.report.svg import Drawing, settings

if TYPE_CHECKING:
    from w2slab.analysis.estimator import Row
    from w2slab.apps.compare.side_by_side import Compared

_MOST_ROWS = 1000
_NAME = "compare"


def write_page(compared: Compared, out: Path) -> Path:
    """Write `index.html`, `compare.csv`, `compare.parquet` and `figures/` into a folder; the page is returned.

    Args:
        compared: What `compare` gave.
        out: The folder; files of the same names in it are replaced.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    with settings():
        forest = _forest(compared.rows, out / "figures")
    html = render(
        "compare.html",
        a=compared.a,
        b=compared.b,
        rows=compared.rows,
        references=differing_references(compared.rows),
        alone=[
            (f"Only in {side}", [compare_text.student(each) for each in students])
            for side, students in (("A", compared.only_a), ("B", compared.only_b))
        ]
        + [("Not done in both yet", [compare_text.student(each) for each in compared.waiting])],
        changed=[(name, compare_text.value(a), compare_text.value(b)) for name, a, b in compared.changed],
        answer=compare_text.answer(compared),
        notes=compare_text.notes(compared),
        forest=forest,
        several_tasks=len({row["task"] for row in compared.rows}) > 1,
        level=f"{100 * compared.level:g}",
        covers=list(dict.fromkeys(row["interval_covers"] for row in compared.rows)),
        n_compared=compared.n_compared,
        most_rows=_MOST_ROWS,
        tables=[_NAME],
        made=_made(compared),
    )
    write_csv(compared.rows, out / f"{_NAME}.csv")
    write_parquet(compared.rows, out / f"{_NAME}.parquet")
    page = out / "index.html"
    write_atomically(page, html)
    return page


def _forest(rows: list[Row], folder: Path) -> Drawing | None:
    """Differences of student accuracy, as methods of one study are drawn against its baseline."""
    drawn: list[Row] = []
    for row in rows:
        if not row["same_student"]:
            ends = {f"accuracy_difference{end}": row[f"student_difference{end}"] for end in ("", "_low", "_high")}
            method = row["method"] + (f" ({row['control']})" if row["control"] else "")
            reason = row["pgr_a_reason"] or row["pgr_b_reason"]
            of_look = {"weak_parameters": None, "strong_parameters": None, "pgr": row["pgr_b"]}
            drawn.append({**row, **ends, **of_look, "method": method, "pgr_reason": reason, "against": "A"})
    if not drawn:
        return None
    studio = Studio(Look.of(drawn), folder)
    return differences(studio, drawn, title="B minus A", alt="Differences in student accuracy, B minus A")


def _made(compared: Compared) -> list[tuple[str, Any]]:
    try:
        own = version("w2slab")
    except PackageNotFoundError:
        own = "(not installed)"
    return [
        ("Page by", f"w2slab {own}"),
        ("A", compared.a.command("run")),
        ("B", compared.b.command("run")),
        ("Confidence intervals", f"{100 * compared.level:g}%, {compared.n_resamples:,} resamples"),
        ("Minimum gap for PGR", f"{100 * compared.min_gap:g}% of test examples"),
    ]
