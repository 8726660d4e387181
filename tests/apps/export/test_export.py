"""Students as Hugging Face folders: plain transformers gives the predictions that the student left."""

from __future__ import annotations

import json
import os
import re
import textwrap
from dataclasses import replace

import numpy as np
import pytest

from tests.apps.elicit.conftest import write_lines
from tests.models.small_models import pairs, reviews, save
from w2slab.apps.elicit.elicit_plan import plan
from w2slab.apps.elicit.elicit_request import make_request
from w2slab.apps.elicit.student_record import StudentRecord
from w2slab.apps.export import export
from w2slab.apps.export.export_source import Student, of_study
from w2slab.apps.export.hf_folder import _Loaded, texts_of, write
from w2slab.data.artifacts import read_predictions
from w2slab.data.readers.texts import Layout
from w2slab.data.task_data import TaskData
from w2slab.errors import StudyError, UnavailableError
from w2slab.experiment import run as api
from w2slab.graph import runner
from w2slab.graph.executors import Inline
from w2slab.graph.store import Store
from w2slab.jobs.options import RunOptions
from w2slab.jobs.own_labels import OwnLabelsSpec
from w2slab.study.reading import load_study

pytestmark = pytest.mark.slow


def trained(root, kind, settings=(), candidates=False):
    """A student of a tiny model."""
    examples, right = pairs(24) if candidates else reviews(24)
    columns = [c for c in ("text", "candidates") if c in examples.table.column_names]
    values = zip(examples.ids, *(examples.table.column(c).to_pylist() for c in columns), strict=True)
    texts = write_lines(root / "texts.jsonl", [dict(zip(["id", *columns], row, strict=True)) for row in values])
    labels = [{"id": i, "label": r} for i, r in zip(examples.ids, right, strict=True)]
    labels = write_lines(root / "weak.jsonl", labels)
    save(root / kind, kind)
    request = make_request(str(root / kind), "naive", {}, ["recipe.lr=0.01", "recipe.epochs=1", *settings])
    layout = Layout(candidates="candidates" if candidates else None)
    classes = None if candidates else ("0", "1")
    planned = plan(request, OwnLabelsSpec(texts=texts, labels=labels, layout=layout, classes=classes))
    store, final = Store(root / "store"), planned.finals[0]
    outcome = runner.run(planned.graph, store, Inline(), targets=[final], options=RunOptions(device="cpu"))
    assert not outcome.failed, outcome.failed
    return Student(
        store, final.key, StudentRecord.of(final.spec), "a <b>student</b>", {"Method": "naive `x`"}, how="w2slab elicit"
    )


def said_by_the_card(folder):
    """What the code in the card gives, run as a reader would."""
    code = re.search(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)[1]
    names, here = {}, os.getcwd()
    os.chdir(folder)
    try:
        exec(textwrap.dedent(code), names)
    finally:
        os.chdir(here)
    return names


def compare(student, folder):
    """The largest difference of a probability that the card's code gives from what the student left."""
    folders = {name: student.store.folder(key) for name, key in student.inputs.items()}
    stored = read_predictions(student.store.folder(student.key), "student_train")
    examples = TaskData(folders["task"], folders["data"]).examples("student_train")
    logits = said_by_the_card(folder)["logits"](texts_of(examples)).numpy()
    if examples.classes is None:
        assert logits.shape[1] == 1
        logits = logits.reshape(len(examples), -1)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.abs(powers / powers.sum(axis=1, keepdims=True) - stored.probs).max()


@pytest.mark.parametrize("kind", ["llama", "gpt2", "gpt_neox", "qwen3", "bert"])
def test_the_class_of_transformers_gives_the_same_predictions(kind, tmp_path):
    student = trained(tmp_path, kind, ["model.readout=pooler"] if kind == "bert" else [])
    written = write(student, tmp_path / "out", command="w2slab export ...")
    assert written.is_classifier
    assert compare(student, tmp_path / "out") < 1e-5
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["id2label"] == {"0": "0", "1": "1"}
    assert config["architectures"][0].endswith("ForSequenceClassification")


@pytest.mark.parametrize(("kind", "readout"), [("bert", "mean"), ("modernbert", "first"), ("llama", "mean")])
def test_where_that_class_reads_otherwise_the_card_says_how(kind, readout, tmp_path):
    student = trained(tmp_path, kind, [f"model.readout={readout}"])
    written = write(student, tmp_path / "out", command="w2slab export ...")
    assert not written.is_classifier
    assert (tmp_path / "out" / "head.safetensors").exists()
    assert compare(student, tmp_path / "out") < 1e-5


def test_a_class_that_cannot_be_compared_is_not_trusted(tmp_path, monkeypatch):
    student = trained(tmp_path, "bert", ["model.readout=mean"])
    monkeypatch.setattr(_Loaded, "_is_plain", lambda *_: False)  # as if every answer were too long
    written = write(student, tmp_path / "out", command="w2slab export ...")
    assert (written.is_classifier, written.n_checked) == (False, 0)
    assert compare(student, tmp_path / "out") < 1e-5


def test_adapters_are_merged(tmp_path):
    student = trained(tmp_path, "llama", ["model.tuning=lora", "model.layers=1"])
    assert write(student, tmp_path / "out", command="w2slab export ...").is_classifier
    assert compare(student, tmp_path / "out") < 1e-5
    assert not list((tmp_path / "out").glob("adapter*"))


def test_a_reward_model_has_one_score(tmp_path):
    student = trained(tmp_path, "gpt2", candidates=True)
    assert write(student, tmp_path / "out", command="w2slab export ...").is_classifier
    assert compare(student, tmp_path / "out") < 1e-5
    assert json.loads((tmp_path / "out" / "config.json").read_text())["id2label"] == {"0": "score"}


def test_a_company_of_texts_of_other_lengths_changes_nothing(tmp_path):
    student = trained(tmp_path, "gpt2")
    write(student, tmp_path / "out", command="w2slab export ...")
    logits = said_by_the_card(tmp_path / "out")["logits"]
    alone = logits(["the film was bad"])
    assert np.allclose(logits(["the film was bad", "good " * 30])[0], alone[0], atol=1e-5)


def test_names_from_data_are_no_markup(tmp_path):
    write(trained(tmp_path, "gpt2"), tmp_path / "out", command="w2slab export ...")
    card = (tmp_path / "out" / "README.md").read_text()
    assert "<b>" not in card
    assert "`naive 'x'`" in card


def test_a_folder_is_not_replaced_unless_asked(tmp_path):
    student = trained(tmp_path, "gpt2")
    (tmp_path / "out").mkdir()
    with pytest.raises(StudyError, match="add --force"):
        write(student, tmp_path / "out", command="")
    write(student, tmp_path / "out", command="", replace=True)
    assert (tmp_path / "out" / "model.safetensors").exists()


def test_a_student_of_mixed_heads_is_refused_in_words(tmp_path):
    student = trained(tmp_path, "gpt2")
    mixed = replace(student, network=replace(student.network, n_heads=3))
    with pytest.raises(StudyError, match="mixes 3 heads"):
        write(mixed, tmp_path / "out", command="")


def test_a_changed_model_is_not_exported(tmp_path):
    student = trained(tmp_path, "gpt2")
    (tmp_path / "gpt2" / "config.json").write_text("{}")
    with pytest.raises(UnavailableError, match="has changed since the student was trained"):
        write(student, tmp_path / "out", command="")
    assert not (tmp_path / "out").exists()


STUDY = """
    name: small
    tasks: [{name: text, data: rows.jsonl, called: reviews}]
    ladder:
      - {name: one, family: hf, path: gpt2, layers: 1}
      - {name: two, family: hf, path: gpt2}
    methods: [naive]
    splits: {supervisor_train: 30, student_train: 30, validation: 10, test: 20}
    recipe: {epochs: 1, lr: 0.01, curve_points: 0}
    statistics: {resamples: 200}
"""


def test_a_student_of_a_study_is_exported_if_its_weights_were_kept(tmp_path):
    save(tmp_path / "gpt2", "gpt2")
    examples, right = reviews(130)
    texts = zip(examples.table.column("text").to_pylist(), right, strict=True)
    write_lines(tmp_path / "rows.jsonl", [{"text": f"{t} {i}", "label": r} for i, (t, r) in enumerate(texts)])
    path = tmp_path / "study.yaml"
    path.write_text(textwrap.dedent(STUDY))
    study, store = load_study(path), Store(tmp_path / ".w2slab")
    api.run(study, store, executor="inline")
    student = of_study(path)
    with pytest.raises(UnavailableError, match="--keep-checkpoints"):
        write(student, tmp_path / "out", command="")
    store.remove(student.key)
    assert api.run(study, store, executor="inline", options=RunOptions(keep_checkpoint=True)).outcome.done == [
        student.key
    ]
    assert export(path, tmp_path / "out", method="naive", weak="one").is_classifier
    card = (tmp_path / "out" / "README.md").read_text()
    assert "Accuracy of student" in card
    assert "Performance gap recovered" in card
    assert compare(student, tmp_path / "out") < 1e-5
    with pytest.raises(StudyError, match="no student matches"):
        export(study, tmp_path / "other", store=store, method="none")
