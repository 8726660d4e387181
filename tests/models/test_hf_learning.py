"""Full, LoRA and head-only training of a decoder and an encoder: each learns, and stopping changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.models import small_models
from w2slab.models.hf.huggingface import HuggingFace
from w2slab.objectives import CrossEntropy
from w2slab.training import batches
from w2slab.training.classification import Training, finetune
from w2slab.training.loop import Running
from w2slab.training.placement import Placement
from w2slab.training.predict import predict
from w2slab.training.recipe import Recipe

pytestmark = pytest.mark.slow

KINDS = ["llama", "bert"]
TUNINGS = {"full": 3e-3, "lora": 1e-2, "head": 0.1}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    place = tmp_path_factory.mktemp("models")
    return {kind: small_models.save(place / kind, kind, std=0.05) for kind in KINDS}


def family(folders, kind, tuning):
    return HuggingFace("tiny", path=folders[kind], tuning=tuning, readout="last" if kind == "llama" else "mean")


def training(model, made, labels, **recipe):
    examples = batches.encode(model, made)
    targets = np.eye(examples.n_candidates.max(), dtype=np.float32)[labels]
    asked = Recipe(curve_points=0, **recipe)
    return Training(examples, targets, made.classes is not None, CrossEntropy(), asked, seed=1)


def running(**options):
    return Running(Placement("cpu"), **options)


def accuracy(network, model, made, labels):
    probs = predict(network, batches.encode(model, made), running().placement, 64)
    return float((probs.argmax(axis=1) == labels).mean())


# "LoRA, full and head-only on a decoder and an encoder: each learns (a tiny separable task to 95 %)."
@pytest.mark.parametrize("tuning", TUNINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_it_learns_a_separable_task_and_changes_what_it_should(folders, kind, tuning):
    model = family(folders, kind, tuning)
    made, labels = small_models.reviews(128)
    network = model.build(made, seed=0)
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    finetune(network, training(model, made, labels, epochs=10, batch_size=16, lr=TUNINGS[tuning]), running())
    assert accuracy(network, model, *small_models.reviews(100, seed=9)) >= 0.95
    changed = {name for name, p in network.named_parameters() if not torch.equal(p, before[name])}
    assert changed == {name for name, p in network.named_parameters() if p.requires_grad}
    parts = {"full": lambda n: True, "lora": lambda n: "lora_" in n or n == "head.weight", "head": "head.weight".__eq__}
    assert changed == {name for name in before if parts[tuning](name)}


def test_the_better_of_two_answers_is_learned_by_one_score_for_each(folders):
    model = family(folders, "llama", "full")
    made, right = small_models.pairs(64)
    network = model.build(made, seed=0)
    assert network.head.weight.shape == (1, 32)
    finetune(network, training(model, made, right, epochs=8, batch_size=16, lr=3e-3), running())
    assert accuracy(network, model, *small_models.pairs(100, seed=9)) >= 0.95


# "resumes after a kill with the same bytes"
@pytest.mark.parametrize("tuning", TUNINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_stopped_training_goes_on_to_the_same_bytes(folders, kind, tuning, tmp_path):
    model = family(folders, kind, tuning)
    made, labels = small_models.reviews(40)
    asked = training(model, made, labels, epochs=2, batch_size=8, lr=TUNINGS[tuning])
    straight, stopped, resumed = (model.build(made, seed=0) for _ in range(3))
    finetune(straight, asked, running())
    stops = iter([False] * 3 + [True])
    assert finetune(stopped, asked, running(work=tmp_path, stop_requested=lambda: next(stops))) is None
    torch.manual_seed(99)  # what others draw in between does not matter
    finetune(resumed, asked, running(work=tmp_path))
    for (name, a), (_, b) in zip(straight.state_dict().items(), resumed.state_dict().items(), strict=True):
        assert torch.equal(a, b), name
