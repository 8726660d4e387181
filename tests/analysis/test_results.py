"""Results: predictions in the store become rows, intervals, differences; nothing is dropped silently."""

from __future__ import annotations

import csv
import dataclasses
import math
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))

import fake_study

from w2slab.analysis import collect, render
from w2slab.data.artifacts import read_predictions, read_stopping, write_positions, write_predictions
from w2slab.data.labels import Labels
from w2slab.data.task_data import TaskData
from w2slab.errors import DataError
from w2slab.report import answers, caveats
from w2slab.stats.agreement import agreement


@pytest.fixture(scope="module")
def chess(tmp_path_factory):
    plan, store = fake_study.chess_study(tmp_path_factory.mktemp("chess"), n_test=400, seeds=(0, 1, 2))
    return plan, store, collect(plan, store, resamples=300)


@pytest.fixture
def text(tmp_path):
    return fake_study.text_study(tmp_path, n_test=200)


def plain(comparison, store, point=None):
    """Accuracies and agreement of one comparison, example by example."""
    truth = TaskData.made_by(comparison.data, store.folder).truth("test")
    folders = {role: store.folder(getattr(comparison, role).key) for role in ("supervisor", "student", "ceiling")}
    choices = {role: read_predictions(folder, "test").choices for role, folder in folders.items()}
    if point:
        choices["student"] = read_stopping(folders["student"], point).choices
    right = {role: truth.is_right(chosen) for role, chosen in choices.items()}
    return right, agreement(choices["student"], choices["supervisor"], right["supervisor"])


# "a row per task, pair, method, control, seed, stopping point"
def test_rows_hold_what_a_plain_loop_over_examples_finds(chess):
    plan, store, results = chess
    names = ("task", "weak", "strong", "method", "control", "seed")
    for comparison in plan.comparisons[::7]:
        own = [r for r in results.rows if all(r[n] == getattr(comparison, n) for n in names)]
        for row in own:
            right, agreed = plain(comparison, store, None if row["is_reported"] else row["stopping_point"])
            for role, values in right.items():
                assert row[f"{role}_accuracy"] == pytest.approx(values.mean())
                assert row[f"{role}_accuracy_low"] <= values.mean() <= row[f"{role}_accuracy_high"]
            if row["is_reported"]:
                found = [row[f"agreement_{of}"] for of in ("all", "right", "wrong")]
                assert found == pytest.approx(list(agreed))
        assert sum(row["is_reported"] for row in own) == 1
        points = {row["stopping_point"] for row in own}
        assert points == ({"last"} if comparison.control else {"last", "weak-labels", "oracle"})


# "seeds pooled: accuracies are means over seeds, PGR is that of the means"
def test_summary_pools_seeds(chess):
    _, _, results = chess
    row = next(r for r in results.reported() if (r["weak"], r["strong"], r["method"]) == ("tiny", "large", "naive"))
    seeds = [
        r for r in results.rows
        if r["is_reported"] and not r["control"] and (r["weak"], r["strong"], r["method"]) == ("tiny", "large", "naive")
    ]  # fmt: skip
    means = [np.mean([r[f"{role}_accuracy"] for r in seeds]) for role in ("supervisor", "student", "ceiling")]
    assert [row[f"{role}_accuracy"] for role in ("supervisor", "student", "ceiling")] == pytest.approx(means)
    assert row["pgr"] == pytest.approx((means[1] - means[0]) / (means[2] - means[0]))
    assert row["pgr_low"] < row["pgr"] < row["pgr_high"]
    assert row["seeds"] == (0, 1, 2)
    assert row["interval_covers"] == "test examples and seeds (3 seeds; 5 or more recommended)"
    assert (row["weak_parameters"], row["strong_parameters"]) == (12_400, 1_550_000)
    assert row["n_groups"] == 200


# "Methods are compared by paired differences, with a correction for many comparisons."
def test_differences_are_paired_and_corrected(chess):
    plan, store, results = chess
    assert len(results.differences) == 6 * 2
    row = next(
        d for d in results.differences if (d["weak"], d["strong"], d["method"]) == ("tiny", "large", "bootstrapping")
    )
    own, base = (
        np.mean(
            [
                plain(c, store)[0]["student"].mean()
                for c in plan.comparisons
                if (c.weak, c.strong, c.method, c.control) == ("tiny", "large", m, None)
            ]
        )
        for m in ("bootstrapping", "naive")
    )
    assert row["accuracy_difference"] == pytest.approx(own - base)
    assert all(d["p_adjusted"] >= d["p"] for d in results.differences)
    assert {d["against"] for d in results.differences} == {"naive"}
    assert row["verdict"] == ("better" if row["p_adjusted"] < 0.05 else "not significant")


# "PGR uses the ceiling with [generative finetuning] and the weak model without it": each method's own.
def test_a_method_with_its_own_ceiling_is_held_against_that(tmp_path):
    plan, store = fake_study.chess_study(tmp_path, n_test=400, seeds=(0, 1))
    of_medium = {c.seed: c.ceiling for c in plan.comparisons if c.strong == "medium"}
    pair = ("tiny", "large")
    comparisons = [
        dataclasses.replace(c, ceiling=of_medium[c.seed])
        if (c.weak, c.strong) == pair and c.method == "bootstrapping"
        else c
        for c in plan.comparisons
    ]
    results = collect(fake_study.FakePlan(plan.graph, comparisons), store, resamples=300)
    pgr = {r["method"]: r["pgr"] for r in results.reported() if (r["weak"], r["strong"]) == pair}
    own = [c for c in comparisons if (c.weak, c.strong, c.method) == (*pair, "bootstrapping")]
    accuracies = [
        np.mean([plain(c, store)[0][role].mean() for c in own]) for role in ("supervisor", "student", "ceiling")
    ]
    assert pgr["bootstrapping"] == pytest.approx((accuracies[1] - accuracies[0]) / (accuracies[2] - accuracies[0]))
    row = next(d for d in results.differences if (d["weak"], d["strong"], d["method"]) == (*pair, "bootstrapping"))
    assert row["pgr_difference"] == pytest.approx(pgr["bootstrapping"] - pgr["naive"])
    assert row["pgr_difference_low"] < row["pgr_difference"] < row["pgr_difference_high"]
    assert results.own_references == ("bootstrapping",)
    assert "bootstrapping is compared with a supervisor or a ceiling of its own" in render(results)


def test_a_method_that_was_told_the_truth_is_set_apart(chess):
    plan, store, before = chess
    assert any("bootstrapping" in sentence for sentence in answers.answer(before))
    comparisons = [dataclasses.replace(c, uses_truth=c.method == "bootstrapping") for c in plan.comparisons]
    results = collect(fake_study.FakePlan(plan.graph, comparisons), store, resamples=200)
    assert results.uses_truth == ("bootstrapping",)
    assert any("bootstrapping uses ground truth of student_train" in line for line in caveats.caveats(results))
    assert not any("bootstrapping" in sentence for sentence in answers.answer(results))


# "the median of per-task PGRs; how many were undefined stands beside it"
def test_median_over_tasks_counts_the_undefined(tmp_path):
    plan, store = fake_study.text_study(tmp_path, n_test=400)
    other = [dataclasses.replace(c, task="other") for c in plan.comparisons]
    both = fake_study.FakePlan(plan.graph, plan.comparisons + other)
    results = collect(both, store, resamples=300)
    pair = {(r["weak"], r["strong"]): r for r in results["over_tasks"]}
    defined = [r["pgr"] for r in results.reported() if (r["weak"], r["strong"]) == ("tiny", "medium")]
    assert pair["tiny", "medium"]["pgr"] == pytest.approx(np.median(defined))
    assert (pair["tiny", "medium"]["n_tasks"], pair["tiny", "medium"]["n_undefined"]) == (2, 0)
    assert (pair["tiny", "small"]["n_tasks"], pair["tiny", "small"]["n_undefined"]) == (2, 2)
    assert math.isnan(pair["tiny", "small"]["pgr"])


# "Undefined is NaN with a reason, never 0 and never absent."
def test_an_undefined_pgr_is_shown_with_its_reason(text, tmp_path):
    results = collect(*text, resamples=300)
    row = next(r for r in results.reported() if r["strong"] == "small")
    assert math.isnan(row["pgr"])
    assert "gap" in row["pgr_reason"] or "supervisor" in row["pgr_reason"]
    assert f"undefined ({row['pgr_reason']})" in render(results)
    with results.to_csv(tmp_path / "results.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == len(results.rows)
    assert (lines[0]["pgr"], lines[0]["pgr_reason"]) == ("", row["pgr_reason"])


# "comparisons whose jobs are not in the store are listed, never dropped silently"
def test_a_partial_study_lists_what_is_missing(text):
    plan, store = text
    lost = plan.comparisons[-1].student
    del store.records[lost.key]
    results = collect(plan, store, resamples=200)
    assert [(m.comparison, m.absent) for m in results.missing] == [(plan.comparisons[-1], [lost.title])]
    assert len(results.summary) == 2
    assert "Partial: 1 of 3 comparisons are not done yet" in render(results)


def test_nothing_done_yet_is_no_error(text):
    plan, store = text
    store.records.clear()
    results = collect(plan, store)
    assert (results.rows, results.differences, len(results.missing)) == ([], [], 3)
    assert "3 of 3 comparisons are not done" in render(results)


def test_predictions_of_other_examples_are_refused_by_name(text):
    plan, store = text
    folder = store.folder(plan.comparisons[0].student.key)
    whole = read_predictions(folder, "test")
    write_predictions(folder, "test", Labels(whole.positions[:10], whole.probs[:10], whole.n_candidates[:10]))
    with pytest.raises(DataError, match=r"test\.parquet: these are not predictions for the test examples of task"):
        collect(plan, store)


def test_test_examples_that_differ_between_seeds_are_refused(tmp_path):
    plan, store = fake_study.chess_study(tmp_path, n_test=60, seeds=(0, 1))
    second = next(c.data for c in plan.comparisons if c.seed == 1)
    write_positions(store.folder(second.key), {"test": np.arange(40)}, {"chance": 0.1})
    with pytest.raises(DataError, match="40 test examples are not the 60 of the other seeds"):
        collect(plan, store, resamples=100)


def test_the_table_has_a_line_per_row_and_is_the_same_every_time(chess):
    plan, store, results = chess
    assert results.table().num_rows == len(results.rows)
    again = collect(plan, store, resamples=300)
    assert render(again) == render(results)
    assert again.summary[0] == results.summary[0]
