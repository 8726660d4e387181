"""Choice of the figures of a study; they are drawn in `figures/`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from w2slab.analysis import all_tables
from w2slab.data.artifacts import read_curve
from w2slab.data.task_data import TaskData
from w2slab.report.figures import sizes
from w2slab.report.figures.dots import MOST_DOTS, dots
from w2slab.report.figures.fates import MOST_BARS, fates
from w2slab.report.figures.methods import differences
from w2slab.report.figures.reliability_diagram import reliability
from w2slab.report.figures.slices import MOST_SLICES, by_slice
from w2slab.report.figures.stopping import POINTS, Course, courses, stopping
from w2slab.report.figures.studio import Studio
from w2slab.report.look import Look
from w2slab.report.paper_curves import NAMES, Setting
from w2slab.report.svg import Drawing
from w2slab.report.words import inert, short

if TYPE_CHECKING:
    from w2slab.analysis import Results
    from w2slab.analysis.outcomes import Reading
    from w2slab.jobs.comparison import Comparison

Row = dict[str, Any]
Pair = tuple[str, str, str]  # task, weak, strong
MOST_TASKS_DRAWN = 4
MOST_PAIRS_DRAWN = 3


@dataclass(frozen=True)
class Sizes:
    """The layout of the paper's figure 3 for one task, or for the medians over all of them.

    Args:
        title: Above it, where there is more than one.
        setting: The paper's setting whose curves stand behind ours, in words.
        n_undefined: Of the students drawn, those without PGR.
    """

    title: str
    drawings: list[Drawing]
    setting: str | None
    n_undefined: int


@dataclass(frozen=True)
class Drawings:
    """All figures of one study; what it has no data for is empty.

    Args:
        look: How supervisors and methods look in all of them.
        sizes: Accuracy and PGR against size.
        sizes_of: Tasks that have figures of their own.
        agreements: With the supervisor: all, right, wrong.
        setting: The paper's setting behind agreement, in words.
        forest: Method against method.
        stopping: PGR by stopping point.
        stops: Its medians over pairs, by method.
        courses: Accuracy over training, a figure for each pair of `telling`.
        reliabilities: Likewise, for accuracy against confidence.
        anatomy: What became of test examples; `anatomy_of` tells of which students, if not of all.
        slices: By difficulty or another column, for a pair each.
        telling: The pairs of the last few.
        dots: Figures of tables that have no drawing here, by the table's name.
    """

    look: Look
    sizes: list[Sizes]
    sizes_of: list[str]
    agreements: list[Drawing]
    setting: str | None
    forest: Drawing | None
    stopping: Drawing | None
    stops: list[Row]
    courses: list[Drawing]
    reliabilities: list[Drawing]
    anatomy: Drawing | None
    anatomy_of: str
    slices: list[Drawing]
    telling: list[Pair]
    dots: dict[str, Drawing]


def draw(results: Results, comparisons: Sequence[Comparison], store: Reading, folder: Path) -> Drawings | None:
    """Draw what the results have data for; `None` where nothing is judged yet."""
    rows = results.reported()
    if not rows:
        return None
    look = Look.of(rows, results.baseline, results.label_sources)
    studio = Studio(look, folder)
    of_task = {task: [r for r in rows if r["task"] == task] for task in dict.fromkeys(r["task"] for r in rows)}
    setting_of = {task: _setting(task, comparisons, store) for task in of_task}
    medians = _medians(results, rows) if len(of_task) > 1 else []
    shared = setting_of[rows[0]["task"]] if len(set(setting_of.values())) == 1 else None
    alone = list(of_task) if len(of_task) <= MOST_TASKS_DRAWN else []
    parts = [_sizes(studio, f"Median over {len(of_task)} tasks", medians, shared, "median-")] if medians else []
    for place, task in enumerate(alone):
        title, prefix = (task, f"{place + 1}-") if len(of_task) > 1 else ("", "")
        parts.append(_sizes(studio, title, of_task[task], setting_of[task], prefix))
    telling = telling_pairs(rows, look)
    stops = [r for r in results.summary if r["control"] is None]
    has_stops = len({r["stopping_point"] for r in stops}) > 1
    table = _stops(stops) if has_stops else []
    anatomy, anatomy_of = _fates(studio, results)
    return Drawings(
        look=look,
        sizes=parts,
        sizes_of=alone,
        agreements=[
            sizes.agreement(studio, medians or rows, shared, of, title)
            for of, title in (("all", "All examples"), ("right", "Supervisor right"), ("wrong", "Supervisor wrong"))
        ],
        setting=NAMES[shared] if shared in ("chess", "text") and look.parameters else None,
        forest=differences(studio, results.differences) if results.differences else None,
        stopping=stopping(studio, stops) if table else None,
        stops=table,
        courses=_courses(studio, telling, comparisons, store, results) if has_stops else [],
        reliabilities=_reliabilities(studio, telling, results["reliability"]),
        anatomy=anatomy,
        anatomy_of=anatomy_of,
        slices=_slices(studio, telling, results["slices"]),
        telling=telling,
        dots=_dots(studio, results),
    )


def _dots(studio: Studio, results: Results) -> dict[str, Drawing]:
    found = {}
    for name, table in all_tables().items():
        rows = [row for row in results[name] if row.get("control") is None][:MOST_DOTS]
        if table.figure is not None and rows:
            found[name] = dots(studio, table, table.figure, rows)
    return found


def telling_pairs(rows: Sequence[Row], look: Look) -> list[Pair]:
    """A few pairs to look at closely.

    Of one task the weakest, a middle and the strongest supervisor, each with its strongest student; of several tasks
    the first few, each with the pair of the largest gap.
    """
    tasks = list(dict.fromkeys(r["task"] for r in rows))
    if len(tasks) > 1:
        widest = [
            max((r for r in rows if r["task"] == task), key=lambda r: r["ceiling_accuracy"] - r["supervisor_accuracy"])
            for task in tasks[:MOST_PAIRS_DRAWN]
        ]
        return [(r["task"], r["weak"], r["strong"]) for r in widest]
    steps = np.linspace(0, len(look.supervisors) - 1, min(MOST_PAIRS_DRAWN, len(look.supervisors)))
    pairs = []
    for weak in (look.supervisors[round(step)] for step in steps):
        students = [r["strong"] for r in rows if r["weak"] == weak]
        pairs.append((tasks[0], weak, max(students, key=look.rungs.index)))
    return pairs


def _titled(pair: Pair, several_tasks: bool) -> str:
    task, weak, strong = (short(name, 30) for name in pair)
    return f"{task}: {weak} → {strong}" if several_tasks else f"{weak} → {strong}"


def _sizes(studio: Studio, title: str, rows: list[Row], setting: Setting | None, prefix: str) -> Sizes:
    drawings = [sizes.accuracy(studio, rows, setting, prefix), sizes.recovered(studio, rows, setting, prefix)]
    shown = NAMES[setting] if setting and studio.look.parameters else None
    n_undefined = sum(r["pgr_reason"] is not None and r["method"] in studio.look.drawn for r in rows)
    return Sizes(title, drawings, shown, n_undefined)


def _medians(results: Results, rows: list[Row]) -> list[Row]:
    """Rows over tasks in the form of a task's own: medians, with the interval of PGR alone."""
    table = []
    for row in results["over_tasks"]:
        own = [r for r in rows if all(r[name] == row[name] for name in ("weak", "strong", "method"))]
        agreements = {
            n: float(np.nanmedian([r[n] for r in own])) if any(r[n] == r[n] for r in own) else float("nan")
            for n in own[0]
            if n.startswith("agreement")
        }
        reason = "undefined on every task" if np.isnan(row["pgr"]) else None
        chance = {"chance": float(np.median([r["chance"] for r in own]))}
        table.append(row | agreements | chance | {"pgr_reason": reason})
    return table


def _setting(task: str, comparisons: Sequence[Comparison], store: Reading) -> Setting | None:
    """The paper's setting that a task resembles, by what its examples are made of."""
    job = next(c.data for c in comparisons if c.task == task and store.has(c.data.key))
    data = TaskData.made_by(job, store.folder)
    if data.all_examples.chess_positions is not None:
        return "chess"
    if data.all_examples.texts is None:
        return None
    if data.classes is None:
        return "preference" if data.chance == 0.5 else None
    return "text" if len(data.classes) == 2 else None


def _courses(
    studio: Studio, pairs: Sequence[Pair], comparisons: Sequence[Comparison], store: Reading, results: Results
) -> list[Drawing]:
    """Test accuracy over training of each pair's student, by method, mean over seeds."""
    missing = {id(m.comparison) for m in results.missing}
    drawings: list[Drawing] = []
    for pair in pairs:
        points: dict[str, list[Course]] = {}
        for c in comparisons:
            if c.control is None and (c.task, c.weak, c.strong) == pair and id(c) not in missing:
                course = _course(read_curve(store.folder(c.student.key)))
                if course is not None and c.method in studio.look.drawn:
                    points.setdefault(c.method, []).append(course)
        even = {m: own for m, own in points.items() if len({len(course.progress) for course in own}) == 1}
        means = {m: Course(*np.mean([list(course) for course in own], axis=0)) for m, own in even.items()}
        if means:
            row = next(r for r in results.reported() if (r["task"], r["weak"], r["strong"]) == pair)
            level = row["supervisor_accuracy"], row["ceiling_accuracy"]
            title = _titled(pair, len({each[0] for each in pairs}) > 1)
            drawings.append(courses(studio, pair[1], pair[2], means, title=title, place=len(drawings), level=level))
    return drawings


def _course(points: Sequence[Row]) -> Course | None:
    columns = ("progress", "test_accuracy", "validation_accuracy")
    return Course(*(np.array([p.get(name, np.nan) for p in points]) for name in columns)) if points else None


def _stops(rows: Sequence[Row]) -> list[Row]:
    """Median PGR over pairs by method and stopping point, of the methods for which it is defined anywhere."""
    table = []
    for method in dict.fromkeys(r["method"] for r in rows):
        line: Row = {"method": method}
        for point in POINTS:
            own = [r for r in rows if r["method"] == method and r["stopping_point"] == point]
            defined = [r["pgr"] for r in own if r["pgr_reason"] is None]
            line[point] = float(np.median(defined)) if defined else float("nan")
        if any(line[point] == line[point] for point in POINTS):
            table.append(line)
    return table


def _of_pair(rows: Sequence[Row], pair: Pair) -> list[Row]:
    """Bins of one pair that are of no control: its students, and the supervisor and the ceiling that they share."""
    return [
        row
        for row in rows
        if (row["task"], row["weak"], row["strong"]) == pair
        and row["control"] is None
        and (row["role"] == "student" or row["method"] is None)
    ]


def _reliabilities(studio: Studio, pairs: Sequence[Pair], rows: Sequence[Row]) -> list[Drawing]:
    several = len({pair[0] for pair in pairs}) > 1
    found = [(pair, own) for pair in pairs if (own := _of_pair(rows, pair))]
    return [
        reliability(studio, own, weak=pair[1], title=_titled(pair, several), place=place)
        for place, (pair, own) in enumerate(found)
    ]


def _fates(studio: Studio, results: Results) -> tuple[Drawing | None, str]:
    """The bars of all students, or where they are too many of the baseline's, or of a few pairs."""
    rows = [r for r in results["anatomy"] if r["control"] is None and r["method"] in studio.look.methods]
    if not rows:
        return None, ""
    if len(rows) <= MOST_BARS:
        return fates(studio, rows), ""
    own = [r for r in rows if r["method"] == results.baseline]
    if 0 < len(own) <= MOST_BARS:
        return fates(studio, own), f"Drawn are the students of the method {inert(results.baseline, 80)}"
    telling = telling_pairs(results.reported(), studio.look)
    few = [r for r in rows if (r["task"], r["weak"], r["strong"]) in telling and r["method"] in studio.look.drawn]
    return fates(studio, few), f"Drawn are the students of {len(telling)} pairs by {len(studio.look.drawn)} methods"


def _slices(studio: Studio, pairs: Sequence[Pair], rows: Sequence[Row]) -> list[Drawing]:
    """A figure for each kind of slice and pair, difficulty first."""
    several_tasks = len({pair[0] for pair in pairs}) > 1
    drawings: list[Drawing] = []
    for slice_by in sorted({r["slice_by"] for r in rows}, key=lambda name: (name != "difficulty", name)):
        for pair in pairs:
            own = [
                r
                for r in rows
                if (r["task"], r["weak"], r["strong"]) == pair and r["slice_by"] == slice_by and r["control"] is None
            ]
            if own and any(r["method"] in studio.look.drawn for r in own):
                title = f"By {short(slice_by, 30)}, {_titled(pair, several_tasks)}"
                largest = sorted({r["slice_rank"] for r in own})[:MOST_SLICES]
                few = [r for r in own if r["slice_rank"] in largest]
                drawings.append(by_slice(studio, few, title=title, place=len(drawings)))
    return drawings
