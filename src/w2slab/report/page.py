"""The report: one self-contained HTML page, with its figures and tables as files beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from w2slab.artifacts import read_curve
from w2slab.report import words
from w2slab.report.boards import piece_definitions
from w2slab.report.figures import Studio
from w2slab.report.gallery import Gallery, galleries
from w2slab.report.html import render
from w2slab.report.look import Look
from w2slab.report.paper_curves import NAMES, Setting
from w2slab.report.svg import Drawing, settings
from w2slab.results import Results, write_csv

if TYPE_CHECKING:
    from w2slab.graph.job import Job
    from w2slab.results_reading import Reading
    from w2slab.specs import Comparison

Row = dict[str, Any]
_LONGEST_STUDY = 40_000
_MOST_TASKS_DRAWN = 4


class Planned(Protocol):
    """What is asked of a plan."""

    @property
    def graph(self) -> Iterable[Job]:
        """Every job of the study."""
        ...

    @property
    def comparisons(self) -> Sequence[Comparison]:
        """Students beside their supervisors and ceilings."""
        ...


@dataclass(frozen=True)
class Sizes:
    """The layout of the paper's figure 3 for one task, or for the medians over all of them.

    Args:
        setting: The paper's setting whose curves stand behind ours, in words.
    """

    title: str
    drawings: list[Drawing]
    setting: str | None
    n_undefined: int


def write_report(
    results: Results,
    plan: Planned,
    store: Reading,
    out: Path,
    *,
    study_text: str,
    command: str = "w2slab run study.yaml",
) -> Path:
    """Write `index.html`, `results.csv`, `summary.csv`, `differences.csv` and `figures/` into a folder.

    Args:
        results: What `collect` gave.
        plan: The study's jobs and comparisons.
        store: Where the jobs' results are.
        out: The folder; files of the same names in it are replaced.
        study_text: The study as a file.
        command: What makes all of this again.

    Returns:
        The page.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    results.to_csv(out / "results.csv")
    write_csv(results.summary, out / "summary.csv")
    write_csv(results.differences, out / "differences.csv")
    rows = results.reported()
    with settings():
        drawn = _draw(results, rows, plan.comparisons, store, out / "figures") if rows else {}
    shown = list(galleries(results, plan.comparisons, store))
    html = _render(
        **drawn,
        name=_name(study_text),
        answer=words.answer(results),
        caveats=[
            *words.caveats(results),
            *words.cuts(_cuts(results, plan.comparisons, store)),
            *words.lost_shots(_lost_shots(results, plan.comparisons, store)),
        ],
        results=results,
        rows=rows,
        controls=results.reported(control=True),
        galleries=shown,
        pieces=piece_definitions() if _has_boards(shown) else "",
        costs=_costs(plan.graph, store),
        made=_made(results, plan.graph, store),
        study_text=words.inert(study_text, _LONGEST_STUDY),
        command=command,
    )
    page = out / "index.html"
    page.write_text(html, encoding="utf-8")
    return page


def _name(study_text: str) -> str:
    """The study's name, as its text has it."""
    for line in study_text.splitlines():
        key, _, value = line.partition(":")
        if key.strip().strip('"') == "name" and not line.startswith((" ", "-")) and value.strip():
            return words.inert(value.strip().strip("\"',"), 80)
    return "A study of weak-to-strong generalization"


def _has_boards(shown: Sequence[Gallery]) -> bool:
    return any(exhibit.board for gallery in shown for exhibit in gallery.exhibits)


# --- figures ----------------------------------------------------------------------------------------------------------


def _draw(
    results: Results, rows: list[Row], comparisons: Sequence[Comparison], store: Reading, folder: Path
) -> dict[str, Any]:
    look = Look.of(rows)
    studio = Studio(look, folder)
    of_task = {task: [r for r in rows if r["task"] == task] for task in dict.fromkeys(r["task"] for r in rows)}
    setting_of = {task: _setting(task, comparisons, store) for task in of_task}
    medians = _medians(results, rows) if len(of_task) > 1 else []
    drawn: dict[str, Any] = {"sizes": []}
    shared = setting_of[rows[0]["task"]] if len(set(setting_of.values())) == 1 else None
    if medians:
        drawn["sizes"].append(_sizes(studio, f"Median over {len(of_task)} tasks", medians, shared, "median-"))
    if len(of_task) <= _MOST_TASKS_DRAWN:
        for place, (task, own) in enumerate(of_task.items()):
            prefix = f"{place + 1}-" if len(of_task) > 1 else ""
            drawn["sizes"].append(_sizes(studio, task if len(of_task) > 1 else "", own, setting_of[task], prefix))
    overall = medians or rows
    drawn["agreements"] = [
        studio.agreement(overall, shared, of, title)
        for of, title in (("all", "All examples"), ("right", "Supervisor right"), ("wrong", "Supervisor wrong"))
    ]
    drawn["agreement_setting"] = NAMES[shared] if shared in ("chess", "text") and look.parameters else None
    if results.differences:
        drawn["forest"] = studio.differences(results.differences)
    stops = [r for r in results.summary if r["control"] is None]
    if len({r["stopping_point"] for r in stops}) > 1:
        drawn["stops"] = _stops(stops)
        drawn["stopping"] = [studio.stopping(stops)] if drawn["stops"] else []
        strong = look.rungs[-1]
        curves = _courses(comparisons, store, results, strong, rows[0]["task"])
        drawn["stopping"] += [studio.courses(curves, strong)] if curves else []
    return drawn


def _sizes(studio: Studio, title: str, rows: list[Row], setting: Setting | None, prefix: str) -> Sizes:
    drawings = [studio.accuracy(rows, setting, prefix), studio.recovered(rows, setting, prefix)]
    shown = NAMES[setting] if setting and studio.look.parameters else None
    return Sizes(title, drawings, shown, sum(r["pgr_reason"] is not None for r in rows))


def _medians(results: Results, rows: list[Row]) -> list[Row]:
    """Rows over tasks in the form of a task's own: medians, with the interval of PGR alone."""
    table = []
    for row in results.over_tasks:
        own = [r for r in rows if all(r[name] == row[name] for name in ("weak", "strong", "method"))]
        agreements = {
            n: float(np.nanmedian([r[n] for r in own])) if any(r[n] == r[n] for r in own) else float("nan")
            for n in own[0]
            if n.startswith("agreement")
        }
        reason = "undefined on every task" if row["n_undefined"] == row["n_tasks"] else None
        chance = {"chance": float(np.median([r["chance"] for r in own]))}
        table.append(row | agreements | chance | {"pgr_reason": reason})
    return table


def _setting(task: str, comparisons: Sequence[Comparison], store: Reading) -> Setting | None:
    """The paper's setting that a task resembles, by what its examples are made of."""
    import pyarrow.parquet as pq

    from w2slab.artifacts import read_prepared

    data = next(c.data for c in comparisons if c.task == task and store.has(c.data.key))
    columns = pq.read_schema(store.folder(data.key) / "test.parquet").names
    if "fen" in columns:
        return "chess"
    if "text" not in columns:
        return None
    prepared = read_prepared(store.folder(data.key))
    if prepared["classes"] is None:
        return "preference" if prepared["chance"] == 0.5 else None
    return "text" if len(prepared["classes"]) == 2 else None


def _courses(
    comparisons: Sequence[Comparison], store: Reading, results: Results, strong: str, task: str
) -> dict[tuple[str, str], np.ndarray]:
    """Test accuracy over training of one student, mean over seeds, by supervisor and method."""
    missing = {id(m.comparison) for m in results.missing}
    curves: dict[tuple[str, str], list[np.ndarray]] = {}
    for c in comparisons:
        if c.control is None and c.strong == strong and c.task == task and id(c) not in missing:
            points = read_curve(store.folder(c.student.key))
            if points:
                course = np.array([[p["progress"] for p in points], [p["test_accuracy"] for p in points]])
                curves.setdefault((c.weak, c.method), []).append(course)
    return {key: np.mean(own, axis=0) for key, own in curves.items() if len({course.shape for course in own}) == 1}


def _stops(rows: Sequence[Row]) -> list[Row]:
    """Median PGR over pairs by method and stopping point, of the methods for which it is defined anywhere."""
    table = []
    for method in dict.fromkeys(r["method"] for r in rows):
        line: Row = {"method": method}
        for point in ("last", "weak-labels", "true-labels"):
            own = [r for r in rows if r["method"] == method and r["stopping_point"] == point]
            defined = [r["pgr"] for r in own if r["pgr_reason"] is None]
            line[point] = float(np.median(defined)) if defined else float("nan")
        if any(line[point] == line[point] for point in ("last", "weak-labels", "true-labels")):
            table.append(line)
    return table


def _cuts(results: Results, comparisons: Sequence[Comparison], store: Reading) -> dict[str, dict[str, words.Cut]]:
    """What finetuned models cut off test examples, by model and task: the same under every seed and method."""
    found: dict[str, dict[str, words.Cut]] = {}
    n_test = {row["task"]: row["n_test"] for row in results.summary}
    for c in comparisons:
        for model, job in ((c.weak, c.supervisor), (c.strong, c.ceiling), (c.strong, c.student)):
            if c.task not in n_test or not store.has(job.key):
                continue
            notes = ((store.record(job.key).get("facts") or {}).get("notes") or {}).get("test")
            if notes:
                cut = words.Cut(notes.get("n_truncated", 0), notes.get("n_answers_cut", 0), n_test[c.task])
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


# --- what it cost, how it was made ------------------------------------------------------------------------------------


def _costs(graph: Iterable[Job], store: Reading) -> list[Row]:
    """Jobs, seconds and largest memory by kind of job."""
    costs: dict[str, list[Mapping[str, Any]]] = {}
    for job in graph:
        if store.has(job.key):
            costs.setdefault(job.kind, []).append(store.record(job.key))
    return [
        {
            "kind": kind,
            "n_jobs": len(records),
            "seconds": sum(r.get("seconds") or 0.0 for r in records),
            "longest": max(r.get("seconds") or 0.0 for r in records),
            "memory_gib": max(r.get("peak_memory_bytes") or 0 for r in records) / 2**30,
        }
        for kind, records in costs.items()
    ]


def _made(results: Results, graph: Iterable[Job], store: Reading) -> list[tuple[str, str]]:
    """Versions, seeds and settings; nothing of the machine."""
    records = [store.record(job.key) for job in graph if store.has(job.key)]
    packages: dict[str, Counter[str]] = {}
    for record in records:
        for name, number in (record.get("packages") or {}).items():
            packages.setdefault(name, Counter())[number] += 1
        if record.get("python"):
            packages.setdefault("Python", Counter())[record["python"]] += 1
    seeds = sorted({seed for row in results.summary for seed in row["seeds"]})
    used = ", ".join(f"{name} {' and '.join(sorted(numbers))}" for name, numbers in sorted(packages.items()))
    return [
        ("Report by", f"w2slab {_own_version()}"),
        ("Jobs made with", used or "not recorded"),
        ("Seeds", ", ".join(map(str, seeds)) or "none"),
        ("Intervals", f"{100 * results.level:g} %, from {results.n_resamples:,} resamples"),
        ("Smallest gap that counts", f"{100 * results.min_gap:g} % of test examples"),
    ]


def _own_version() -> str:
    try:
        return version("w2slab")
    except PackageNotFoundError:
        return "(not installed)"


# --- the page ---------------------------------------------------------------------------------------------------------


def _render(**context: Any) -> str:
    defaults: dict[str, Any] = {
        "sizes": [],
        "agreements": [],
        "agreement_setting": None,
        "forest": None,
        "stopping": [],
        "stops": [],
    }
    return render("report.html", **(defaults | context))
