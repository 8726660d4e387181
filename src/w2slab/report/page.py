"""The report: one self-contained HTML page, with its figures and tables as files beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isnan
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Protocol

from w2slab import analysis
from w2slab.analysis import Results
from w2slab.analysis.tables.diagnostics_table import rankings
from w2slab.report import answers, caveats, costs, words
from w2slab.report.boards import piece_definitions
from w2slab.report.drawings import draw
from w2slab.report.figures.methods import MOST_IN_FOREST
from w2slab.report.gallery import Gallery, galleries
from w2slab.report.html import render
from w2slab.report.look import Look, method_keys
from w2slab.report.sections import parts
from w2slab.report.svg import settings
from w2slab.report.tables import write_tables

if TYPE_CHECKING:
    from w2slab.analysis.outcomes import Reading
    from w2slab.graph.job import Job
    from w2slab.jobs.comparison import Comparison

Row = dict[str, Any]
_LONGEST_STUDY = 40_000
# What the page lists of long tables; the files have all.
_MOST_ROWS, _MOST_NUMBERS, _MOST_JOBS, _MOST_CAVEATS = 200, 3_000, 200, 4


class Planned(analysis.Planned, Protocol):
    """The part of a plan that the report uses."""

    @property
    def graph(self) -> Iterable[Job]:
        """Every job of the study."""
        ...


def write_report(
    results: Results,
    plan: Planned,
    store: Reading,
    out: Path,
    *,
    study_text: str,
    command: str = "w2slab run study.yaml",
) -> Path:
    """Write `index.html`, every table as CSV and Parquet, and `figures/` into a folder.

    Args:
        results: The results.
        plan: The study's jobs and comparisons.
        store: Where the jobs' results are.
        out: The folder; files of the same names in it are replaced.
        study_text: The study as a file.
        command: The command that reproduces all of this.

    Returns:
        The page.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    jobs = costs.by_job(plan.graph, store)
    with settings():
        drawn = draw(results, plan.comparisons, store, out / "figures")
    context = {
        **_said(results, plan, store, jobs),
        **_listed(results, jobs, drawn.look if drawn else None),
        "drawn": drawn,
        "closely": _closely(results, len(drawn.telling) if drawn else 0),
        "tables": write_tables(results, jobs, out),
        "made": costs.made(results, plan.graph, store),
        "name": words.inert(plan.study.name, 80),
        "study_text": words.inert(study_text, _LONGEST_STUDY),
        "command": command,
    }
    shown = parts(context, results, drawn.dots if drawn else {})
    page = out / "index.html"
    page.write_text(render("report.html", **context, parts=shown), encoding="utf-8")
    return page


def _said(results: Results, plan: Planned, store: Reading, jobs: Sequence[Row]) -> dict[str, Any]:
    """The head of the page, and the examples."""
    shown = list(galleries(results, plan.comparisons, store))
    return {
        "answer": answers.answer(results),
        "glance": answers.glance(results, sum(job["seconds"] or 0.0 for job in jobs)),
        "caveats": [
            *caveats.caveats(results),
            *caveats.cuts(_cuts(results, plan.comparisons, store)),
            *caveats.lost_shots(_lost_shots(results, plan.comparisons, store)),
        ],
        "galleries": shown,
        "pieces": piece_definitions() if _has_boards(shown) else "",
    }


def _listed(results: Results, jobs: Sequence[Row], look: Look | None) -> dict[str, Any]:
    """Rows of the page's tables, and how many of them it lists."""
    rows = results.reported()
    methods = look.methods if look else []
    places = {method: place for place, method in enumerate(methods)}
    return {
        "results": results,
        "rows": rows,
        "controls": results.reported(control=True),
        "several_tasks": len({row["task"] for row in results.summary}) > 1,
        "level": f"{100 * results.level:g}",
        "place": places,
        "keys": method_keys(look) if look else [],
        "tally": _tally(results.differences) if len(results.differences) > MOST_IN_FOREST else [],
        "not_shown": [row for row in rows if _may_be_none(row)],
        "calibration": _of_models(results["calibration"], places),
        "anatomy": _of_methods(results["anatomy"], places),
        "diagnostics": _of_methods(results["diagnostics"], places),
        "has_overlap": any(not isnan(row["overlap_density"]) for row in results["diagnostics"]),
        "rankings": rankings(results["diagnostics"], results.uses_truth),
        "slices": _in_order(_of_methods(results["slices"], places)),
        "ceilings": _told(results["ceilings"]),
        "costs": costs.by_kind(jobs),
        "jobs": jobs,
        "longest_jobs": sorted(jobs, key=lambda job: -(job["seconds"] or 0.0))[:_MOST_JOBS],
        "most_rows": _MOST_ROWS,
        "most_numbers": _MOST_NUMBERS,
        "most_jobs": _MOST_JOBS,
        "most_caveats": _MOST_CAVEATS,
    }


def _told(ceilings: Sequence[Row]) -> list[Row]:
    """Ceilings, if seeds or flags tell something of any of them."""
    tells = any(len(row["seeds"]) > 1 or row["low_mode_seeds"] for row in ceilings)
    return list(ceilings) if tells else []


def _may_be_none(row: Row) -> bool:
    """Return True if PGR is defined, its interval includes 0, and the minimum detectable effect is known."""
    return (
        row["pgr_reason"] is None and row["pgr_low"] <= 0 <= row["pgr_high"] and not isnan(row["detectable_accuracy"])
    )


def _of_methods(rows: Sequence[Row], places: dict[str, int]) -> list[Row]:
    return [row for row in rows if row["control"] is None and row["method"] in places]


def _in_order(slices: Sequence[Row]) -> list[Row]:
    """Slices of one kind and student below each other, difficulty first."""
    of = {id(row): tuple(row[name] for name in ("task", "weak", "strong", "method")) for row in slices}
    place = {student: at for at, student in enumerate(dict.fromkeys(of.values()))}
    kinds = sorted({row["slice_by"] for row in slices}, key=lambda kind: (kind != "difficulty", kind))
    return sorted(slices, key=lambda row: (kinds.index(row["slice_by"]), place[of[id(row)]], row["slice_rank"]))


def _of_models(rows: Sequence[Row], places: dict[str, int]) -> list[Row]:
    """Supervisors and ceilings each once (and those that one method has for its own), then students."""
    models: dict[tuple[str, ...], Row] = {}
    for row in rows:
        if row["role"] != "student" and row["control"] is None:
            models.setdefault((row["task"], row["role"], row["model"], row["method"] or ""), row)
    return [*models.values(), *_of_methods([row for row in rows if row["role"] == "student"], places)]


def _tally(differences: Sequence[Row]) -> list[Row]:
    """Verdicts by method, and median differences."""
    table = []
    for method in dict.fromkeys(row["method"] for row in differences):
        own = [row for row in differences if row["method"] == method]
        counts = [sum(row["verdict"] == verdict for row in own) for verdict in ("better", "worse", "same student")]
        defined = [row["pgr_difference"] for row in own if row["pgr_reason"] is None]
        table.append(
            {
                "method": method,
                "n": len(own),
                "better": counts[0],
                "worse": counts[1],
                "same": counts[2],
                "none": len(own) - sum(counts),
                "accuracy": median(row["accuracy_difference"] for row in own),
                "pgr": median(defined) if defined else None,
            }
        )
    return table


def _closely(results: Results, n_pairs: int) -> str:
    """A note on the pairs that are drawn, where they are not all."""
    n_all = len({(r["task"], r["weak"], r["strong"]) for r in results.reported()})
    if n_pairs == n_all:
        return ""
    several = len({r["task"] for r in results.reported()}) > 1
    which = "of the first tasks, the pair of the largest gap" if several else "supervisors with their strongest student"
    return f" Drawn are {n_pairs} of {n_all} pairs: {which}."


def _has_boards(shown: Sequence[Gallery]) -> bool:
    return any(exhibit.board for gallery in shown for exhibit in gallery.exhibits)


def _cuts(results: Results, comparisons: Sequence[Comparison], store: Reading) -> dict[str, dict[str, caveats.Cut]]:
    """Truncated test examples, by model and task: the same under every seed and method."""
    found: dict[str, dict[str, caveats.Cut]] = {}
    n_test = {row["task"]: row["n_test"] for row in results.summary}
    for c in comparisons:
        for model, job in ((c.weak, c.supervisor), (c.strong, c.ceiling), (c.strong, c.student)):
            if c.task not in n_test or not store.has(job.key):
                continue
            notes = ((store.record(job.key).get("facts") or {}).get("notes") or {}).get("test")
            if notes:
                cut = caveats.Cut(notes.get("n_truncated", 0), notes.get("n_answers_cut", 0), n_test[c.task])
                found.setdefault(model, {})[c.task] = cut
    return found


def _lost_shots(results: Results, comparisons: Sequence[Comparison], store: Reading) -> dict[str, tuple[int, int]]:
    """Test examples whose prompts lost shots, and all of them, by method: of the task on which most lost some."""
    found: dict[str, tuple[int, int]] = {}
    n_test = {row["task"]: row["n_test"] for row in results.summary}
    for c in comparisons:
        if c.task in n_test and store.has(c.student.key):
            facts = store.record(c.student.key).get("facts") or {}
            lost = (facts.get("n_examples_that_lost_shots") or {}).get("test", 0), n_test[c.task]
            found[c.method] = max(found.get(c.method, lost), lost, key=lambda of: of[0] / of[1])
    return found
