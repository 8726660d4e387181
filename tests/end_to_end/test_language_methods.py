"""Every method of the language settings, on texts with classes and on pairs, from a study file to its report."""

from __future__ import annotations

import json

import pytest

from tests.models import small_models
from w2slab.analysis import render
from w2slab.experiment import run as api
from w2slab.graph.store import Store
from w2slab.jobs.options import RunOptions
from w2slab.study.reading import load_study

pytestmark = pytest.mark.slow

STUDY = """
name: language
tasks:
  - {name: text, data: reviews.jsonl, classes: [bad, good]}
  - {name: text, called: pairs, data: pairs.jsonl, candidates: [" {first}", " {second}"]}
ladder:
  - {name: small, family: hf, path: small, max_length: 64}
  - {name: large, family: hf, path: large, max_length: 64}
methods:
  - naive
  - auxiliary-confidence
  - {name: generative-finetuning, lr: 0.003}
  - {name: generative-finetuning, called: all-generative, variant: all, texts: [supervisor_train, student_train]}
  - {name: prompting, instruction: "Bad is 0, good is 1."}
  - {name: prompting, called: prompting-weak, shots: 2}
  - {name: prompting, called: prompting-true, shots: 2, labels: true}
  - linear-probe
  - {name: linear-probe, called: linear-probe-true, labels: true}
  - finetune-then-probe
splits: {supervisor_train: 60, student_train: 60, validation: 20, test: 80}
recipe: {preset: paper-nlp, lr: 0.003, curve_points: 2, batch_size: 20}
statistics: {resamples: 200}
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("language")
    examples, right = small_models.reviews(240)
    texts = examples.table.column("text").to_pylist()
    rows = [
        {"text": f"{i}: {text}", "label": ("bad", "good")[r]}
        for i, (text, r) in enumerate(zip(texts, right, strict=True))
    ]
    write(folder / "reviews.jsonl", rows)
    examples, right = small_models.pairs(240)
    columns = (examples.table.column(name).to_pylist() for name in ("text", "candidates"))
    rows = [
        {"text": f"{i}: {text}", "first": first.strip(), "second": second.strip(), "label": r}
        for i, (text, (first, second), r) in enumerate(zip(*columns, right, strict=True))
    ]
    write(folder / "pairs.jsonl", rows)
    small_models.save(folder / "small", "llama", layers=1, hidden_size=16, head_dim=8)
    small_models.save(folder / "large", "llama", layers=2, std=0.05)
    (folder / "study.yaml").write_text(STUDY)
    study = load_study(folder / "study.yaml")
    store = Store(folder / "store")
    outcome = api.run(study, store, executor="inline", options=RunOptions(device="cpu")).outcome
    assert outcome.exit_code == 0, outcome.failed
    return study, store, outcome


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_every_method_is_judged_on_both_kinds_of_tasks(finished):
    study, store, _ = finished
    results = api.load_results(study, store)
    assert not results.missing
    rows = {(r["task"], r["method"]): r for r in results.reported()}
    assert len(rows) == 2 * 10
    for task in ("text", "pairs"):
        plain, started = rows[task, "naive"], rows[task, "generative-finetuning"]
        assert plain["supervisor_accuracy"] == started["supervisor_accuracy"]
        assert plain["ceiling_accuracy"] == rows[task, "linear-probe"]["ceiling_accuracy"]
    points = {r["stopping_point"] for r in results.summary if r["method"] == "generative-finetuning"}
    assert points == {"last", "weak-labels", "oracle"}


def test_the_report_sets_apart_what_uses_ground_truth_and_what_has_references_of_its_own(finished, tmp_path):
    study, store, _ = finished
    results = api.load_results(study, store)
    assert set(results.uses_truth) == {"prompting-true", "linear-probe-true", "finetune-then-probe"}
    assert set(results.own_references) == {"generative-finetuning", "all-generative"}
    page = api.write_report(study, store, tmp_path / "report").read_text()
    for said in ("linear-probe-true uses ground truth", "all-generative is compared with"):
        assert said in render(results)
        assert said in page


def test_a_finished_study_does_nothing_again_and_its_prompts_are_shared(finished):
    study, store, outcome = finished
    kinds = [key.partition("-")[0] for key in outcome.done]
    # Small and large learn the texts of student_train, and for the variant `all` those of two splits: no small one of
    # the former; zero-shot, weak and true shots; probes with weak and true labels, and after finetuning.
    per_task = {"task": 1, "generative": 3, "prompt": 3, "probe": 3}
    assert {kind: kinds.count(kind) for kind in per_task} == {kind: 2 * n for kind, n in per_task.items()}
    again = api.run(study, store, executor="inline", options=RunOptions(device="cpu"))
    assert (again.outcome.done, len(again.outcome.cached) > 0) == ([], True)
