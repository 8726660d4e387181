"""Methods ranked by their students' accuracy over all tasks and pairs, compared with the naive one.

Everything is paired: test examples and seeds are drawn once for all methods and pairs of a task (`stats.resampling`,
`stats.seeds`). A method's accuracy is the plain mean over tasks and pairs; its PGR is the mean recovered over the mean
gap, which stays defined where a single pair has no gap. Supervisor and ceiling are the baseline's, also for
methods that bring their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import add
from typing import NamedTuple

import numpy as np

from w2slab.analysis.estimator import Row, columns
from w2slab.analysis.evidence import read_evidence
from w2slab.analysis.outcomes import Reading, TestSet
from w2slab.errors import JobError
from w2slab.jobs.comparison import Comparison
from w2slab.randomness import rng
from w2slab.stats.comparing import holm_verdicts, p_value
from w2slab.stats.pgr import UNDEFINED, undefined_reason
from w2slab.stats.rank_correlation import spearman
from w2slab.stats.ratio import Ratio
from w2slab.stats.resampling import Estimate, resample_means, resample_seeds
from w2slab.stats.seeds import BySeed, mean_draws, mean_over_seeds, noise

ROLES = ("supervisor", "ceiling")


class Scores(NamedTuple):
    """One task's students: by method, correctness on each test example, averaged over pairs: [S, N]."""

    task: str
    seeds: tuple[int, ...]
    n_pairs: int
    test: TestSet
    of: dict[str, np.ndarray]
    by_pair: dict[tuple[str, str, str], np.ndarray]


def read_scores(comparisons: Sequence[Comparison], store: Reading, task: str, baseline: str) -> Scores:
    """The results of a task in the store; methods that lack a pair or a seed are left out.

    Raises:
        JobError: Nothing of the task is done.
        DataError: Predictions are of other examples.
    """
    own = [c for c in comparisons if c.task == task and c.control is None]
    done = [c for c in own if all(store.has(job.key) for job in (c.data, c.supervisor, c.student, c.ceiling))]
    if not done:
        raise JobError(f"{task}: every comparison lacks a job that failed; see why by running the same command again")
    evidence = read_evidence(task, store, done, n_resamples=1)  # resampled over tasks and pairs together, below
    pairs = list(dict.fromkeys((c.weak, c.strong) for c in own))
    seeds = tuple(sorted({c.seed for c in own}))
    found: dict[str, dict[tuple[tuple[str, str], int], np.ndarray]] = {}
    for c, trio in zip(done, evidence.trios, strict=True):
        roles = zip(ROLES, (trio.supervisor, trio.ceiling), strict=True) if c.method == baseline else ()
        for name, row in ((c.method, trio.student), *roles):
            found.setdefault(name, {})[(c.weak, c.strong), c.seed] = evidence.right[row]
    whole = {name: of for name, of in found.items() if len(of) == len(pairs) * len(seeds)}
    by_pair = {(name, *pair): np.stack([of[pair, s] for s in seeds]) for name, of in whole.items() for pair in pairs}
    means = {
        name: np.stack([by_pair[(name, *pair)] for pair in pairs]).mean(axis=0, dtype=np.float32) for name in whole
    }
    return Scores(task, seeds, len(pairs), evidence.test, means, by_pair)


@dataclass(frozen=True)
class Ranking:
    """Methods over tasks and pairs.

    Args:
        scores: One per task, all of the same seeds.
        baseline: The method that others are compared with.
        level: Coverage of the confidence intervals.
        min_gap: The smallest mean gap for which PGR is defined.
        n_resamples: Number of resamples of test examples and seeds.
    """

    scores: tuple[Scores, ...]
    baseline: str
    level: float = 0.95
    min_gap: float = 0.01
    n_resamples: int = 2000

    @cached_property
    def methods(self) -> list[str]:
        """Methods that all tasks have, the baseline first."""
        names = [name for name in self.scores[0].of if all(name in each.of for each in self.scores)]
        others = [name for name in names if name not in (self.baseline, *ROLES)]
        return [self.baseline, *others]

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds."""
        return self.scores[0].seeds

    @cached_property
    def n_units(self) -> int:
        """Independent test examples of the smallest task."""
        return min(each.test.n_groups for each in self.scores)

    @cached_property
    def _by_seed(self) -> dict[str, BySeed]:
        """Each method's accuracy under each seed, over tasks and pairs."""
        names = [*self.methods, *ROLES]
        of_tasks = []
        for each in self.scores:
            values = np.concatenate([each.of[name] for name in names])
            counted = resample_means(  # of whole numbers, which add up exactly
                np.rint(values * each.n_pairs),
                rng=rng(0, "ranking", each.task),
                groups=each.test.groups,
                n_resamples=self.n_resamples,
            )
            drawn = counted / each.n_pairs
            n_seeds = len(each.seeds)
            of_tasks.append(
                [
                    BySeed(
                        values[i * n_seeds : (i + 1) * n_seeds].mean(axis=1),
                        drawn[:, i * n_seeds : (i + 1) * n_seeds],
                    )
                    for i in range(len(names))
                ]
            )
        means = [reduce(add, of_name) * (1 / len(of_tasks)) for of_name in zip(*of_tasks, strict=True)]
        return dict(zip(names, means, strict=True))

    @cached_property
    def _seed_draws(self) -> np.ndarray:
        generator = rng(0, "ranking seeds", *map(str, self.seeds))
        return resample_seeds(len(self.seeds), rng=generator, n_resamples=self.n_resamples)

    def _draws(self, metric: BySeed) -> np.ndarray:
        error = noise(metric, n_units=self.n_units)
        return mean_draws(metric, self._seed_draws, error, level=self.level, n_units=self.n_units)

    def _estimate(self, metric: BySeed, lowest: float = 0.0) -> Estimate:
        return mean_over_seeds(metric, self._seed_draws, level=self.level, n_units=self.n_units, lowest=lowest)

    def differences(self) -> dict[str, BySeed]:
        """Each method's accuracy minus the baseline's."""
        base = self._by_seed[self.baseline]
        return {name: self._by_seed[name] - base for name in self.methods}

    def rows(self, uses_truth: Sequence[str] = ()) -> list[Row]:
        """A row per method, the best first; verdicts are Holm-adjusted over all but the baseline and its equals.

        Args:
            uses_truth: Methods whose students use ground truth: references, which have no rank and no verdict.
        """
        rows = [self._row(name) | {"uses_truth": name in uses_truth} for name in self.methods]
        differences, p_values = ([row[name] for row in rows] for name in ("difference", "p"))
        untested = [self._untested(row) for row in rows]
        for row, found in zip(rows, holm_verdicts(differences, p_values, self.level, untested), strict=True):
            row |= found._asdict()
        ranks = self._ranks([row["method"] for row in rows if not row["uses_truth"]])
        for row in rows:
            row |= columns("rank", ranks.get(row["method"], UNDEFINED))
        return sorted(rows, key=lambda row: (-row["accuracy"], row["method"]))

    def _untested(self, row: Row) -> str | None:
        """Return the verdict of a method that is not tested against the baseline; `None` for the others."""
        if row["same_as_baseline"]:
            return "baseline" if row["method"] == self.baseline else "same student"
        return "reference" if row["uses_truth"] else None

    def _row(self, name: str) -> Row:
        own, difference = self._by_seed[name], self.differences()[name]
        is_same = all(np.array_equal(each.of[name], each.of[self.baseline]) for each in self.scores)
        error = noise(difference, n_units=self.n_units)
        p = p_value(difference.value, error.standard_error, degrees=error.degrees, n_units=self.n_units)
        by_pair = [d for each in self.scores for d in self._pair_differences(each, name)]
        return {
            "method": name,
            **columns("accuracy", self._estimate(own)),
            **columns("difference", Estimate(0.0, 0.0, 0.0) if is_same else self._estimate(difference, lowest=-1.0)),
            **self._pgr(name),
            "p": p,
            "same_as_baseline": is_same,
            "n_pairs_higher": sum(d > 0 for d in by_pair),
            "n_pairs_lower": sum(d < 0 for d in by_pair),
            "n_pairs": sum(each.n_pairs for each in self.scores),
            "n_seeds": len(self.seeds),
        }

    def _pair_differences(self, scores: Scores, name: str) -> list[float]:
        """The method's accuracy minus the baseline's in each pair of a task."""
        of = scores.by_pair
        pairs = [(weak, strong) for method, weak, strong in of if method == name]
        return [float(of[(name, *pair)].mean() - of[(self.baseline, *pair)].mean()) for pair in pairs]

    def _pgr(self, name: str) -> Row:
        supervisor, ceiling = (self._by_seed[role] for role in ROLES)
        ratio = Ratio(self._by_seed[name] - supervisor, ceiling - supervisor, self.n_units, self.level)
        gap = self._estimate(ratio.denominator, lowest=-1.0)
        reason = undefined_reason(gap, min_gap=self.min_gap, n_units=self.n_units)
        pgr = UNDEFINED if reason else ratio.estimate(ratio.draws(self._seed_draws))
        return columns("pgr", pgr) | {"pgr_reason": reason}

    def _ranks(self, names: Sequence[str]) -> dict[str, Estimate]:
        """Rank of each method and its interval over resamples; equals share the mean of their ranks."""
        from scipy.stats import rankdata

        draws = np.stack([self._draws(self.differences()[name]) for name in names], axis=1)
        values = np.array([self._by_seed[name].value for name in names])
        ranks = rankdata(-draws.round(12), axis=1)
        low, high = np.quantile(ranks, [(1 - self.level) / 2, (1 + self.level) / 2], axis=0)
        own = rankdata(-values.round(12))
        return {name: Estimate(float(own[i]), float(low[i]), float(high[i])) for i, name in enumerate(names)}


def rank_agreement(first: Ranking, second: Ranking) -> Row:
    """Kendall's tau-b and Spearman's rho between two rankings of the methods that both have, with intervals.

    Test examples are drawn together, since both rankings are of the same; seeds are drawn apart.
    """
    names = [name for name in first.methods if name in second.methods]
    row: Row = {"methods": tuple(names), "n_methods": len(names), "level": first.level}
    if len(names) < 3:
        return row | columns("tau", UNDEFINED) | columns("rho", UNDEFINED)
    values = [_values(ranking, names) for ranking in (first, second)]
    n = min(first.n_resamples, second.n_resamples)
    draws = [
        np.stack([ranking._draws(ranking.differences()[name]) for name in names], axis=1)[:n]
        for ranking in (first, second)
    ]
    for column, measure in (("tau", _tau), ("rho", _spearman)):
        drawn = np.array([measure(a, b) for a, b in zip(*draws, strict=True)])
        low, high = np.nanquantile(drawn, [(1 - first.level) / 2, (1 + first.level) / 2])
        row |= columns(column, Estimate(measure(*values), float(low), float(high)))
    return row


def _values(ranking: Ranking, names: Sequence[str]) -> np.ndarray:
    return np.array([ranking.differences()[name].value for name in names])


def _spearman(a: np.ndarray, b: np.ndarray) -> float:
    return spearman(a.round(12).tolist(), b.round(12).tolist())


def _tau(a: np.ndarray, b: np.ndarray) -> float:
    signs = [np.sign(x[:, None] - x[None, :])[np.triu_indices(len(x), 1)] for x in (a.round(12), b.round(12))]
    norm = np.sqrt((signs[0] ** 2).sum() * (signs[1] ** 2).sum())
    return float((signs[0] * signs[1]).sum() / norm) if norm else float("nan")


def ranking(
    comparisons: Sequence[Comparison], store: Reading, baseline: str, *, level: float, min_gap: float, n_resamples: int
) -> Ranking:
    """Rank the results in the store.

    Args:
        comparisons: Of a plan.
        store: Where results are.
        baseline: The method that others are compared with.
        level: Coverage of the confidence intervals.
        min_gap: The smallest mean gap for which PGR is defined.
        n_resamples: Number of resamples of test examples and seeds.

    Raises:
        JobError: A result of the baseline, a supervisor or a ceiling is missing.
    """
    tasks = dict.fromkeys(c.task for c in comparisons)
    scores = tuple(read_scores(comparisons, store, task, baseline) for task in tasks)
    for each in scores:
        missing = [name for name in (baseline, *ROLES) if name not in each.of]
        if missing:
            raise JobError(
                f"{each.task}: {', '.join(missing)}: a job failed; see why by running the same command again"
            )
    return Ranking(scores, baseline, level=level, min_gap=min_gap, n_resamples=n_resamples)
