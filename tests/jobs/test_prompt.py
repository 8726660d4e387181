"""Prompts: what is asked, what a model's answer means, and what is lost when it is too long."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.jobs.language import folder_of, pairs, plugin, reviews
from tests.small_data import data_in
from w2slab.data import layout
from w2slab.data.artifacts import read_predictions, write_predictions
from w2slab.data.labels import Labels
from w2slab.errors import JobError
from w2slab.jobs.prompt import PromptSpec, in_turn, prompt
from w2slab.models.linear.linear import Linear
from w2slab.randomness import rng

SPLITS = ("student_train", "validation", "test")


@pytest.fixture(scope="module", params=["llama", "gpt_neox", "olmo"])
def model(request, tmp_path_factory):
    return plugin(tmp_path_factory.mktemp(request.param), request.param, max_length=64)


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    return plugin(tmp_path_factory.mktemp("llama"), max_length=64)


@pytest.fixture
def data(bench):
    return folder_of(bench.root / "data", reviews(40))


def log_probs(model, text, answers):
    """Sum over an answer's tokens of the log probability of each after all before it, one text at a time."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = model.path
    tokenizer, network = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder).eval()
    found = []
    for answer in answers:
        before = tokenizer(text, return_tensors="pt").input_ids[0]
        ids = tokenizer(text + answer, return_tensors="pt").input_ids[0]
        assert torch.equal(ids[: len(before)], before)
        with torch.no_grad():
            logs = network(ids[None]).logits[0].log_softmax(dim=-1)
        terms = [logs[place - 1, ids[place]].item() for place in range(len(before), len(ids))]
        found.append((sum(terms), len(terms)))
    return np.array(found)


def softmax(scores):
    weights = np.exp(scores - scores.max())
    return weights / weights.sum()


def probs(out, split="test"):
    return read_predictions(out, split).probs


def test_classes_are_chosen_by_the_numbers_that_may_follow(bench, data, model):
    spec = PromptSpec(model=model, instruction="Is it bad, 0, or good, 1?", seed=0)
    out = bench.run(prompt, spec, {"data": data}, "asked")
    assert {path.stem for path in (out / "predictions").iterdir()} == set(SPLITS)
    texts = data_in(data).examples("test").table.column("text").to_pylist()
    for text, found in zip(texts, probs(out), strict=True):
        scores = log_probs(model, f"Is it bad, 0, or good, 1?\n\n{text}\nAnswer:", [" 0", " 1"])[:, 0]
        np.testing.assert_allclose(found, softmax(scores), atol=1e-5)
    assert probs(out).std(axis=0).max() > 0.01


def test_numbers_of_several_tokens_count_all_of_them(bench, llama):
    examples, right = reviews(12)
    many = replace(examples, classes=tuple("abcdefghijk"))
    data = folder_of(bench.root / "data", (many, right))
    out = bench.run(prompt, PromptSpec(model=llama, seed=0), {"data": data}, "asked")
    text = examples.table.column("text")[9].as_py()
    scores = log_probs(llama, f"{text}\nAnswer:", [f" {n}" for n in range(11)])
    assert set(scores[:, 1]) == {1, 2} or set(scores[:, 1]) == {2, 3}
    np.testing.assert_allclose(probs(out)[0], softmax(scores[:, 0]), atol=1e-5)


def test_candidates_are_weighed_by_the_mean_log_probability_of_their_tokens(bench, model):
    data = folder_of(bench.root / "data", pairs(24))
    out = bench.run(prompt, PromptSpec(model=model, seed=0), {"data": data}, "asked")
    examples = data_in(data).examples("test").table
    columns = (examples.column(name).to_pylist() for name in ("text", "candidates"))
    for text, candidates, found in zip(*columns, probs(out), strict=True):
        total, count = log_probs(model, text, candidates).T
        np.testing.assert_allclose(found, softmax(total / count), atol=1e-5)


def test_the_company_in_a_batch_changes_nothing(bench, data, llama):
    spec = PromptSpec(model=llama, seed=0)
    one, all_of_them = (
        bench.run(prompt, spec, {"data": data}, str(size), options={"prediction_batch": size}) for size in (1, 64)
    )
    np.testing.assert_allclose(probs(one), probs(all_of_them), atol=1e-5)


def test_shots_take_classes_in_turn_while_they_last():
    order, classes = np.array([4, 2, 0, 3, 1, 5]), np.array([0, 1, 0, 0, 0, 1])
    assert in_turn(order, classes).tolist() == [4, 1, 2, 5, 0, 3]


def test_all_examples_are_asked_after_the_same_shots(bench, data, llama):
    model = replace(llama, max_length=64)
    out = bench.run(prompt, PromptSpec(model=model, shots=2, labels="true", seed=3), {"data": data}, "asked")
    table, right = data_in(data).examples("student_train"), data_in(data).truth("student_train").right
    labels = np.array([r[0] for r in right])
    drawn = in_turn(rng(3, "shots").permutation(len(labels)), labels)[:2]
    assert set(labels[drawn]) == {0, 1}
    texts = table.table.column("text").to_pylist()
    shots = "".join(f"{texts[i]}\nAnswer: {labels[i]}\n\n" for i in drawn)
    asked = data_in(data).examples("test").table.column("text").to_pylist()
    for text, found in zip(asked, probs(out), strict=True):
        scores = log_probs(model, f"{shots}{text}\nAnswer:", [" 0", " 1"])[:, 0]
        np.testing.assert_allclose(found, softmax(scores), atol=1e-5)
    assert bench.facts["n_examples_that_lost_shots"] == dict.fromkeys(SPLITS, 0)


def weak_labels(folder: Path, data: Path) -> Path:
    """Labels of which every one says class 1."""
    examples = data_in(data).examples("student_train")
    sure = np.tile(np.array([0.2, 0.8], dtype=np.float32), (len(examples), 1))
    positions = data_in(data).positions("student_train")
    write_predictions(folder, "student_train", Labels(positions, sure, examples.n_candidates))
    return folder


# "True labels of student_train never reach a student."
def test_weak_shots_read_no_true_label(bench, data, llama, bytes_of):
    inputs = {"data": data, "labels": weak_labels(bench.root / "weak", data)}
    spec = PromptSpec(model=llama, shots=2, labels="weak", seed=0)
    before = bench.run(prompt, spec, inputs, "before")
    layout.truth(data).unlink()
    assert bytes_of(before) == bytes_of(bench.run(prompt, spec, inputs, "after"))


def test_what_is_too_long_loses_shots_first_and_then_text_on_the_left(bench, llama):
    examples, right = reviews(40)
    texts = examples.table.column("text").to_pylist()
    texts[30:] = [("the film was seen by many " * (5 if i % 2 else 40)) + text for i, text in enumerate(texts[30:])]
    columns = examples.table.set_column(2, "text", [texts])
    data = folder_of(bench.root / "data", (replace(examples, table=columns), right))
    many = bench.run(prompt, PromptSpec(model=llama, shots=9, labels="true", seed=0), {"data": data}, "many")
    lost = bench.facts["n_examples_that_lost_shots"]
    none = bench.run(prompt, PromptSpec(model=llama, seed=0), {"data": data}, "none")
    assert lost["test"] == 10
    np.testing.assert_allclose(probs(many)[::2], probs(none)[::2], atol=1e-6)  # these lost all of them
    assert np.abs(probs(many, "validation") - probs(none, "validation")).max() > 1e-3


def test_what_cannot_be_asked_is_an_error(bench, data, llama):
    spec = PromptSpec(model=llama, seed=0)
    linear = Linear("small")
    with pytest.raises(JobError, match="small: no causal language model"):
        bench.run(prompt, replace(spec, model=linear), {"data": data}, "a")
    with pytest.raises(JobError, match="shots: 21 are asked for and student_train has 20"):
        bench.run(prompt, replace(spec, shots=21, labels="true"), {"data": data}, "b")
    with pytest.raises(JobError, match='"weak" does not go with 1 shots and the inputs given'):
        bench.run(prompt, replace(spec, shots=1, labels="weak"), {"data": data}, "c")
    examples, right = pairs(12)
    candidates = [["", "x"] for _ in right]
    empty = replace(examples, table=examples.table.set_column(3, "candidates", [candidates]))
    with pytest.raises(JobError, match="a candidate is empty"):
        bench.run(prompt, spec, {"data": folder_of(bench.root / "pairs", (empty, right))}, "d")
    alone = empty.table.set_column(2, "text", [[""] * 12]).set_column(3, "candidates", [[["x", "x."]] * 12])
    with pytest.raises(JobError, match="one token with nothing before it"):
        bench.run(prompt, spec, {"data": folder_of(bench.root / "alone", (replace(empty, table=alone), right))}, "e")
