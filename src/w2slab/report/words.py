"""What the report says in words: numbers as people write them, text from data made harmless, the answer itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import isinf, isnan
from statistics import median
from typing import Any, NamedTuple

from w2slab.analysis import Results
from w2slab.analysis.tables.diagnostics_table import Ranking
from w2slab.stats.resampling import FEW_SEEDS

Row = dict[str, Any]
LONGEST_TEXT = 400
_HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def inert(text: object, limit: int = LONGEST_TEXT) -> str:
    """Text from data that cannot change how the page reads: cut, and without marks that hide or reorder.

    Escaping for HTML is the template's business, and always on.
    """
    words = str(text)
    cut = f"{words[:limit]} … ({len(words):,} characters)" if len(words) > limit else words
    return _HIDDEN.sub("\N{REPLACEMENT CHARACTER}", cut)


def short(text: object, limit: int) -> str:
    """A name as a figure has room for it: inert, and cut in its middle, since names often differ in their ends."""
    name = inert(text, 2 * LONGEST_TEXT)
    tail = (limit - 1) // 2
    return name if len(name) <= limit else f"{name[: limit - 1 - tail]}…{name[len(name) - tail :]}"


def percent(value: float | None, digits: int = 1) -> str:
    """A fraction as a percentage without its sign; an en dash where there is none, and infinity as such."""
    if value is None or isnan(value):
        return "–"
    if isinf(value):
        return "∞" if value > 0 else "\N{MINUS SIGN}∞"
    return f"{round(100 * value, digits) + 0.0:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def span(row: Row, name: str, digits: int = 1) -> str:
    """The interval of a number, as `low to high` in percent."""
    return f"{percent(row[f'{name}_low'], digits)} to {percent(row[f'{name}_high'], digits)}"


def count(number: int, noun: str) -> str:
    """`1 pair`, `2 pairs`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _of(some: int, all_of_them: int) -> str:
    if some == all_of_them == 2:
        return "both pairs"
    return f"all {all_of_them} pairs" if some == all_of_them > 1 else f"{some} of {count(all_of_them, 'pair')}"


def found_from(row: Row) -> str:
    """Below a verdict of no difference: the smallest that would have been found; nothing where there is no verdict."""
    least = row["detectable_accuracy"]
    if row["verdict"] != "no difference shown" or least is None or isnan(least):
        return ""
    return "too few seeds or examples to find any" if least > 1 else f"found from {percent(least)} points on"


def found_between(rows: Sequence[Row]) -> str:
    """From how many points of accuracy on gains would have been found, over rows."""
    ends = [end(row["detectable_accuracy"] for row in rows) for end in (min, max)]
    least, most = ("over 100" if end > 1 else percent(end) for end in ends)
    return least if least == most else f"{least} to {most}"


def size(parameters: float | None) -> str:
    """A number of parameters: 61 k, 1.6 M."""
    if parameters is None:
        return "–"
    for scale, letter in ((1e12, " T"), (1e9, " B"), (1e6, " M"), (1e3, " k")):
        if parameters >= 0.9995 * scale:
            return f"{parameters / scale:.3g}{letter}"
    return f"{parameters:g}"


def duration(seconds: float) -> str:
    """A time as people say it: 4.2 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60:,} h {minutes % 60} min"


def decimal(value: float | None, digits: int = 3) -> str:
    """A number as it is, to some digits; an en dash where there is none."""
    if value is None or isnan(value):
        return "–"
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "\N{MINUS SIGN}")


_RANKED = {"misfit": "misfit and gain in Brier score", "kl_misfit": "KL misfit and gain in log loss"}


def ranked(ranking: Ranking) -> str:
    """Whether a predicted gain ranks students as the true one does, with how many there are of each."""
    what = _RANKED[ranking.predicted]
    held = f"the gain is at least the misfit in {ranking.n_held} of {ranking.n}"
    if ranking.n < 3:
        return f"Of {what}: {held}; too few students to rank."
    parts = [f"Spearman’s rank correlation of {what} is {decimal(ranking.overall, 2)} over {ranking.n} students"]
    if ranking.n_pairs:
        parts.append(f"among the methods of a pair {_median(ranking.by_method, ranking.n_pairs, 'pair')}")
    if ranking.n_students:
        among = _median(ranking.by_supervisor, ranking.n_students, "group")
        parts.append(f"among the supervisors of one model and method {among}")
    return f"{'; '.join(parts)}; {held}."


def _median(value: float, n: int, noun: str) -> str:
    return f"{decimal(value, 2)} ({'median of ' if n > 1 else ''}{count(n, noun)})"


def glance(results: Results, seconds: float) -> str:
    """How large the study is, in a line."""
    rows = results.reported()
    if not rows:
        return ""
    n_tasks, n_methods = (len({row[name] for row in rows}) for name in ("task", "method"))
    n_pairs = len({(row["weak"], row["strong"]) for row in rows})
    n_seeds = len({seed for row in rows for seed in row["seeds"]})
    n_test = {row["n_test"] for row in rows}
    parts = [count(n_tasks, "task")] if n_tasks > 1 else []
    parts += [
        count(n_pairs, "pair") + (" of models" if n_tasks > 1 else ""),
        count(n_methods, "method"),
        count(n_seeds, "seed"),
    ]
    parts += [count(n_test.pop(), "test example")] if len(n_test) == 1 else []
    return " · ".join([*parts, f"{duration(seconds)} of computing"])


def answer(results: Results) -> list[str]:
    """The answer to the study's question, the most important sentence first."""
    rows = results.reported()
    base = results.baseline
    if not rows:
        return ["Nothing can be said yet: no comparison of this study is finished."]
    return [
        _first(rows, base, results.level, results.label_sources),
        *_undefined(rows, base),
        *_best(results, rows, base),
    ]


def _first(rows: Sequence[Row], base: str, level: float, sources: Mapping[str, str]) -> str:
    own = [row for row in rows if row["method"] == base]
    defined = [row for row in own if row["pgr_reason"] is None]
    who = f"A student trained on {_labels(rows, sources)}" + ("" if base == "naive" else f" by the method {base}")
    if not own or not defined:
        pairs = "the only pair" if len(own) == 1 else _of(len(own), len(own))
        return f"No gap to recover was shown: PGR is undefined in {pairs}."
    value = median(row["pgr"] for row in defined)
    worse = ", which is to say that it did worse than its supervisor" if value < 0 else ""
    of_one_seed = all(len(row["seeds"]) == 1 for row in defined)
    if len(defined) == 1:
        return (
            f"{who} recovered {percent(value, 0)} % of the gap between supervisor and ceiling{worse} "
            f"({100 * level:g} % interval {span(defined[0], 'pgr', 0)} %{'; one seed' if of_one_seed else ''})."
        )
    above = sum(row["pgr_low"] > 0 for row in defined)
    n_tasks = len({row["task"] for row in defined})
    where = f" on {n_tasks} tasks" if n_tasks > 1 else ""
    shown = (
        "in no pair is the interval above 0"
        if above == 0
        else f"in {_of(above, len(defined))}{where} the interval is above 0"
    )
    return (
        f"{who} recovered a median of {percent(value, 0)} % of the gap between supervisor and ceiling{worse}; {shown}"
        f"{', under one seed' if of_one_seed else ''}."
    )


def _labels(rows: Sequence[Row], sources: Mapping[str, str]) -> str:
    """Whose labels students learned."""
    names = {row["weak"] for row in rows}
    if not names & sources.keys():
        return "its supervisor’s labels"
    if len(names) > 1:
        return "labels that no model gave"
    (name,) = names
    return f"{inert(name, 40)} ({inert(sources[name], 80)})"


def _undefined(rows: Sequence[Row], base: str) -> list[str]:
    own = [row for row in rows if row["method"] == base]
    without = sum(row["pgr_reason"] is not None for row in own)
    if without in (0, len(own)):
        return []
    return [f"In {count(without, 'further pair')} PGR is undefined, because the gap is too small to be sure of."]


def _best(results: Results, rows: Sequence[Row], base: str) -> list[str]:
    medians = {}
    for method in dict.fromkeys(row["method"] for row in rows):
        values = [row["pgr"] for row in rows if row["method"] == method and row["pgr_reason"] is None]
        if values:
            medians[method] = median(values)
    others = {method: value for method, value in medians.items() if method not in (base, *results.uses_truth)}
    if not others:
        return []
    best = max(others, key=lambda method: others[method])
    own = [d for d in results.differences if d["method"] == best]
    better = sum(d["verdict"] == "better" for d in own)
    worse = sum(d["verdict"] == "worse" for d in own)
    if base in medians and others[best] <= medians[base]:
        ahead = sum(d["verdict"] == "better" for d in results.differences if d["method"] in others)
        return [] if ahead else [f"No other method is shown to be better than {base} on any pair."]
    sentence = f"With {best} the median is {percent(others[best], 0)} %"
    if better == 0:
        return [f"{sentence}, but on no single pair is it shown to be better than {base}."]
    tail = f" and worse in {worse}" if worse else ""
    return [f"{sentence}; it is shown to be better than {base} in {_of(better, len(own))}{tail}."]


def caveats(results: Results) -> list[str]:
    """What a reader must know before citing a number."""
    notes = []
    n_seeds = {len(row["seeds"]) for row in results.summary}
    if n_seeds == {1}:
        notes.append(
            "There is one seed, so intervals and verdicts speak of test examples only: what one seed shows, another "
            "may take back."
        )
    elif n_seeds and min(n_seeds) < FEW_SEEDS:
        notes.append(
            f"Intervals cover test examples and seeds, but {min(n_seeds)} seeds are few; they are widened for that."
        )
    if any(row["pgr_reason"] is not None for row in results.reported()):
        notes.append(
            "PGR is undefined where the gap between supervisor and ceiling is not surely above 0 or is smaller than "
            f"{100 * results.min_gap:g} % of test examples. It is shown as undefined, never as 0 and never left out; "
            "accuracies count there as everywhere."
        )
    notes += _noise(results)
    notes += results.notes()
    if results.missing:
        n_all = results.n_judged + len(results.missing)
        lacking = f"{len(results.missing)} of {count(n_all, 'comparison')}"
        notes.append(f"This is a partial report: {lacking} are not finished.")
    smallest = min((row["n_test"] for row in results.summary), default=0)
    if 0 < smallest < 200:
        notes.append(f"The test set is small: {count(smallest, 'example')}.")
    return notes


def _noise(results: Results) -> list[str]:
    """How far ceilings of one model lie from each other, where the study has several of them."""
    students = {(row["task"], row["strong"]) for row in results.reported()}
    rows = [
        row
        for row in results["ceilings"]
        if (row["task"], row["model"]) in students and row["difference"] > 0  # not of one seed, nor of equal ones
    ]
    if not rows:
        return []
    least, most = (end(row["difference"] for row in rows) for end in (min, max))
    alike = percent(least) == percent(most)
    apart = f"{percent(most)} points apart" if alike else f"{percent(least)} to {percent(most)} points apart, by model"
    return [
        f"Two ceilings that differ in their seed alone may lie {apart}; 95 times of 100 they lie closer. Between "
        "single runs, less than that is no difference."
    ]


class Cut(NamedTuple):
    """Test examples of one task that did not fit into what a model reads.

    Args:
        texts: Of so many a text lost its beginning.
        answers: Of so many an answer lost its end.
        n_test: Test examples in all.
    """

    texts: int
    answers: int
    n_test: int


def cuts(by_model: Mapping[str, Mapping[str, Cut]]) -> list[str]:
    """What was cut, by model and task; models that cut alike share a sentence, and nothing is said of no cut."""
    models: dict[str, list[str]] = {}
    for model, of_task in by_model.items():
        parts = [
            (f"of {inert(task, 40)} " if len(of_task) > 1 else "") + _cut(cut)
            for task, cut in of_task.items()
            if cut.texts or cut.answers
        ]
        if parts:
            models.setdefault("; ".join(parts), []).append(inert(model, 40))
    return [
        f"Texts were cut to what {_listed(names)} read{'s' if len(names) == 1 else ''}: {what}."
        for what, names in models.items()
    ]


def lost_shots(by_method: Mapping[str, tuple[int, int]]) -> list[str]:
    """Methods whose prompts had no room for all their shots: by method, for how many test examples of how many."""
    return [
        f"Prompts of {inert(method, 40)} had no room for all their shots for {_share(some, n_test)} of test examples; "
        "the foremost were left out."
        for method, (some, n_test) in by_method.items()
        if some
    ]


def _share(some: int, all_of_them: int) -> str:
    share = some / all_of_them
    return f"{percent(share, 0)} %" if share >= 0.01 else "under 1 %"


def _cut(cut: Cut) -> str:
    parts = [f"{_share(cut.texts, cut.n_test)} of test texts on the left"] if cut.texts else []
    return ", ".join(parts + ([f"{count(cut.answers, 'answer')} at the end"] if cut.answers else []))


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
