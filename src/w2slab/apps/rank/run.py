"""The whole of a ranking: fast study, ranking, finetuned study, ranking, agreement of the two."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from w2slab.analysis.judge import Row
from w2slab.apps.rank.ranking import Ranking, rank_agreement, ranking
from w2slab.apps.rank.studies import BASELINE, Left, finetuned, on_features
from w2slab.experiment import run as api
from w2slab.experiment.plan import plan
from w2slab.graph.runner import Event, Outcome
from w2slab.graph.store import Store
from w2slab.study.study import Study, label


@dataclass(frozen=True)
class Bench:
    """What a ranking found.

    Args:
        fast: On frozen features: rows of `Ranking.rows`.
        full: Finetuned; empty where none was asked for.
        agreement: Rank agreement of the two; `None` without a finetuned one.
        left: Methods that could not be ranked, and why.
        left_of_full: Those that lead on features and could not be finetuned.
        seconds: Of this run, by study.
        facts: What was ranked: tasks, pairs, seeds, methods, the splits.
    """

    fast: list[Row]
    full: list[Row]
    agreement: Row | None
    left: list[Left]
    left_of_full: list[Left]
    seconds: Mapping[str, float]
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """What is ranked, and how long one is willing to wait.

    Args:
        methods: Which; `None` is all that the study allows.
        seeds: Of the fast path.
        finetuned: How many leading methods are finetuned, beside the naive one; 0 finetunes none.
        finetuned_seeds: Of finetuning.
        also: Methods that are finetuned whether they lead or not.
    """

    methods: tuple[str, ...] | None = None
    seeds: int = 20
    finetuned: int = 5
    finetuned_seeds: int = 5
    also: tuple[str, ...] = ()


def bench(
    study: Study,
    store: Store,
    asked: Asked,
    *,
    run: Mapping[str, Any],
    on_event: Callable[[Event], None] = lambda event: None,
) -> tuple[Bench | None, Outcome]:
    """Run what is missing of both studies and rank; a run that was stopped goes on where it was.

    Args:
        study: Tasks, ladder, pairs and splits.
        store: Where results are kept.
        asked: What is ranked.
        run: How to compute, as keyword arguments of `api.run`.
        on_event: LabelSource of every job.

    Returns:
        What was found (`None` where a run was stopped), and how the last run ended.

    Raises:
        StudyError: A method is unknown or cannot be ranked in this study.
        JobError: Of the baseline, a supervisor or a ceiling something failed, so that nothing can be held against it.
    """
    fast, left = on_features(study, asked.methods, asked.seeds)
    finetuned(study, fast, asked.also, asked.finetuned_seeds)  # an unknown name is told before hours of work
    of_fast, outcome = _judged(fast, store, run, on_event)
    if of_fast is None:
        return None, outcome
    of_full: _Judged | None = None
    left_of_full: list[Left] = []
    if asked.finetuned:
        ranked = [row["method"] for row in of_fast.rows if not (row["told_truth"] or row["same_as_baseline"])]
        full, left_of_full = finetuned(study, fast, [*ranked[: asked.finetuned], *asked.also], asked.finetuned_seeds)
        of_full, of_last = _judged(full, store, run, on_event)
        if of_full is None:
            return None, of_last
        outcome = of_last if of_last.failed else outcome
    found = Bench(
        fast=of_fast.rows,
        full=of_full.rows if of_full else [],
        agreement=rank_agreement(of_fast.ranking, of_full.ranking) if of_full else None,
        left=left + of_fast.left,
        left_of_full=left_of_full + (of_full.left if of_full else []),
        seconds={"fast": of_fast.seconds} | ({"full": of_full.seconds} if of_full else {}),
        facts=_facts(study, fast, asked, of_fast.ranking),
    )
    return found, outcome


class _Judged(NamedTuple):
    """One of the two studies, run and ranked."""

    ranking: Ranking
    rows: list[Row]
    left: list[Left]
    seconds: float


def _judged(
    study: Study, store: Store, run: Mapping[str, Any], on_event: Callable[[Event], None]
) -> tuple[_Judged | None, Outcome]:
    started = time.monotonic()
    outcome = api.run(study, store, on_event=on_event, **run)
    if outcome.stopped:
        return None, outcome
    s, comparisons = study.statistics, plan(study).comparisons
    found = ranking(comparisons, store, BASELINE, level=s.level, min_gap=s.min_gap, n_resamples=s.resamples)
    told = tuple(dict.fromkeys(c.method for c in comparisons if c.uses_truth))
    left = [Left(name, "a job of it failed") for name in map(label, study.methods) if name not in found.methods]
    return _Judged(found, found.rows(told), left, round(time.monotonic() - started, 1)), outcome


def _facts(study: Study, fast: Study, asked: Asked, ranked: Ranking) -> dict[str, Any]:
    return {
        "study": study.name,
        "tasks": [each.task for each in ranked.scores],
        "pairs": [f"{weak.name} → {strong.name}" for weak, strong in study.all_pairs()],
        "n_methods": len(ranked.methods),
        "seeds": asked.seeds,
        "finetuned_seeds": asked.finetuned_seeds if asked.finetuned else 0,
        "splits": study.splits.model_dump(),
        "n_test": [len(each.test) for each in ranked.scores],
        "head": fast.tuning.model_dump(mode="json") if fast.tuning else None,
        "level": study.statistics.level,
    }


def write(found: Bench, folder: Path) -> Path:
    """Write `ranking.md`, `fast.csv`, `finetuned.csv` and `bench.json` into a folder; the first is returned."""
    from w2slab.analysis import write_csv
    from w2slab.apps.rank.table import markdown

    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "ranking.md"
    page.write_text(markdown(found))
    write_csv(found.fast, folder / "fast.csv")
    if found.full:
        write_csv(found.full, folder / "finetuned.csv")
    plain: dict[str, Any] = {"facts": found.facts, "seconds": found.seconds, "agreement": found.agreement}
    plain |= {name: [each._asdict() for each in getattr(found, name)] for name in ("left", "left_of_full")}
    (folder / "bench.json").write_text(json.dumps(plain, indent=1))
    return page
