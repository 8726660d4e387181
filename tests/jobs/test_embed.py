"""Frozen features: what the embed job writes for each family, and how it is found again."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from tests.jobs.language import folder_of, pairs, plugin, reviews
from tests.small_data import data_in
from w2slab.data import artifacts
from w2slab.data.artifacts import read_examples, read_task_facts, write_positions
from w2slab.data.layout import SPLITS
from w2slab.errors import DataError, JobError
from w2slab.graph.job import JobContext
from w2slab.jobs import encoded_cache
from w2slab.jobs.embed import EmbedSpec, embed
from w2slab.jobs.features import features, read_features
from w2slab.jobs.prepare import TaskSpec, task
from w2slab.jobs.setup import running_of
from w2slab.models.chessformer.chessformer import Chessformer
from w2slab.models.linear.linear import Linear
from w2slab.tasks.chess.puzzle_task import Chess
from w2slab.tasks.toy import Toy

LINEAR = Linear("big", n_features=32)


def chess(bench):
    return bench.data(Chess(), {"student_train": 25, "test": 20}, "puzzles")


RUNG = Chessformer("chess-8k")


def test_a_task_is_a_table_of_every_example_that_any_seed_may_split_and_its_truth_stands_apart(bench):
    row = Toy(n_examples=300, majority=0.8)
    out = bench.run(task, TaskSpec(task=row), {}, "table")
    assert {path.name for path in out.iterdir()} == {"examples.parquet", "truth.parquet", "task.json"}
    whole = read_examples(out)
    assert read_task_facts(out)["n_examples"] == bench.facts["n_examples"] == len(whole)
    assert len(whole) < 300  # balanced
    assert "right" not in whole.table.column_names
    sizes = {"student_train": 20, "validation": 20, "test": 20}
    for seed in (0, 1):
        data = data_in(bench.data(row, sizes, f"data {seed}", seed))
        assert data.all_examples.ids == whole.ids
        for split in sizes:
            assert data.examples(split).ids == [whole.ids[i] for i in data.positions(split)]


def test_features_of_every_split_are_what_the_head_reads(bench):
    data = bench.prepare()
    out = bench.run(embed, EmbedSpec(model=LINEAR), {"data": data}, "features")
    assert {path.stem for path in (out / "features").iterdir()} == set(SPLITS)
    for split in SPLITS:
        examples = data_in(data).examples(split)
        stored = artifacts.read_features(out, split)
        np.testing.assert_array_equal(stored.positions, data_in(data).positions(split))
        assert (stored.n_rows == 1).all()
        expected = np.array(examples.table.column("features").to_pylist(), dtype=np.float32)[:, 32:64]
        np.testing.assert_array_equal(stored.values, expected)
        assert isinstance(stored.values, np.memmap)
        assert not stored.values.flags.writeable
    n_rows = {split: len(data_in(data).examples(split)) for split in SPLITS}
    total = sum(n_rows.values())
    expected_facts = {"n_features": 32, "n_rows": n_rows, "bytes": 4 * 32 * total, "n_parameters": 66, "device": "cpu"}
    assert expected_facts.items() <= bench.facts.items()
    json.dumps(bench.facts)


def test_features_of_the_whole_task_serve_every_split(bench):
    data = bench.prepare()
    whole = bench.run(embed, EmbedSpec(model=LINEAR), {"task": data}, "whole")
    own = bench.run(embed, EmbedSpec(model=LINEAR), {"data": data}, "own")
    for split in SPLITS:
        expected = artifacts.read_features(own, split).values
        for folder in (whole, own):
            np.testing.assert_array_equal(read_features(folder, data_in(data), split), expected)


def test_a_candidate_has_a_row_and_a_position_may_have_one(bench):
    data = chess(bench)
    given = {
        readout: bench.run(embed, EmbedSpec(model=RUNG, readout=readout), {"data": data}, readout)
        for readout in ("head", "state", "with-state")
    }
    examples = data_in(data).examples("test")
    moves, positions, both = (artifacts.read_features(folder, "test") for folder in given.values())
    assert (moves.n_rows == examples.n_candidates).all()
    assert (positions.n_rows == 1).all()
    assert len(moves.values) == examples.n_candidates.sum()
    expected = np.concatenate([moves.values, np.repeat(positions.values, examples.n_candidates, axis=0)], axis=1)
    np.testing.assert_allclose(both.values, expected, atol=1e-6)
    some = bench.root / "some"
    shutil.copytree(data, some)
    write_positions(some, {"test": data_in(data).positions("test")[[7, 2]]}, {})
    rows = [np.arange(moves.firsts[i], moves.firsts[i] + moves.n_rows[i]) for i in (7, 2)]
    np.testing.assert_array_equal(
        read_features(given["head"], data_in(some), "test"), moves.values[np.concatenate(rows)]
    )
    np.testing.assert_array_equal(read_features(given["state"], data_in(some), "test"), positions.values[[7, 2]])


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    return plugin(tmp_path_factory.mktemp("llama"), std=0.03)


@pytest.mark.parametrize("task", [reviews, pairs])
def test_texts_are_read_where_it_was_asked(bench, llama, task):
    data = folder_of(bench.root / "data", task(40))
    examples = data_in(data).examples("test")
    family = llama
    running = running_of(JobContext(inputs={}, out=bench.root, work=bench.root), "fp32")
    encoded = encoded_cache.encoded(family, examples, None)
    found = {}
    for readout, layer in (("head", None), ("last", None), ("mean", None), ("first", None), ("last", 1), ("last", 2)):
        spec = EmbedSpec(model=llama, readout=readout, layer=layer)
        out = bench.run(embed, spec, {"data": data}, f"{readout} {layer}")
        found[readout, layer] = artifacts.read_features(out, "test").values
    network = family.build(examples, 0)
    own = features(network, encoded, examples.classes is not None, running)
    np.testing.assert_array_equal(found["head", None], own)
    np.testing.assert_array_equal(found["last", None], own)
    np.testing.assert_allclose(found["last", 2], own, atol=1e-6)  # a model of two blocks
    unlike = [found[key] for key in (("last", None), ("mean", None), ("first", None), ("last", 1))]
    assert all(np.abs(a - b).max() > 1e-3 for i, a in enumerate(unlike) for b in unlike[:i])


def test_features_are_those_of_a_model_that_has_learned_to_write(bench, llama):
    data = folder_of(bench.root / "data", reviews(40))
    other = plugin(bench.root / "other", std=0.3)
    other.save_base(other.build_language(0), bench.root / "start" / "base")
    plain = bench.run(embed, EmbedSpec(model=llama), {"data": data}, "plain")
    started = bench.run(embed, EmbedSpec(model=llama), {"data": data, "start": bench.root / "start"}, "started")
    direct = bench.run(embed, EmbedSpec(model=plugin(bench.root / "start" / "base")), {"data": data}, "direct")
    values = [artifacts.read_features(folder, "test").values for folder in (plain, started, direct)]
    np.testing.assert_array_equal(values[1], values[2])
    assert np.abs(values[0] - values[1]).max() > 1e-3
    with pytest.raises(JobError, match="cannot start from a language model"):
        bench.run(embed, EmbedSpec(model=LINEAR), {"data": bench.prepare("toy"), "start": bench.root}, "linear")


@pytest.mark.parametrize(
    ("model", "readout", "layer", "words"),
    [
        (LINEAR, "mean", None, 'readout: "mean" is not known; allowed: head'),
        (LINEAR, "head", 1, "a linear model has none"),
        (RUNG, "last", None, "allowed: head, state, with-state"),
        (RUNG, "head", 1, 'read out "state"'),
        (RUNG, "state", 99, "layer: 99 is not there; the network has"),
        (None, "state", None, "allowed: head, last, mean, first, pooler"),
        (None, "last", 3, "layer: 3 is not there; the model has 2 blocks"),
    ],
)
def test_what_a_model_cannot_give_is_refused_with_what_it_can(bench, llama, model, readout, layer, words):
    data = bench.prepare() if model is LINEAR else None
    data = data or (chess(bench) if model is RUNG else folder_of(bench.root / "data", reviews(20)))
    with pytest.raises((JobError, DataError), match=words):
        bench.run(embed, EmbedSpec(model=model or llama, readout=readout, layer=layer), {"data": data}, "features")


def test_an_encoder_is_read_by_its_pooler_and_a_decoder_has_none(bench, llama):
    data = folder_of(bench.root / "data", reviews(20))
    bert = plugin(bench.root / "bert", "bert")
    pooled, first = (
        artifacts.read_features(bench.run(embed, EmbedSpec(model=bert, readout=r), {"data": data}, r), "test").values
        for r in ("pooler", "first")
    )
    assert np.abs(pooled).max() < 1  # a tanh
    assert np.abs(pooled - first).max() > 1e-3
    with pytest.raises(Exception, match="readout: pooler: a decoder has none"):
        bench.run(embed, EmbedSpec(model=llama, readout="pooler"), {"data": data}, "llama")
    with pytest.raises(DataError, match="a pooler reads the last block alone"):
        bench.run(embed, EmbedSpec(model=bert, readout="pooler", layer=1), {"data": data}, "layer")
