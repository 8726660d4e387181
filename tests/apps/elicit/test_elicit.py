"""`elicit` from a user's files to the report."""

from __future__ import annotations

import csv
import json
import re

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from tests.apps.elicit.conftest import SETTINGS, write_lines
from tests.conftest import result_bytes
from w2slab.apps.elicit import elicit
from w2slab.apps.elicit import elicit_run as run
from w2slab.apps.elicit.elicit_request import make_request
from w2slab.apps.elicit.elicit_run import OwnFiles
from w2slab.apps.export import export
from w2slab.apps.export.export_source import of_elicited
from w2slab.apps.export.hf_folder import write
from w2slab.cli.main import main
from w2slab.data.artifacts import read_predictions
from w2slab.data.readers.texts import Layout
from w2slab.data.task_data import TaskData
from w2slab.errors import DataError, StudyError
from w2slab.graph.store import Store
from w2slab.methods.naive import Naive
from w2slab.models.hf.huggingface import HuggingFace
from w2slab.training.recipe import Recipe


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_text_gets_a_label_with_a_confidence(elicited):
    _, _, out = elicited
    found = rows(out / "labels.jsonl")
    assert len(found) == 91
    for row in found:
        assert sum(row["probs"].values()) == pytest.approx(1, abs=1e-5)
        assert row["confidence"] == max(row["probs"].values()) == row["probs"][row["label"]]
        assert row["agrees"] == (row["label"] == row["weak_label"])
    assert [row["id"] for row in rows(out / "new-labels.jsonl")] == ["new"]
    with (out / "labels.csv").open() as file:
        assert [row["id"] for row in csv.DictReader(file)] == [row["id"] for row in found]
    assert pq.read_table(out / "labels.parquet").column("label").to_pylist() == [row["label"] for row in found]


# "To say anything about a text the student must not have learned its weak label": means over seeds of held-out folds.
def test_labels_are_those_of_students_that_did_not_learn_them(elicited):
    prepared, store, out = elicited
    own = store.folder(prepared.plan.own.key)
    ids, by_id = TaskData(own, own).examples("student_train").ids, {}
    for students in prepared.plan.folds.values():
        for student in students:
            kept = read_predictions(store.folder(student.key), "reserve")
            learned = read_predictions(store.folder(student.inputs["data"].key), "student_train")
            assert not set(kept.positions) & set(learned.positions)
            for position, probs in zip(kept.positions, kept.probs, strict=True):
                by_id.setdefault(ids[position], []).append(probs)
    for row in rows(out / "labels.jsonl"):
        assert len(by_id[row["id"]]) == 2
        assert list(row["probs"].values()) == pytest.approx(np.mean(by_id[row["id"]], axis=0).tolist(), abs=1e-6)


def test_disagreements_are_confident_and_in_order(elicited):
    _, _, out = elicited
    labels = {row["id"]: row for row in rows(out / "labels.jsonl")}
    found = rows(out / "disagreements.jsonl")
    assert found
    assert [row["confidence"] for row in found] == sorted((row["confidence"] for row in found), reverse=True)
    assert all(labels[row["id"]]["agrees"] is False for row in found)
    limits = json.loads((out / "summary.json").read_text())["label_quality"]["by_class"]
    assert all(row["confidence"] >= limits[row["student"]]["confident"] - 1e-6 for row in found)


def test_the_summary_says_how_labels_and_student_do(elicited):
    summary = json.loads((elicited[2] / "summary.json").read_text())
    truth = summary["truth"]
    assert truth["n"] == 30
    for who in ("student", "weak"):
        assert truth[who]["low"] <= truth[who]["value"] <= truth[who]["high"]
    pairs = truth["pairs"]
    assert pairs["both"] + pairs["first_only"] == round(30 * truth["student"]["value"])
    assert truth["difference"]["value"] == pytest.approx(truth["student"]["value"] - truth["weak"]["value"])
    assert [each["name"] for each in summary["annotators"]["each"]] == ["ann", "bob", "cy"]
    assert summary["calibration_on_truth"] is None  # thirty labels are too few
    assert 0 <= summary["label_quality"]["wrong"] < 0.6
    assert summary["n_tied"] == 0


def test_the_report_stands_alone_and_text_in_it_is_inert(elicited):
    page = (elicited[2] / "index.html").read_text()
    assert "Cannot be known" in page
    assert "Agreement of annotators" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "<script>alert" not in page
    assert "\u202e" not in page
    assert "good " * 200 not in page
    assert len(re.findall("<script", page)) == 1


def test_run_again_it_trains_nothing_and_writes_the_same(elicited, tmp_path):
    prepared, store, out = elicited
    before = result_bytes(store.root)
    outcome = run.run(run.prepare(prepared.request, prepared.files), store, executor="inline")
    assert not outcome.done
    assert result_bytes(store.root) == before
    run.write(prepared, store, tmp_path / "again", command="w2slab elicit ...")
    for path in sorted(p for p in out.rglob("*") if p.is_file()):
        assert (tmp_path / "again" / path.relative_to(out)).read_bytes() == path.read_bytes(), path


def test_other_true_labels_train_nothing(elicited, reviewed, tmp_path):
    prepared, store, _ = elicited
    few = write_lines(tmp_path / "few.jsonl", [{"id": "r0", "label": "bad"}, {"id": "r1", "label": "bad"}])
    files = OwnFiles(prepared.files.texts, prepared.files.labels, few, prepared.files.more)
    again = run.prepare(prepared.request, files)
    assert not run.run(again, store, executor="inline").done
    _, summary = run.write(again, store, tmp_path / "out", command="w2slab elicit ...")
    assert summary["truth"]["n"] == 2


def test_without_truth_nothing_is_said_of_accuracy(elicited, tmp_path):
    prepared, store, _ = elicited
    files = OwnFiles(prepared.files.texts, prepared.files.labels, None, prepared.files.more)
    page, summary = run.write(
        run.prepare(prepared.request, files), store, tmp_path / "out", command="w2slab elicit ..."
    )
    assert summary["truth"] is None
    text = page.read_text()
    assert "Accuracies of the student and of the labels are unknown without ground truth" in text
    assert "Clopper" not in text
    assert "the accuracy of the student is" not in text


def test_early_stopping_sees_weak_labels_only(llama, reviewed, tmp_path):
    settings = [*SETTINGS, "recipe.stop_at=weak-labels", "recipe.curve_points=2", "recipe.epochs=1"]
    request = make_request(str(llama), "auxiliary-confidence", {"folds": 2}, settings)
    prepared, store = run.prepare(request, OwnFiles(reviewed / "texts.jsonl", reviewed / "weak.jsonl")), Store(tmp_path)
    assert not run.run(prepared, store, executor="inline").failed
    final = store.folder(prepared.plan.finals[0].key)
    curve = json.loads((final / "curve.json").read_text())
    assert {"validation_accuracy"} == {name for row in curve for name in row if name.endswith("accuracy")}
    assert not list(store.folder(prepared.plan.finals[0].inputs["data"].key).glob("*truth*"))


def test_preferences_are_labelled_by_number(llama, tmp_path):
    texts = [
        {"id": i, "q": "the film", "a": f"was {'good' if i % 2 else 'bad'}", "b": f"was {'bad' if i % 2 else 'good'}"}
        | {"doc": f"d{i // 2}"}
        for i in range(32)
    ]
    write_lines(tmp_path / "pairs.jsonl", texts)
    write_lines(tmp_path / "weak.jsonl", [{"id": i, "label": "a" if i % 2 else "b"} for i in range(32)])
    layout = Layout(text="{q}", candidates=("a", "b"), group="{doc}")
    request = make_request(str(llama), "naive", {"folds": 2}, SETTINGS)
    prepared = run.prepare(request, OwnFiles(tmp_path / "pairs.jsonl", tmp_path / "weak.jsonl", layout=layout))
    store = Store(tmp_path / "store")
    assert not run.run(prepared, store, executor="inline").failed
    page, summary = run.write(prepared, store, tmp_path / "out", command="w2slab elicit ...")
    assert summary["label_quality"] is None
    assert summary["agreement"]["value"] > 0.9
    assert {row["label"] for row in rows(tmp_path / "out" / "labels.jsonl")} == {0, 1}
    assert "label quality" not in page.read_text()


def test_what_cannot_be_is_refused_before_anything_is_written(llama, reviewed, tmp_path):
    texts, weak = reviewed / "texts.jsonl", reviewed / "weak.jsonl"
    request = make_request(str(llama), "naive", {}, SETTINGS)
    with pytest.raises(DataError, match="texts have no label"):
        run.prepare(request, OwnFiles(texts, write_lines(tmp_path / "one.jsonl", [{"id": "r0", "label": "bad"}])))
    with pytest.raises(DataError, match="cannot be divided into 100 folds"):
        run.prepare(make_request(str(llama), "naive", {"folds": 100}, SETTINGS), OwnFiles(texts, weak))
    with pytest.raises(StudyError, match="trains weak models of its own on ground truth"):
        run.prepare(
            make_request(str(llama), "generative-finetuning", {}, ["method.variant=all"]), OwnFiles(texts, weak)
        )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("no/such/folder/here", "naive", {}), "no shipped rung and no folder"),
        (("org/name", "nave", {}), 'unknown method "nave". Did you mean "naive"?'),
        (("org/name", "naive", {}, ["recipe.lr=-1"]), "--set recipe.lr=-1"),
        (("org/name", "naive", {}, ["model.layer=3"]), "layer"),
        (("org/name", "linear-probe", {}, ["method.labels=true"]), "uses ground truth"),
        (("org/name", "naive", {"folds": 1}), "folds"),
    ],
)
def test_mistakes_in_the_request_are_explained(arguments, message):
    with pytest.raises(StudyError, match=re.escape(message)):
        make_request(*arguments)


def test_the_card_says_what_it_learned_from(elicited, tmp_path):
    write(of_elicited(elicited[2]), tmp_path / "out", command="w2slab export ...")
    card = (tmp_path / "out" / "README.md").read_text()
    front = yaml.safe_load(card.split("---")[1])
    assert front["pipeline_tag"] == "text-classification"
    assert front["model-index"][0]["results"][0]["metrics"][0]["type"] == "accuracy"
    assert "trained on model-generated or otherwise weak labels" in card
    assert "user-provided labels" in card
    assert "on 30 ground-truth labels" in card
    assert "95% CI" in card
    tokens = json.loads((tmp_path / "out" / "tokenizer_config.json").read_text())
    assert tokens["pad_token"]
    assert tokens["model_max_length"] == 64


def test_labels_are_elicited_from_python(llama, reviewed, tmp_path):
    model = HuggingFace("tiny-llama", path=llama)
    files = reviewed / "texts.jsonl", reviewed / "weak.jsonl"
    recipe = Recipe(epochs=1, lr=0.01, batch_size=16, curve_points=0)
    found = elicit(
        *files, model=model, method=Naive(), recipe=recipe, folds=2, store=tmp_path / "store", executor="inline"
    )
    assert found.outcome.exit_code == 0
    assert found.findings().by_seed.shape == (1, 91, 2)
    assert found.write(tmp_path / "out").exists()
    assert len(rows(tmp_path / "out" / "labels.jsonl")) == found.summary()["n_texts"] == 91
    exported = export(tmp_path / "out", tmp_path / "model")
    assert exported.is_classifier
    with pytest.raises(StudyError, match="uses ground truth"):
        elicit(*files, model=model, method="trust-function", store=tmp_path / "store")


@pytest.fixture
def shell(monkeypatch, capsys):
    """The command line in this process: exit code, what was printed, what was complained of."""

    def run_it(*arguments):
        monkeypatch.setattr("sys.argv", ["w2slab", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        return code, *capsys.readouterr()

    return run_it


def test_the_command_line_does_all_of_it(elicited, llama, reviewed, tmp_path, shell):
    prepared, store, _ = elicited
    options = ["--model", llama, "--data", reviewed / "texts.jsonl", "--executor", "inline", "--folds", 2]
    options += ["--store", store.root, "--out", tmp_path / "out"]
    options += [part for setting in SETTINGS for part in ("--set", setting)]
    more = ["--truth", reviewed / "few.jsonl", "--more", reviewed / "more.jsonl", "--seeds", "0,1"]
    code, said, told = shell("elicit", *options, "--labels", reviewed / "weak.jsonl", *more)
    assert code == 0
    assert f"0 made, {len(prepared.plan.graph.wanted)} cached" in told
    assert "On 30 ground-truth labels the accuracy of the student is" in said
    code, said, _ = shell("export", "--from", tmp_path / "out", "--out", tmp_path / "model")
    assert code == 0
    assert "AutoModelForSequenceClassification" in said
    assert (tmp_path / "model" / "README.md").exists()


def test_the_command_line_refuses_before_it_writes(llama, reviewed, tmp_path, shell):
    options = ["--model", llama, "--data", reviewed / "texts.jsonl", "--store", tmp_path / "store"]
    code, _, told = shell("elicit", *options, "--labels", reviewed / "few.jsonl", "--out", tmp_path / "out")
    assert code == 2
    assert "61 texts have no label" in told
    assert not list(tmp_path.iterdir())
    code, _, told = shell("export", "--from", tmp_path, "--out", tmp_path / "model")
    assert code == 2
    assert "name its --out folder" in told


# Methods of studies are methods here: whatever jobs they consist of.
@pytest.mark.parametrize("method", ["generative-finetuning", "linear-probe"])
def test_other_methods_elicit_as_well(method, llama, reviewed, tmp_path):
    request = make_request(str(llama), method, {"folds": 2}, ["recipe.epochs=1"])
    prepared, store = run.prepare(request, OwnFiles(reviewed / "texts.jsonl", reviewed / "weak.jsonl")), Store(tmp_path)
    assert not run.run(prepared, store, executor="inline").failed
    run.write(prepared, store, tmp_path / "out", command="w2slab elicit ...")
    if method == "linear-probe":
        with pytest.raises(StudyError, match="its student is a probe job"):
            of_elicited(tmp_path / "out")
    else:
        written = write(of_elicited(tmp_path / "out"), tmp_path / "model", command="w2slab export ...")
        assert written.largest < 1e-5
