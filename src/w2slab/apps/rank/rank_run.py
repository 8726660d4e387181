"""A complete ranking: methods on frozen features, the leading ones finetuned, and the agreement of the two."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from w2slab.analysis.estimator import Row
from w2slab.apps.rank.rank_studies import BASELINE, NotRanked, finetuned_study, on_features
from w2slab.apps.rank.ranking import Ranking, rank_agreement, ranking
from w2slab.experiment import run as api
from w2slab.graph.runner import Outcome
from w2slab.graph.store import Store
from w2slab.study.study import Study


@dataclass(frozen=True)
class RankedStudy:
    """One of the two studies of a ranking, run and ranked.

    Args:
        ranking: The accuracies behind the rows.
        rows: A row per method, the best first; see `Ranking.rows`.
        not_ranked: Methods without a row, and the reason of each.
        seconds: Duration of this run.
    """

    ranking: Ranking
    rows: list[Row]
    not_ranked: list[NotRanked]
    seconds: float


@dataclass(frozen=True)
class MethodRanking:
    """All that `rank` found.

    Args:
        study: The study on which methods were ranked: on frozen features, with the seeds of that.
        outcome: How the last run ended. A run that was stopped leaves `fast` or `full` empty and goes on when it is
            called again.
        finetuned_seeds: Seeds of finetuning; 0 without finetuning.
        fast: The ranking on frozen features.
        full: The ranking of the leading methods, finetuned; `None` without finetuning.
    """

    study: Study
    outcome: Outcome
    finetuned_seeds: int
    fast: RankedStudy | None = None
    full: RankedStudy | None = None

    @property
    def agreement(self) -> Row | None:
        """Rank agreement of the two rankings; `None` without a finetuned one."""
        if self.fast is None or self.full is None:
            return None
        return rank_agreement(self.fast.ranking, self.full.ranking)


def rank(
    study: Study,
    store: Store | Path | str = ".w2slab",
    *,
    methods: tuple[str, ...] | None = None,
    seeds: int = 20,
    finetuned: int = 5,
    finetuned_seeds: int = 5,
    also: tuple[str, ...] = (),
    **how: Any,
) -> MethodRanking:
    """Rank methods by the accuracy of their students: as heads on frozen features, then the leading ones finetuned.

    Runs what is missing of both studies; a run that was stopped goes on where it was.

    Args:
        study: Tasks, ladder, pairs and splits; methods that it names keep the fields that it gives them.
        store: Where results are kept.
        methods: Names of the methods to rank; `None` is all that the study allows.
        seeds: Number of seeds on frozen features.
        finetuned: How many leading methods are finetuned, beside the naive one; 0 finetunes none.
        finetuned_seeds: Number of seeds of finetuning.
        also: Methods that are finetuned whether they lead or not.
        how: How to compute, as keyword arguments of `run`.

    Raises:
        StudyError: A method is unknown or cannot be ranked in this study.
        JobError: A job of the baseline, a supervisor or a ceiling failed, so that nothing can be compared with it.
    """
    opened = api.open_store(store)
    fast_study, left = on_features(study, methods, seeds)
    finetuned_study(study, fast_study, also, finetuned_seeds)  # an unknown name is an error before hours of work
    fast, outcome = _ranked(fast_study, left, opened, how)
    full: RankedStudy | None = None
    if fast is not None and finetuned:
        leading = [row["method"] for row in fast.rows if not (row["uses_truth"] or row["same_as_baseline"])]
        chosen = [*leading[:finetuned], *also]
        full_study, left_of_full = finetuned_study(study, fast_study, chosen, finetuned_seeds)
        full, last = _ranked(full_study, left_of_full, opened, how)
        outcome = last if last.failed or last.stopped else outcome
    return MethodRanking(fast_study, outcome, finetuned_seeds if finetuned else 0, fast, full)


def _ranked(
    study: Study, left: list[NotRanked], store: Store, how: dict[str, Any]
) -> tuple[RankedStudy | None, Outcome]:
    """Run a study and rank its methods; `None` where the run was stopped."""
    started = time.monotonic()
    done = api.run(study, store, **how)
    outcome = done.outcome
    assert outcome is not None  # it was executed
    if outcome.stopped:
        return None, outcome
    s, comparisons = study.statistics, done.plan.comparisons
    found = ranking(comparisons, store, BASELINE, level=s.level, min_gap=s.min_gap, n_resamples=s.resamples)
    with_truth = tuple(dict.fromkeys(c.method for c in comparisons if c.uses_truth))
    failed = [name for name in (method.display_name for method in study.methods) if name not in found.methods]
    left = left + [NotRanked(name, "a job of it failed") for name in failed]
    return RankedStudy(found, found.rows(with_truth), left, round(time.monotonic() - started, 1)), outcome
