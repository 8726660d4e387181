"""The answer to a study's question, in sentences, and the size of the study in a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from w2slab.analysis import Results
from w2slab.analysis.estimator import Row
from w2slab.report.words import count, duration, inert, of_pairs, percent, span


def glance(results: Results, seconds: float) -> str:
    """Size of the study in a line."""
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
    return " · ".join([*parts, f"{duration(seconds)} of compute"])


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
        pairs = "the only pair" if len(own) == 1 else of_pairs(len(own), len(own))
        return f"No gap to recover was shown: PGR is undefined in {pairs}."
    value = median(row["pgr"] for row in defined)
    worse = ", that is, it did worse than its supervisor" if value < 0 else ""
    of_one_seed = all(len(row["seeds"]) == 1 for row in defined)
    if len(defined) == 1:
        return (
            f"{who} recovered {percent(value, 0)}% of the gap between supervisor and ceiling{worse} "
            f"({100 * level:g}% confidence interval {span(defined[0], 'pgr', 0)}%"
            f"{'; one seed' if of_one_seed else ''})."
        )
    above = sum(row["pgr_low"] > 0 for row in defined)
    n_tasks = len({row["task"] for row in defined})
    where = f" on {n_tasks} tasks" if n_tasks > 1 else ""
    shown = (
        "the confidence interval is above 0 in no pair"
        if above == 0
        else f"in {of_pairs(above, len(defined))}{where} the confidence interval is above 0"
    )
    return (
        f"{who} recovered a median of {percent(value, 0)}% of the gap between supervisor and ceiling{worse}; {shown}"
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
    return [f"In {count(without, 'further pair')} PGR is undefined, because the gap is too small."]


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
        return [] if ahead else [f"No other method is significantly better than {base} on any pair."]
    sentence = f"With {best} the median is {percent(others[best], 0)}%"
    if better == 0:
        return [f"{sentence}, but it is significantly better than {base} on no single pair."]
    tail = f" and worse in {worse}" if worse else ""
    return [f"{sentence}; it is significantly better than {base} in {of_pairs(better, len(own))}{tail}."]
