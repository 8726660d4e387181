"""The report of `elicit`: one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from w2slab.apps.elicit import elicit_text
from w2slab.apps.elicit.elicit_figures import draw
from w2slab.apps.elicit.elicit_request import ElicitRequest
from w2slab.apps.elicit.elicit_summary import contradicted_rows
from w2slab.apps.elicit.findings import Findings
from w2slab.graph.atomic import write_atomically
from w2slab.report.html import render

MOST_SHOWN = 24


def write_page(
    findings: Findings, summary: Mapping[str, Any], request: ElicitRequest, out: Path, *, name: str, command: str
) -> Path:
    """Write `index.html` and `figures/`; the page is returned.

    Args:
        findings: The findings.
        summary: The findings as numbers.
        request: The request.
        out: The folder.
        name: Heading of the page.
        command: The command that reproduces the page.
    """
    html = render(
        "elicit.html",
        name=name,
        summary=summary,
        answer=elicit_text.answer(summary),
        caveats=elicit_text.caveats(summary, len(request.seeds)),
        known=elicit_text.known(summary),
        unknown=elicit_text.unknown(summary),
        settle=elicit_text.settle(summary["truth"]) if summary["truth"] else "",
        drawings={"truth": None, **draw(findings, out / "figures")},
        shown=list(islice(contradicted_rows(findings), MOST_SHOWN)),
        folds=request.folds,
        n_seeds=len(request.seeds),
        made=_made(summary, request),
        command=command,
    )
    page = out / "index.html"
    write_atomically(page, html)
    return page


def _made(summary: Mapping[str, Any], request: ElicitRequest) -> list[tuple[str, str]]:
    rows = [
        ("Report by", f"w2slab {summary['w2slab']}"),
        ("Student", summary["model"]),
        ("Method", f"{request.method.display_name}, on {request.weak_labels} labels"),
        ("Recipe", elicit_text.recipe(summary["recipe"])),
        (
            "Cross-fitting",
            f"{request.folds} folds of {summary['n_groups']:,} groups; seeds {', '.join(map(str, request.seeds))}",
        ),
        ("Confidence intervals", f"{100 * request.level:g}%"),
    ]
    if summary["n_truncated"]:
        rows.append(("Truncated on the left", f"{summary['n_truncated']:,} texts"))
    if summary["n_more"]:
        rows.append(("Texts without labels", f"{summary['n_more']:,}, labelled by the student trained on all labels"))
    return rows
