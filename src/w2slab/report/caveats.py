"""Caveats: sentences that a reader needs before citing a number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from w2slab.analysis import Results
from w2slab.report.words import count, inert, listed, percent
from w2slab.stats.resampling import FEW_SEEDS


def caveats(results: Results) -> list[str]:
    """Sentences that a reader needs before citing a number."""
    notes = []
    n_seeds = {len(row["seeds"]) for row in results.summary}
    if n_seeds == {1}:
        notes.append(
            "There is one seed, so that intervals and verdicts cover test examples only: another seed may give another "
            "result."
        )
    elif n_seeds and min(n_seeds) < FEW_SEEDS:
        notes.append(
            f"Intervals cover test examples and seeds; {min(n_seeds)} seeds are few ({FEW_SEEDS} or more recommended), "
            "and intervals are widened accordingly."
        )
    if any(row["pgr_reason"] is not None for row in results.reported()):
        notes.append(
            "PGR is undefined where the confidence interval of the gap between supervisor and ceiling includes 0, or "
            f"where the gap is smaller than {100 * results.min_gap:g}% of test examples. It is shown as undefined, "
            "never as 0 and never left out; accuracies are given there as everywhere."
        )
    notes += _noise(results)
    notes += results.notes()
    if results.missing:
        n_all = results.n_judged + len(results.missing)
        lacking = f"{len(results.missing)} of {count(n_all, 'comparison')}"
        notes.append(f"Partial report: {lacking} are not finished.")
    smallest = min((row["n_test"] for row in results.summary), default=0)
    if 0 < smallest < 200:
        notes.append(f"The test set is small: {count(smallest, 'example')}.")
    return notes


def _noise(results: Results) -> list[str]:
    """The distance of ceilings of one model from each other, where the study has several of them."""
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
        f"Two ceilings that differ only in their seed may lie {apart}; in 95 of 100 cases they lie closer. A smaller "
        "difference between single runs is not significant."
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
    """Truncated inputs, by model and task; models that truncate alike share a sentence."""
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
        f"Inputs longer than the maximum length of {listed(names)} were truncated: {what}."
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
    return f"{percent(share, 0)}%" if share >= 0.01 else "under 1%"


def _cut(cut: Cut) -> str:
    parts = [f"{_share(cut.texts, cut.n_test)} of test texts on the left"] if cut.texts else []
    return ", ".join(parts + ([f"{count(cut.answers, 'answer')} at the end"] if cut.answers else []))
