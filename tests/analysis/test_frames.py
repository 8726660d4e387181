"""Frames: the tables of results, and predictions held against plain loops over what is stored."""

from __future__ import annotations

import dataclasses
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))

import fake_study

import w2slab
from tests.conftest import w2slab as command
from w2slab.analysis import Results, all_tables, collect
from w2slab.analysis.frames import IDS
from w2slab.data.artifacts import read_predictions, read_task, write_task
from w2slab.data.examples import Truth
from w2slab.data.task_data import TaskData
from w2slab.errors import DataError, StudyError
from w2slab.graph.job import Graph
from w2slab.study.reading import load_study

ROLES = ("supervisor", "student", "ceiling")

TABLES = tuple(all_tables())


@pytest.fixture(scope="module")
def chess(tmp_path_factory):
    plan, store = fake_study.chess_study(tmp_path_factory.mktemp("chess"), n_test=120, seeds=(0, 1))
    return plan, store, collect(plan, store, resamples=100)


def test_every_table_is_a_frame_of_the_same_numbers(chess):
    _, _, results = chess
    for name in TABLES:
        rows, frame = results[name], results.frame(name)
        assert len(frame) == len(rows)
        for column in frame.columns:
            for value, row in zip(frame[column], rows, strict=True):
                expected = row[column]
                assert value == expected or (pd.isna(value) and (expected is None or pd.isna(expected)))
    assert results.frame().equals(results.frame("summary"))


def test_types_of_a_table_do_not_depend_on_what_is_undefined(chess, tmp_path):
    _, _, results = chess
    text = collect(*fake_study.text_study(tmp_path, n_test=100), resamples=100)
    for name in ("rows", "summary", "over_tasks"):
        defined, undefined = results.frame(name), text.frame(name)
        assert defined.dtypes.to_dict() == undefined.dtypes.to_dict()
    types = results.frame("rows").dtypes
    assert (types["task"], types["control"], types["pgr_reason"]) == ("str", "str", "str")
    assert (types["pgr"], types["seconds"], types["seed"], types["is_reported"]) == (
        "float64",
        "float64",
        "int64",
        bool,
    )


def test_an_unknown_table_is_told_what_there_is(chess):
    with pytest.raises(StudyError, match=r"frame\('sumary'\): there is no such table; allowed: rows, summary, diff"):
        chess[2].frame("sumary")


# "example-by-example, and nothing but what is stored"
def test_predictions_are_those_of_a_plain_loop(chess):
    plan, store, results = chess
    frame = results.predictions(control=[None, "shuffled", "self-training"], probs=True)
    keys = {
        tuple(getattr(c, n) for n in IDS): c
        for c in plan.comparisons
        if c.control in (None, "shuffled", "self-training")
    }
    found = dict(list(frame.groupby(list(IDS), dropna=False)))
    assert len(found) == len(keys) == 2 * (6 * 3 + 2)
    for key, own in list(found.items())[::5]:
        comparison = keys[tuple(None if pd.isna(part) else part for part in key)]
        data = TaskData.made_by(comparison.data, store.folder)
        examples, truth = data.examples("test"), data.truth("test")
        assert own["id"].tolist() == examples.ids
        for name in ("group", "difficulty", "fen", "setup"):
            assert own[name].tolist() == examples.table.column(name).to_pylist()
        assert own["label"].tolist() == [right[0] for right in truth.right]
        assert own["n_candidates"].tolist() == [len(c) for c in examples.table.column("candidates").to_pylist()]
        for role in ROLES:
            stored = read_predictions(store.folder(getattr(comparison, role).key), "test")
            for i, row in enumerate(stored.probs.tolist()):
                line = own.iloc[i]
                choice = row.index(max(row))
                assert line[f"{role}_choice"] == choice
                assert line[f"{role}_confidence"] == max(row)
                assert line[f"{role}_right"] == (choice in truth.right[i])
                assert line[f"{role}_probs"].tolist() == row[: line["n_candidates"]]


def test_accuracies_and_pgr_can_be_had_from_the_predictions(chess):
    results = chess[2]
    frame = results.predictions(weak="tiny", strong="large", method="naive")
    supervisor, student, ceiling = (frame[f"{role}_right"].mean() for role in ROLES)
    row = results.frame().query("weak == 'tiny' and strong == 'large' and method == 'naive' and is_reported")
    row = row[row["control"].isna()].iloc[0]
    assert row["student_accuracy"] == pytest.approx(student)
    assert row["pgr"] == pytest.approx((student - supervisor) / (ceiling - supervisor))


def test_filters_take_one_value_or_several(chess):
    results = chess[2]
    one = results.predictions(strong="large", method="naive", seed=1)
    assert len(one) == 3 * 120
    assert one["control"].isna().all()
    several = results.predictions(task="chess-puzzles", weak=["tiny", "small"], strong="large", seed=(0, 1))
    assert set(several["weak"]) == {"tiny", "small"}
    assert set(several["seed"]) == {0, 1}
    assert set(results.predictions(control=["random", "constant"])["control"]) == {"random", "constant"}
    assert len(results.predictions()) == 2 * 6 * 3 * 120


def test_frames_of_parts_can_be_put_together(chess):
    results = chess[2]
    parts = [results.predictions(weak=weak, strong="large") for weak in ("small", "tiny")]
    both = pd.concat(parts)
    assert both["weak"].dtype == "category"
    assert both["weak"].cat.categories.tolist() == ["tiny", "small", "medium"]  # as on the ladder


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"weak": "tiney"}, r"predictions\(weak='tiney'\): .* it has 'tiny', 'small', 'medium'"),
        ({"seed": 7}, r"predictions\(seed=7\): there is no such seed in this study; it has 0, 1"),
        ({"method": ["naive", "oracle"]}, r"method='oracle'.* it has 'naive', 'auxiliary-confidence', 'bootstrapping'"),
        ({"control": "shuffle"}, r"control='shuffle'.* 'shuffled', 'random', 'constant', 'self-training'"),
        ({"weak": "medium", "strong": "small"}, r"weak='medium', strong='small'\): each of these is there, but no"),
    ],
)
def test_unknown_values_are_told_what_there_is(chess, wanted, message):
    with pytest.raises(StudyError, match=message):
        chess[2].predictions(**wanted)


def test_results_without_a_store_say_so():
    with pytest.raises(StudyError, match="make them with load_results"):
        Results({"summary": []}, [], 0.95, 0.01, 100, "naive").predictions()


def test_a_choice_is_right_if_it_is_any_of_the_right_candidates(tmp_path):
    plan, store = fake_study.text_study(tmp_path, n_test=50)
    folder = store.folder(plan.comparisons[0].data.inputs["task"].key)
    table = read_task(folder)
    write_task(folder, dataclasses.replace(table, truth=Truth(table.truth.ids, [[1, 0]] * 50)))
    frame = collect(plan, store, resamples=100).predictions()
    assert frame["student_right"].all()
    assert (frame["label"] == 1).all()


# "A partial study works."
def test_a_partial_study_gives_what_is_there(chess, tmp_path):
    plan, store = fake_study.chess_study(tmp_path, n_test=60, seeds=(0, 1))
    whole = collect(plan, store, resamples=100).predictions()
    of_seed_1 = {c.student.key for c in plan.comparisons if c.seed == 1}
    store.records = {key: record for key, record in store.records.items() if key not in of_seed_1}
    results = collect(plan, store, resamples=100)
    assert results.predictions().equals(whole[whole["seed"] == 0].reset_index(drop=True))
    nothing = results.predictions(seed=1)
    assert len(nothing) == 0
    assert nothing.dtypes.drop(["id", "group"]).to_dict().items() <= whole.dtypes.to_dict().items()
    store.records = {}
    results = collect(plan, store, resamples=100)
    assert [len(results.frame(name)) for name in TABLES] == [0] * len(TABLES)
    assert len(results.predictions(probs=True)) == 0


def test_tasks_of_different_columns_stand_in_one_frame(tmp_path):
    plans = [
        fake_study.text_study(tmp_path / "a", n_test=40)[0],
        fake_study.chess_study(tmp_path / "b", n_test=40, seeds=(0,))[0],
    ]
    store = fake_study.FakeStore(tmp_path / "both")
    for part in ("a", "b"):
        shutil.copytree(tmp_path / part, tmp_path / "both", dirs_exist_ok=True)
    store.records = {job.key: {"key": job.key} for plan in plans for job in plan.graph}
    both = fake_study.FakePlan(Graph(), [c for plan in plans for c in plan.comparisons])
    frame = collect(both, store, resamples=100).predictions()
    assert set(frame["task"]) == {"science", "chess-puzzles"}
    assert frame["difficulty"].isna().equals(frame["task"] == "science")
    assert "text" not in frame.columns


def test_predictions_of_other_examples_are_refused(tmp_path):
    plan, store = fake_study.text_study(tmp_path / "one", n_test=40)
    results = collect(plan, store, resamples=100)
    other_plan, other = fake_study.text_study(tmp_path / "other", n_test=39)
    path = Path("predictions") / "test.parquet"
    student = plan.comparisons[0].student.key
    shutil.copy(other.folder(other_plan.comparisons[0].student.key) / path, store.folder(student) / path)
    with pytest.raises(DataError, match="not predictions for the test examples of task science"):
        results.predictions()


def test_frames_survive_parquet(chess, tmp_path):
    results = chess[2]
    for name in TABLES:
        frame = results.frame(name)
        frame.to_parquet(tmp_path / f"{name}.parquet")
        back = pd.read_parquet(tmp_path / f"{name}.parquet")
        lists = [column for column in frame if any(isinstance(value, tuple) for value in frame[column])]
        pd.testing.assert_frame_equal(back.drop(columns=lists), frame.drop(columns=lists))
        for column in lists:
            assert [tuple(value) for value in back[column]] == frame[column].tolist()
    frame = results.predictions(seed=0, probs=True)
    frame.to_parquet(tmp_path / "predictions.parquet")
    back = pd.read_parquet(tmp_path / "predictions.parquet")
    lists = [f"{role}_probs" for role in ROLES]
    pd.testing.assert_frame_equal(back.drop(columns=lists), frame.drop(columns=lists))
    for column in lists:
        assert np.array_equal(np.concatenate(back[column]), np.concatenate(frame[column]))


def test_the_store_is_no_part_of_what_results_are(chess):
    results = chess[2]
    assert dataclasses.replace(results, _store=None) == results
    assert "_store" not in repr(results)


def test_a_study_file_is_enough(finished_toy_study, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    results = w2slab.load_results(finished_toy_study)
    assert results.n_judged == 2 * 3 * 3
    by_study = w2slab.load_results(load_study(finished_toy_study), finished_toy_study.parent / ".w2slab")
    pd.testing.assert_frame_equal(results.frame(), by_study.frame())
    fewer = w2slab.load_results(str(finished_toy_study), settings=["seeds=[1]", "methods=[naive]"])
    assert set(fewer.frame("rows")["seed"]) == {1}
    assert fewer.n_judged == 3
    with pytest.raises(DataError, match=r"\.w2slab: there is no such store"):
        w2slab.load_results(load_study(finished_toy_study))  # .w2slab of this folder
    with pytest.raises(StudyError, match="settings override a study file"):
        w2slab.load_results(load_study(finished_toy_study), settings=["seeds=[1]"])


def test_the_store_of_a_study_file_is_that_of_the_command_line(finished_toy_study, monkeypatch, tmp_path):
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("W2SLAB_STORE", str(tmp_path / "empty"))
    assert w2slab.load_results(finished_toy_study).n_judged == 0
    assert "0 cached" in command("status", finished_toy_study).stdout.replace("0 done", "0 cached")
    assert w2slab.load_results(finished_toy_study, finished_toy_study.parent / ".w2slab").n_judged == 18
