"""The head job, alone and with others: what it writes, what it may read, and what it refuses."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.small_data import data_in, hide_truth
from w2slab.data.artifacts import Features as Stored
from w2slab.data.artifacts import read_curve, read_predictions, write_features, write_weights
from w2slab.data.labels import Weights
from w2slab.errors import DataError, JobError
from w2slab.graph.job import JobContext, Stopped
from w2slab.jobs.embed import EmbedSpec, embed
from w2slab.jobs.heads import HeadSpec, head, heads
from w2slab.models.chessformer.chessformer import Chessformer
from w2slab.models.linear.linear import Linear
from w2slab.objectives import CrossEntropy
from w2slab.objectives.anchor import RepresentationAnchor
from w2slab.objectives.confidence import AuxiliaryConfidence
from w2slab.tasks.chess.puzzle_task import Chess
from w2slab.training.recipe import HeadShape, Recipe

SPEC = HeadSpec(
    train_split="student_train",
    labels="soft",
    objective=CrossEntropy(),
    recipe=Recipe(epochs=2, lr=0.02, curve_points=3),
    head=HeadShape(),
    seed=0,
)
BIG = Linear("big", n_features=32)


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """Several threads round a product by its size, and so by company."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def inputs(bench):
    """Data, the labels of a supervisor, and features of a larger model."""
    data = bench.prepare()
    labels = bench.finetune("s", {"data": data}, bench.spec(2, train_split="supervisor_train"))
    return {"data": data, "labels": labels, "features": bench.run(embed, EmbedSpec(model=BIG), {"data": data}, "e")}


def together(bench, jobs, **context):
    """Results of one call for several jobs, a spec and its inputs each, and their folders."""
    outs = [bench.root / f"together-{number}" for number in range(len(jobs))]
    contexts = []
    for out, (_, inputs) in zip(outs, jobs, strict=True):
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        contexts.append(
            JobContext(inputs={"task": inputs["data"], **inputs}, out=out, work=bench.root / "work", **context)
        )
    return heads([spec for spec, _ in jobs], contexts), outs


def test_it_leaves_predictions_curve_and_stopping_points(bench, inputs):
    out = bench.run(head, SPEC, inputs, "head")
    files = {str(p.relative_to(out)) for p in out.rglob("*.*")}
    splits = {f"predictions/{s}.parquet" for s in ("student_train", "validation", "test", "reserve")}
    points = {f"stopping/{p}.parquet" for p in ("last", "weak-labels", "oracle")}
    assert files == splits | points | {"curve.json"}
    test = read_predictions(out, "test")
    np.testing.assert_array_equal(test.positions, data_in(inputs["data"]).positions("test"))
    np.testing.assert_allclose(test.probs.sum(axis=1), 1, atol=1e-6)
    assert (out / "stopping" / "last.parquet").read_bytes() == (out / "predictions" / "test.parquet").read_bytes()
    is_right = data_in(inputs["data"]).truth("test").is_right
    assert is_right(test.choices).mean() == read_curve(out)[-1]["test_accuracy"] > 0.6
    facts = {name: bench.facts[name] for name in ("n_examples", "n_features", "steps", "n_parameters", "chance")}
    assert facts == {"n_examples": 200, "n_features": 32, "steps": 14, "n_parameters": 66, "chance": 0.5}
    json.dumps(bench.facts)


def test_without_a_curve_there_are_predictions_only(bench, inputs):
    spec = replace(SPEC, recipe=replace(SPEC.recipe, curve_points=0), train_split="supervisor_train", labels="true")
    del inputs["labels"]
    out = bench.run(head, replace(spec, predict_train_split=True), inputs, "head")
    splits = ("supervisor_train", "student_train", "validation", "test", "reserve")
    assert {str(p.relative_to(out)) for p in out.rglob("*.*")} == {f"predictions/{s}.parquet" for s in splits}


# "Each remains its own job and key in the store": what one leaves does not depend on what was done with it.
def test_heads_done_together_leave_the_bytes_that_each_leaves_alone(bench, inputs, bytes_of):
    confident = replace(SPEC, objective=AuxiliaryConfidence())
    stopping = replace(SPEC, recipe=replace(SPEC.recipe, lr=0.3, stop_at="weak-labels"))
    specs = [replace(spec, seed=seed) for spec in (SPEC, confident, stopping) for seed in (0, 1)]
    specs += [
        replace(SPEC, head=HeadShape(hidden=4)),
        replace(SPEC, head=HeadShape(n_heads=2)),
        replace(SPEC, labels="hard"),
    ]
    results, outs = together(bench, [(spec, inputs) for spec in specs])
    for number, (spec, result, out) in enumerate(zip(specs, results, outs, strict=True)):
        alone = bench.run(head, spec, inputs, f"alone-{number}")
        assert bytes_of(out) == bytes_of(alone), spec
        assert result["n_parameters"] == bench.facts["n_parameters"]
    assert [result["n_together"] for result in results] == [4, 3, 4, 3, 4, 3, 1, 1, 4]


# "True labels of student_train and validation never reach a student."
def test_scrambled_true_labels_leave_a_student_as_it_was(bench, inputs, bytes_of):
    spec = replace(SPEC, recipe=replace(SPEC.recipe, stop_at="weak-labels"))
    before = bench.run(head, spec, inputs, "before")
    scrambled = Path(shutil.copytree(inputs["data"], bench.root / "scrambled"))
    hide_truth(scrambled, but=["test"])
    after = bench.run(head, spec, inputs | {"data": scrambled}, "after")
    assert bytes_of(before) == bytes_of(after)


def test_features_of_the_task_serve_every_split_of_every_seed(bench, inputs, bytes_of):
    whole = bench.run(embed, EmbedSpec(model=BIG), {"task": inputs["data"]}, "whole")
    other = bench.prepare("other", seed=7)
    own = bench.run(embed, EmbedSpec(model=BIG), {"data": other}, "other-e")
    true = replace(SPEC, labels="true")
    results, outs = together(bench, [(SPEC, inputs | {"features": whole}), (true, {"data": other, "features": whole})])
    assert [result["n_together"] for result in results] == [2, 2]
    assert bytes_of(outs[0]) == bytes_of(bench.run(head, SPEC, inputs, "first"))
    assert bytes_of(outs[1]) == bytes_of(bench.run(head, true, {"data": other, "features": own}, "second"))


def weighted(bench, inputs, name, weights):
    positions = data_in(inputs["data"]).positions("student_train")
    write_weights(bench.root / name, "student_train", Weights(positions, weights))
    return bench.root / name


def test_examples_of_weight_zero_are_left_out(bench, inputs, bytes_of):
    weights = np.zeros(200, dtype=np.float32)
    weights[50:150] = 3.0
    left = inputs | {"weights": weighted(bench, inputs, "some", weights)}
    some = bench.run(head, SPEC, left, "weighted")
    assert bench.facts["n_examples"] == 100
    part = bench.run(head, replace(SPEC, train_range=(50, 150)), inputs, "range")
    assert bytes_of(some) == bytes_of(part)
    weights[50:100] = 1.0
    other = bench.run(head, SPEC, inputs | {"weights": weighted(bench, inputs, "uneven", weights)}, "uneven-head")
    assert bytes_of(other) != bytes_of(some)


def test_a_failure_of_one_does_not_lose_the_others(bench, inputs, bytes_of):
    foreign = bench.prepare("foreign", seed=3)
    jobs = [
        (SPEC, inputs),
        (SPEC, inputs | {"data": foreign}),  # labels of other examples
        (replace(SPEC, objective=RepresentationAnchor()), inputs),
        (replace(SPEC, recipe=replace(SPEC.recipe, lr=1e38)), inputs),
        (replace(SPEC, seed=1), inputs),
    ]
    results, outs = together(bench, jobs)
    assert [isinstance(result, Exception) for result in results] == [False, True, True, True, False]
    assert "examples have no" in str(results[1])
    assert "representation-anchor holds features that are trained" in str(results[2])
    assert "Lower the learning rate" in str(results[3])
    assert bytes_of(outs[0]) == bytes_of(bench.run(head, SPEC, inputs, "alone"))
    assert not list(outs[3].rglob("*.parquet"))
    with pytest.raises(JobError, match="Lower the learning rate"):
        bench.run(head, jobs[3][0], inputs, "raises")


def test_a_stop_leaves_the_heads_that_are_done(bench, inputs):
    asked = iter([False] * 14 + [True] * 100)
    jobs = [(SPEC, inputs), (replace(SPEC, recipe=replace(SPEC.recipe, epochs=3)), inputs)]
    results, outs = together(bench, jobs, stop_requested=lambda: next(asked))
    assert isinstance(results[0], dict)
    assert isinstance(results[1], Stopped)
    assert not list(outs[1].iterdir())
    with pytest.raises(Stopped):
        bench.run(head, SPEC, inputs, "stopped", stop_requested=lambda: True)


def test_progress_is_said_of_every_head(bench, inputs):
    said = []
    together(bench, [(SPEC, inputs)] * 2, progress=lambda share, words: said.append((share, words)))
    assert said[0] == (1 / 14, "2 heads, step 1 of 14")
    assert said[0] == said[1]


def test_features_of_other_examples_are_refused(bench, inputs):
    (bench.root / "broken").mkdir()
    with pytest.raises(JobError, match="there are no features of student_train"):
        bench.run(head, SPEC, inputs | {"features": bench.root / "broken"}, "none")
    other = bench.run(embed, EmbedSpec(model=BIG), {"data": bench.prepare("x", seed=7)}, "xe")
    with pytest.raises(JobError, match=r"of 200 examples have no feature, the first is number"):
        bench.run(head, SPEC, inputs | {"features": other}, "other")
    wide = Stored(data_in(inputs["data"]).positions("student_train"), np.full(200, 3), np.zeros((600, 4), np.float32))
    (bench.root / "wide").mkdir()
    write_features(bench.root / "wide", "student_train", wide)
    with pytest.raises(JobError, match="has 2 candidates and 3 rows of features"):
        bench.run(head, SPEC, inputs | {"features": bench.root / "wide"}, "wide-head")


def test_a_damaged_file_of_features_is_an_error_that_names_it(bench, inputs):
    path = inputs["features"] / "features" / "student_train.safetensors"
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(DataError, match=r"student_train.safetensors: cannot be read as features"):
        bench.run(head, SPEC, inputs, "cut")


def test_stopping_by_a_curve_that_is_off_is_an_error(bench, inputs):
    recipe = replace(SPEC.recipe, curve_points=0, stop_at="weak-labels")
    with pytest.raises(JobError, match="needs curve_points above 0"):
        bench.run(head, replace(SPEC, recipe=recipe), inputs, "head")


def test_a_state_of_the_whole_position_cannot_choose_among_its_moves(bench):
    bench.data(Chess(), {"student_train": 30, "test": 30}, "puzzles")
    model = Chessformer("chess-8k")
    given = {"data": bench.root / "puzzles"}
    spec = replace(SPEC, labels="true", recipe=replace(SPEC.recipe, epochs=8, lr=0.1))
    for readout in ("head", "state", "with-state"):
        given["features"] = bench.run(embed, EmbedSpec(model=model, readout=readout), given, readout)
        if readout == "state":
            with pytest.raises(JobError, match="a head needs one for each of its candidates; choose another readout"):
                bench.run(head, spec, given, "head of state")
            continue
        out = bench.run(head, spec, given, f"head of {readout}")
        assert read_curve(out)[-1]["test_accuracy"] > 3 * bench.facts["chance"]
