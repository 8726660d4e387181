"""The finetune job: what it writes, what it may read, and that nothing moves its bytes."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.jobs import language
from tests.small_data import data_in, hide_truth
from w2slab.data.artifacts import read_curve, read_predictions, read_stopping, write_predictions
from w2slab.data.examples import Examples
from w2slab.data.labels import Labels
from w2slab.errors import JobError
from w2slab.graph.job import Stopped
from w2slab.objectives.confidence import AuxiliaryConfidence
from w2slab.training.recipe import Recipe

STUDENT = {"labels": "soft", "n_features": 32}


@pytest.fixture
def supervised(bench):
    """Data, and the labels of a supervisor."""
    data = bench.prepare()
    return {"data": data, "labels": bench.finetune("s", {"data": data}, bench.spec(2, train_split="supervisor_train"))}


def test_it_leaves_predictions_curve_and_stopping_points(bench):
    data = bench.prepare()
    out = bench.finetune("model", {"data": data})
    files = {str(p.relative_to(out)) for p in out.rglob("*.*")}
    splits = {f"predictions/{s}.parquet" for s in ("student_train", "validation", "test", "reserve")}
    points = {f"stopping/{p}.parquet" for p in ("last", "weak-labels", "oracle")}
    assert files == splits | points | {"curve.json"}
    test = read_predictions(out, "test")
    np.testing.assert_array_equal(test.positions, data_in(data).positions("test"))
    np.testing.assert_allclose(test.probs.sum(axis=1), 1, atol=1e-6)
    assert (out / "stopping" / "last.parquet").read_bytes() == (out / "predictions" / "test.parquet").read_bytes()
    assert data_in(data).truth("test").is_right(test.choices).mean() == read_curve(out)[-1]["test_accuracy"] > 0.6
    assert bench.facts["n_parameters"] == 18
    assert bench.facts["steps"] == 14
    assert bench.facts["chance"] == 0.5


def test_without_a_curve_there_are_predictions_only(bench):
    recipe = replace(bench.spec().recipe, curve_points=0)
    out = bench.finetune("model", {"data": bench.prepare()}, bench.spec(recipe=recipe))
    assert {p.parent.name for p in out.rglob("*.*")} == {"predictions"}


def test_the_best_point_by_true_labels_is_the_best_of_the_curve(bench):
    data = bench.prepare()
    out = bench.finetune("model", {"data": data})
    best = read_stopping(out, "oracle")
    accuracy = data_in(data).truth("test").is_right(best.choices).mean()
    assert accuracy == max(row["test_accuracy"] for row in read_curve(out))


def test_stopping_at_the_best_weak_labels_decides_all_predictions(bench, supervised):
    recipe = replace(bench.spec().recipe, stop_at="weak-labels", epochs=4, curve_points=20, lr=0.3)
    stopping = bench.spec(**STUDENT, recipe=recipe)
    out = bench.finetune("student", supervised, stopping)
    test = (out / "predictions" / "test.parquet").read_bytes()
    assert test == (out / "stopping" / "weak-labels.parquet").read_bytes()
    validation = read_predictions(out, "validation")
    weak = read_predictions(supervised["labels"], "validation")
    best = max(row["validation_accuracy"] for row in read_curve(out))
    assert (validation.choices == weak.choices).mean() == best


# "The same seed gives the same bytes on one machine."
def test_the_same_job_gives_the_same_bytes(bench, supervised, bytes_of):
    spec = bench.spec(**STUDENT, objective=AuxiliaryConfidence())
    first, second = bench.finetune("a", supervised, spec), bench.finetune("b", supervised, spec)
    assert bytes_of(first) == bytes_of(second)
    other = bench.finetune("c", supervised, replace(spec, seed=1))
    assert bytes_of(first) != bytes_of(other)


# "Micro-batching and other options never change results beyond rounding."
def test_options_change_nothing_but_rounding(bench, supervised):
    spec = bench.spec(**STUDENT, objective=AuxiliaryConfidence())
    whole = bench.finetune("a", supervised, spec)
    parts = bench.finetune("b", supervised, spec, options={"micro_batch": 5, "prediction_batch": 7})
    for split in ("student_train", "test"):
        a, b = (read_predictions(out, split).probs for out in (whole, parts))
        np.testing.assert_allclose(a, b, atol=1e-4)


# "True labels of student_train and validation never reach a student."
@pytest.mark.parametrize("labels", ["soft", "hard"])
def test_scrambled_true_labels_leave_a_student_as_it_was(bench, supervised, bytes_of, labels):
    spec = bench.spec(labels=labels, n_features=32, recipe=replace(bench.spec().recipe, stop_at="weak-labels"))
    before = bench.finetune("before", supervised, spec)
    scrambled = Path(shutil.copytree(supervised["data"], bench.root / "scrambled"))
    hide_truth(scrambled, but=["test"])
    after = bench.finetune("after", supervised | {"data": scrambled}, spec)
    assert bytes_of(before) == bytes_of(after)


def test_hard_labels_are_the_likeliest_candidates(bench, supervised, bytes_of):
    hard = bench.finetune("hard", supervised, bench.spec(labels="hard", n_features=32))
    sure = bench.root / "sure"
    for split in ("student_train", "validation"):
        weak = read_predictions(supervised["labels"], split)
        one_hot = np.eye(2, dtype=np.float32)[weak.choices]
        write_predictions(sure, split, Labels(weak.positions, one_hot, weak.n_candidates))
    soft = bench.finetune("soft", supervised | {"labels": sure}, bench.spec(**STUDENT))
    assert bytes_of(hard) == bytes_of(soft)


# Labels are matched by position.
def test_labels_in_another_order_give_the_same_bytes(bench, supervised, bytes_of):
    turned = bench.root / "turned"
    for split in ("student_train", "validation"):
        weak = read_predictions(supervised["labels"], split)
        backwards = Labels(weak.positions[::-1], weak.probs[::-1], weak.n_candidates[::-1])
        write_predictions(turned, split, backwards)
    spec = bench.spec(**STUDENT)
    first = bench.finetune("a", supervised, spec)
    second = bench.finetune("b", supervised | {"labels": turned}, spec)
    assert bytes_of(first) == bytes_of(second)


def test_labels_of_other_examples_are_refused(bench, supervised):
    other = bench.prepare("other", seed=7)
    with pytest.raises(JobError, match=r"of 200 examples have no label, the first is number"):
        bench.finetune("student", supervised | {"data": other}, bench.spec(**STUDENT))


def test_labels_for_other_candidates_are_refused(bench, supervised):
    wide = bench.root / "wide"
    weak = read_predictions(supervised["labels"], "student_train")
    probs = np.full((len(weak), 3), 1 / 3, dtype=np.float32)
    three = Labels(weak.positions, probs, np.full(len(weak), 3))
    write_predictions(wide, "student_train", three)
    with pytest.raises(JobError, match="has 2 candidates and a label for 3"):
        bench.finetune("student", supervised | {"labels": wide}, bench.spec(**STUDENT))


def test_a_range_of_a_split_is_learned_on_alone(bench):
    data = bench.prepare()
    out = bench.finetune("part", {"data": data}, bench.spec(train_split="reserve", train_range=(10, 40)))
    assert bench.facts["n_examples"] == 30
    assert (out / "predictions" / "reserve.parquet").exists()
    with pytest.raises(JobError, match="train_range: 40 to 80 does not lie in reserve, which has 50"):
        bench.finetune("beyond", {"data": data}, bench.spec(train_split="reserve", train_range=(40, 80)))


# "Killed at any moment and started again, a study ends with the same bytes as one that was never killed."
@pytest.mark.parametrize("stop_after", [1, 6, 13])
def test_a_stopped_job_goes_on_to_the_same_bytes(bench, supervised, bytes_of, stop_after):
    spec = bench.spec(**STUDENT, objective=AuxiliaryConfidence())
    straight = bench.finetune("straight", supervised, spec)
    asked = iter([False] * (stop_after - 1) + [True])
    with pytest.raises(Stopped):
        bench.finetune("stopped", supervised, spec, stop_requested=lambda: next(asked))
    shutil.rmtree(bench.root / "stopped")
    assert bytes_of(bench.finetune("stopped", supervised, spec)) == bytes_of(straight)


def test_weights_are_kept_only_on_request(bench):
    from safetensors import safe_open

    data = bench.prepare()
    out = bench.finetune("model", {"data": data}, options={"keep_checkpoint": True})
    with safe_open(out / "checkpoint" / "model.safetensors", framework="np") as weights:
        assert set(weights.keys()) == {"weight", "bias"}


def test_stopping_by_a_curve_that_is_off_is_an_error(bench):
    recipe = replace(bench.spec().recipe, curve_points=0, stop_at="weak-labels")
    with pytest.raises(JobError, match="needs curve_points above 0"):
        bench.finetune("model", {"data": bench.prepare()}, bench.spec(recipe=recipe))


def test_the_curve_is_plain_json_with_the_promised_columns(bench):
    out = bench.finetune("model", {"data": bench.prepare()})
    rows = json.loads((out / "curve.json").read_text())
    assert [set(row) for row in rows] == [{"step", "progress", "loss", "validation_accuracy", "test_accuracy"}] * 3


@pytest.fixture
def text(bench):
    """Reviews, and a spec of a tiny text model that learns them."""
    (bench.root / "reviews").mkdir()
    data = language.folder_of(bench.root / "reviews", language.reviews(24))
    recipe = Recipe(epochs=1, batch_size=4, lr=0.01, curve_points=0)
    return {"data": data}, bench.spec(model=language.plugin(bench.root / "model"), recipe=recipe)


def test_weights_are_kept_where_the_spec_says_so_and_nothing_else_changes(bench, bytes_of):
    data = bench.prepare()
    kept = bench.finetune("kept", {"data": data}, replace(bench.spec(), keep_weights=True))
    asked = bench.finetune("asked", {"data": data}, options={"keep_checkpoint": True})
    plain = bytes_of(bench.finetune("plain", {"data": data}))
    assert bytes_of(kept) == bytes_of(asked)
    assert plain.items() < bytes_of(kept).items()


def test_training_starts_where_a_generative_job_ended(bench, text, bytes_of):

    inputs, spec = text
    family = language.plugin(bench.root / "other", std=0.3)
    family.save_base(family.build_language(0), bench.root / "start" / "base")
    started = bench.finetune("started", inputs | {"start": bench.root / "start"}, spec)
    other = bench.finetune("other-model", inputs, replace(spec, model=language.plugin(bench.root / "start" / "base")))
    plain = bench.finetune("plain", inputs, spec)
    assert bytes_of(started) == bytes_of(other) != bytes_of(plain)


def test_rows_kept_on_disk_change_nothing(bench, text, bytes_of):
    shared = bench.root / "shared"
    fresh = bench.finetune("fresh", *text)
    assert bytes_of(bench.finetune("first", *text, shared=shared)) == bytes_of(fresh)
    assert bytes_of(bench.finetune("second", *text, shared=shared)) == bytes_of(fresh)
    assert len(list((shared / "encoded").iterdir())) == 3


# "Long texts are truncated sensibly (the answer never is), counted and reported."
def test_facts_say_how_many_texts_were_cut(bench, text):
    examples, right = language.reviews(24)
    texts = examples.table.column("text").to_pylist()
    longer = examples.table.set_column(2, "text", [[text * (1 + 5 * (i % 2)) for i, text in enumerate(texts)]])
    (bench.root / "long").mkdir()
    data = language.folder_of(bench.root / "long", (Examples(longer, examples.classes), right))
    _, spec = text
    bench.finetune("whole", {"data": data}, spec)
    nothing = {"n_truncated": 0, "n_answers_cut": 0}
    assert bench.facts["notes"] == {"student_train": nothing, "test": nothing, "validation": nothing}
    bench.finetune("cut", {"data": data}, replace(spec, model=language.plugin(bench.root / "model", max_length=10)))
    counts = {split: counted["n_truncated"] for split, counted in bench.facts["notes"].items()}
    assert counts == {"student_train": 6, "test": 3, "validation": 3}


def test_gradient_checkpointing_changes_rounding_only_and_is_told(bench, text):
    inputs, spec = text
    plain = bench.finetune("plain", inputs, spec)
    assert bench.facts["gradient_checkpointing"] is False
    assert bench.facts["micro_batch"] == 4
    saving = bench.finetune("saving", inputs, spec, options={"gradient_checkpointing": True, "micro_batch": 2})
    assert bench.facts["gradient_checkpointing"] is True
    assert bench.facts["micro_batch"] == 2
    a, b = (read_predictions(out, "test").probs for out in (plain, saving))
    np.testing.assert_allclose(a, b, atol=1e-4)
    bench.finetune("linear", {"data": bench.prepare()}, options={"gradient_checkpointing": True})
    assert bench.facts["gradient_checkpointing"] is False  # such a network has no blocks to save on
