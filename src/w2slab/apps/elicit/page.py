"""The report of `elicit`: one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from w2slab.apps.elicit import words
from w2slab.apps.elicit.figures import draw
from w2slab.apps.elicit.findings import Findings
from w2slab.apps.elicit.request import Request
from w2slab.apps.elicit.summary import contradicted_rows
from w2slab.graph.atomic import write_atomically
from w2slab.report.html import render

MOST_SHOWN = 24


def write_page(
    findings: Findings, summary: Mapping[str, Any], request: Request, out: Path, *, name: str, command: str
) -> Path:
    """Write `index.html` and `figures/`; the page is returned.

    Args:
        findings: What was found.
        summary: The same as numbers.
        request: What was asked.
        out: The folder.
        name: Heading of the page.
        command: What makes all of this again.
    """
    html = render(
        "elicit.html",
        name=name,
        summary=summary,
        answer=words.answer(summary),
        caveats=words.caveats(summary, len(request.seeds)),
        known=words.known(summary),
        unknown=words.unknown(summary),
        settle=words.settle(summary["truth"]) if summary["truth"] else "",
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


def _made(summary: Mapping[str, Any], request: Request) -> list[tuple[str, str]]:
    learned = "probabilities" if request.weak_labels == "soft" else "the likeliest class"
    rows = [
        ("Report by", f"w2slab {summary['w2slab']}"),
        ("Student", summary["model"]),
        ("Method", f"{request.method.name}, on {learned} of the labels"),
        ("Recipe", words.recipe(request.recipe.model_dump())),
        (
            "Cross-fitting",
            f"{request.folds} folds of {summary['n_groups']:,} groups; seeds {', '.join(map(str, request.seeds))}",
        ),
        ("Intervals", f"{100 * request.level:g} %"),
    ]
    if summary["n_truncated"]:
        rows.append(("Too long, cut at the beginning", f"{summary['n_truncated']:,} texts"))
    if summary["n_more"]:
        rows.append(("Texts without labels", f"{summary['n_more']:,}, labelled by the student of all labels"))
    return rows
