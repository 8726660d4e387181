"""Methods ranked on planted accuracies: order, ties, verdicts, and agreement of two rankings."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr

from w2slab.apps.rank.ranking import ROLES, Ranking, Scores, rank_agreement
from w2slab.randomness import rng

N, SEEDS, PAIRS = 600, 6, (("a", "b"), ("a", "c"))
PLANTED = {"naive": 0.6, "better": 0.7, "same": 0.6, "worse": 0.5, "told": 0.8, "supervisor": 0.45, "ceiling": 0.85}


class Test:
    """As much of a test set as a ranking asks for."""

    n_groups = N
    groups = np.arange(N)

    def __len__(self) -> int:
        return N


def scores(planted=PLANTED, task="task", seed=0, copies=("copy",), n_seeds=SEEDS) -> Scores:
    """Students that are right with these chances, on the same easy and hard examples."""
    generator = rng(seed, task)
    ease = generator.normal(size=N) * 0.6
    by_pair = {}
    for pair in PAIRS:
        for name, chance in planted.items():
            threshold = math.log(chance / (1 - chance))
            noise = generator.logistic(size=(n_seeds, N))
            by_pair[(name, *pair)] = noise < threshold + ease
        for copy in copies:
            by_pair[(copy, *pair)] = by_pair[("naive", *pair)]
    names = dict.fromkeys(name for name, *_ in by_pair)
    means = {name: np.mean([by_pair[(name, *pair)] for pair in PAIRS], axis=0, dtype=np.float32) for name in names}
    return Scores(task, tuple(range(n_seeds)), len(PAIRS), Test(), means, by_pair)


@pytest.fixture(scope="module")
def ranked() -> Ranking:
    return Ranking((scores(),), "naive", n_resamples=500)


@pytest.fixture(scope="module")
def rows(ranked):
    return {row["method"]: row for row in ranked.rows(uses_truth=("told",))}


def test_rows_come_best_first_and_roles_are_no_methods(ranked):
    order = [row["method"] for row in ranked.rows()]
    assert order[:2] == ["told", "better"]
    assert order[-1] == "worse"
    assert not set(order) & set(ROLES)


def test_planted_differences_are_found_and_no_other(rows):
    verdicts = {name: row["verdict"] for name, row in rows.items()}
    assert verdicts == {
        "better": "better",
        "worse": "worse",
        "told": "reference",
        "same": "not significant",
        "naive": "baseline",
        "copy": "same student",
    }
    assert rows["better"]["difference"] == pytest.approx(0.1, abs=0.03)
    assert rows["better"]["difference_low"] < 0.1 < rows["better"]["difference_high"]
    assert rows["better"]["n_pairs_higher"] == 2
    assert rows["worse"]["n_pairs_lower"] == 2


def test_a_copy_shares_the_rank_and_is_not_corrected_for(rows):
    assert rows["copy"]["rank"] == rows["naive"]["rank"]
    assert math.isnan(rows["copy"]["p_adjusted"])
    tested = [row for row in rows.values() if not (row["same_as_baseline"] or row["uses_truth"])]
    smallest = min(tested, key=lambda row: row["p"])
    assert smallest["p_adjusted"] == pytest.approx(min(1, len(tested) * smallest["p"]))


def test_ranks_lie_in_their_intervals_and_those_of_equals_overlap(rows):
    assert math.isnan(rows["told"]["rank"])  # a reference
    for row in (row for row in rows.values() if not row["uses_truth"]):
        assert row["rank_low"] <= row["rank"] <= row["rank_high"]
    assert rows["better"]["rank_high"] == 1
    assert rows["worse"]["rank_low"] == 5
    assert rows["same"]["rank_low"] < rows["naive"]["rank_high"]


def test_accuracy_and_pgr_are_those_of_a_plain_loop(ranked, rows):
    of = ranked.scores[0].by_pair

    def mean(name):
        return np.mean([of[(name, *pair)].mean() for pair in PAIRS])

    assert rows["better"]["accuracy"] == pytest.approx(mean("better"))
    recovered = (mean("better") - mean("supervisor")) / (mean("ceiling") - mean("supervisor"))
    assert rows["better"]["pgr"] == pytest.approx(recovered)
    assert rows["told"]["uses_truth"]
    assert not rows["better"]["uses_truth"]


def test_tasks_count_alike_whatever_their_size():
    both = Ranking((scores(), scores(seed=1, task="other")), "naive", n_resamples=200)
    each = [Ranking((of,), "naive", n_resamples=200) for of in both.scores]
    accuracy = {row["method"]: row["accuracy"] for row in both.rows()}
    single = [{row["method"]: row["accuracy"] for row in of.rows()} for of in each]
    assert accuracy["better"] == pytest.approx((single[0]["better"] + single[1]["better"]) / 2)
    best = both.rows()[0]
    assert (best["n_pairs_higher"], best["n_pairs_lower"], best["n_pairs"]) == (4, 0, 4)


def test_agreement_is_kendalls_and_spearmans():
    first = Ranking((scores(),), "naive", n_resamples=200)
    second = Ranking((scores(seed=3, n_seeds=3),), "naive", n_resamples=200)
    found = rank_agreement(first, second)
    values = [[r.differences()[name].value for name in found["methods"]] for r in (first, second)]
    assert found["tau"] == pytest.approx(kendalltau(*np.round(values, 12)).statistic)
    assert found["rho"] == pytest.approx(spearmanr(*np.round(values, 12)).statistic)
    assert found["tau_low"] <= found["tau"] <= found["tau_high"] + 1e-9
    assert found["n_methods"] == 6


def test_two_methods_have_no_rank_agreement():
    small = {name: PLANTED[name] for name in ("naive", "better", "supervisor", "ceiling")}
    of = Ranking((scores(small, copies=()),), "naive", n_resamples=100)
    assert math.isnan(rank_agreement(of, of)["tau"])
