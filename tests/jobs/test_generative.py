"""Generative finetuning: it learns the texts and no label, holds groups out, and resumes to the same bytes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.jobs.language import folder_of, pairs, plugin, reviews
from tests.small_data import data_in
from w2slab.data import layout
from w2slab.errors import JobError
from w2slab.graph.job import Stopped
from w2slab.jobs.generative import GenerativeSpec, generative, held_out, texts_of
from w2slab.models.linear.linear import Linear


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    return plugin(tmp_path_factory.mktemp("llama"))


@pytest.fixture
def spec(llama):
    return GenerativeSpec(model=llama, epochs=4, batch_size=16, lr=0.01, seed=0)


def test_the_model_learns_to_write_texts_that_it_was_not_shown(bench, spec):
    data = folder_of(bench.root / "data", reviews(200))
    out = bench.run(generative, spec, {"data": data}, "writer")
    facts = bench.facts
    assert facts["held_out_loss_after"] < 0.6 * facts["held_out_loss_before"]
    assert (facts["n_texts"], facts["n_held_out"], facts["steps"]) == (97, 3, 4 * 7)
    assert facts["n_tokens"] > 2 * facts["n_texts"]
    family = spec.model.starting_from(out / "base")
    for before, after in zip(
        spec.model.build_language(0).parameters(),
        family.build_language(0).parameters(),
        strict=True,
    ):
        assert not np.array_equal(before.detach(), after.detach())


# "preferences ignored": every candidate is learned, right or wrong; and no file of labels is opened.
def test_all_candidates_are_learned_and_no_label_is_read(bench, spec, bytes_of):
    data = folder_of(bench.root / "data", pairs(30))
    found = texts_of(data_in(data), ("student_train",))
    assert len(found.texts) == 2 * 15
    assert found.texts[0] == found.texts[1]
    assert found.answers[0] != found.answers[1]
    with_truth = bench.run(generative, replace(spec, epochs=1), {"data": data}, "a")
    layout.truth(data).unlink()
    without = bench.run(generative, replace(spec, epochs=1), {"data": data}, "b")
    assert bytes_of(with_truth / "base") == bytes_of(without / "base")


def test_an_answer_is_read_after_its_text(bench):
    examples, right = reviews(20)
    answers = [f" It is {i}." for i in range(len(examples))]
    examples = replace(examples, table=examples.table.append_column("answer", [answers]))
    found = texts_of(data_in(folder_of(bench.root / "data", (examples, right))), ("student_train", "validation"))
    assert found.answers == answers[:10] + answers[10:15]


def test_groups_are_held_out_whole_and_whatever_their_order():
    groups = [f"g{i // 4}" for i in range(400)]
    chosen = held_out(groups)
    assert chosen.sum() == 3 * 4
    assert all(len(set(chosen[i : i + 4])) == 1 for i in range(0, 400, 4))
    assert np.array_equal(held_out(groups[::-1]), chosen[::-1])
    assert not held_out(["alone"] * 5).any()


# "Killed at any moment and started again, it ends with the same bytes as one that was never killed."
def test_a_stopped_training_goes_on_to_the_same_bytes(bench, spec, bytes_of):
    data = folder_of(bench.root / "data", reviews(100))
    whole = bench.run(generative, spec, {"data": data}, "whole")
    steps = iter(range(100))
    with pytest.raises(Stopped):
        bench.run(generative, spec, {"data": data}, "stopped", stop_requested=lambda: next(steps) == 4)
    (bench.root / "stopped").rmdir()
    again = bench.run(generative, spec, {"data": data}, "stopped")
    assert bytes_of(again / "base") == bytes_of(whole / "base")


def test_what_cannot_be_learned_is_an_error(bench, spec):
    data = folder_of(bench.root / "data", reviews(40))
    linear = Linear("small")
    with pytest.raises(JobError, match="small: no causal language model"):
        bench.run(generative, replace(spec, model=linear), {"data": data}, "a")
    with pytest.raises(JobError, match="no split reserve"):
        bench.run(generative, replace(spec, splits=("reserve",)), {"data": data}, "b")
    toy = bench.prepare("toy")
    with pytest.raises(JobError, match="no column `text`"):
        bench.run(generative, spec, {"data": toy}, "c")
