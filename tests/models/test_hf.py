"""The family: what a study may write, adapters, and language models that learn, are written and are read again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from tests.models import small_models
from w2slab import registry
from w2slab.data.examples import Examples
from w2slab.errors import DataError, StudyError, UnavailableError
from w2slab.models.hf import huggingface as hf
from w2slab.models.hf.huggingface import HuggingFace
from w2slab.training.language import learn_language, mean_loss
from w2slab.training.loop import Running
from w2slab.training.placement import Placement
from w2slab.training.schedules import WarmupStableDecay


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    return small_models.save(tmp_path_factory.mktemp("models") / "llama", "llama", 3)


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return small_models.save(tmp_path_factory.mktemp("models") / "bert", "bert")


@pytest.fixture(scope="module")
def adapter(tmp_path_factory, llama):
    """A LoRA adapter of the first model, as peft writes it."""
    import warnings

    from peft import LoraConfig, get_peft_model

    from w2slab.models.hf import hf_loading
    from w2slab.models.hf.hf_sources import Checkpoint

    folder = tmp_path_factory.mktemp("adapter")
    model, _ = hf_loading.load(Checkpoint(llama), causal=True, layers=None, adapter=None)
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft asks transformers for what will be removed
        torch.manual_seed(0)
        adapted = get_peft_model(model, LoraConfig(r=2, target_modules="all-linear", init_lora_weights=False))
        adapted.save_pretrained(folder)
    return folder


def test_the_module_imports_without_torch():
    code = "import sys, w2slab.models.hf.huggingface; assert not {'torch', 'transformers', 'peft'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"model": "a/b", "path": Path("x")}, "model and path each say where the weights are"),
        ({"path": Path("x"), "package": "x/y"}, "path and package each say"),
        ({"revision": "main"}, "revision is that of a Hub model"),
        ({"path": Path("x"), "revision": "main"}, "revision is that of a Hub model"),
    ],
)
def test_clashing_fields_are_refused(fields, words):
    with pytest.raises(ValueError, match=words):
        HuggingFace("m", **fields)
    with pytest.raises(StudyError, match=words):
        registry.build("models", "hf", {"name": "m", **fields})


def test_an_adapter_is_no_model(adapter):
    with pytest.raises(
        ValueError, match=r"is a LoRA adapter; give it as `adapter`, and the model .* as `model` or `path`"
    ):
        HuggingFace("m", path=adapter)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"layers": 4}, "m: layers: 4: the model has 3"),
        ({"max_length": 65}, "m: max_length: 65: the model takes 64 tokens at most"),
        ({"readout": "pooler"}, "m: readout: pooler: a decoder has none"),
    ],
)
def test_what_does_not_suit_the_model_is_said_when_a_study_is_planned(llama, fields, words):
    with pytest.raises(StudyError, match=words):
        HuggingFace("m", path=llama, **fields).resolved()


def test_an_encoder_has_no_output_embeddings(bert):
    with pytest.raises(StudyError, match="head: unembedding: an encoder has no output embeddings"):
        HuggingFace("m", path=bert, head="unembedding").resolved()


@pytest.mark.parametrize("fields", [{"tuning": "lora"}, {"adapter": Path("x")}])
def test_a_missing_peft_is_said_when_a_study_is_planned(monkeypatch, llama, fields):
    monkeypatch.setattr(hf, "find_spec", lambda name: None)
    with pytest.raises(UnavailableError, match=r'peft is not installed; pip install "w2slab\[lora\]"'):
        HuggingFace("m", path=llama, **fields).resolved()


def test_a_task_without_text_is_refused(llama):
    family = HuggingFace("m", path=llama)
    numbers = Examples(pa.table({"id": ["x"], "features": [[1.0]]}), ("a", "b"))
    with pytest.raises(DataError, match="m: text models read the column `text`; this task has none"):
        family.encode(numbers)
    with pytest.raises(DataError, match="neither common classes nor the column `candidates`"):
        family.build(Examples(pa.table({"id": ["x"], "text": ["y"]})), 0)


def test_a_tokenizer_that_knows_more_than_its_model_is_an_error(tmp_path):
    folder = small_models.save(tmp_path, "llama", vocab_size=200)
    made, _ = small_models.reviews(4)
    with pytest.raises(DataError, match="the model knows 200; do the two belong together"):
        HuggingFace("m", path=folder).encode(made)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`")
@torch.no_grad()
def test_an_adapter_is_merged_into_its_model(llama, adapter):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    ids = torch.arange(4, 12)[None]
    expected = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(llama), adapter)(ids).logits
    family = HuggingFace("m", path=llama, adapter=adapter)
    merged = family.build_language(0)
    torch.testing.assert_close(merged(ids).logits, expected, atol=1e-5, rtol=0)
    assert not torch.allclose(HuggingFace("m", path=llama).build_language(0)(ids).logits, expected, atol=0.01)
    made, _ = small_models.reviews(4)
    network = family.build(made, 0)
    assert not [name for name, _ in network.named_parameters() if "lora" in name]
    cut = HuggingFace("m", path=llama, adapter=adapter, layers=1).build(made, 0)
    whole = dict(network.base.named_parameters())
    assert all(torch.equal(parameter, whole[name]) for name, parameter in cut.base.named_parameters())


def test_an_adapter_of_another_model_is_an_error(adapter, tmp_path, llama):
    made, _ = small_models.reviews(4)
    for kind, changes in (("llama", {"hidden_size": 64}), ("gpt2", {})):
        other = small_models.save(tmp_path / kind, kind, 3, **changes)
        with pytest.raises(DataError, match=str(adapter)):
            HuggingFace("m", path=other, adapter=adapter).build(made, 0)
    with pytest.raises(DataError, match=r"adapter_model.safetensors: no such file"):
        HuggingFace("m", path=llama, adapter=tmp_path).build(made, 0)


# Generative finetuning: a language model learns texts, is written, and is what finetuning starts from.
@pytest.mark.parametrize("tuning", ["full", "lora"])
def test_a_language_model_learns_is_written_and_is_started_from(llama, tuning, tmp_path):
    family = HuggingFace("m", path=llama, layers=2, tuning=tuning)
    assert family.generates
    network = family.build_language(seed=0)
    rows = family.tokens(["the film was", "people had read"] * 8, [" good", " about it"] * 8)
    running = Running(Placement("cpu"))
    before = mean_loss(network, rows, running, 8)
    schedule = WarmupStableDecay(steps=12, lr=1e-2, warmup_steps=1)
    learn_language(network, rows, schedule, running, {}, batch_size=8)
    after = mean_loss(network, rows, running, 8)
    assert after < before - 0.5
    family.save_base(network, tmp_path / "base")
    started = family.starting_from(tmp_path / "base")
    assert started.resolved() == started
    assert started.reads() == family.reads()
    assert mean_loss(started.build_language(0), rows, running, 8) == pytest.approx(after, abs=1e-4)
    made, _ = small_models.reviews(4)
    learned, fresh = (each.build(made, 0).base for each in (started, family))
    assert learned.config.num_hidden_layers == 2
    name = "embed_tokens.weight" if tuning == "full" else "layers.0.mlp.up_proj.weight"
    weights = [dict(base.named_parameters()) for base in (learned, fresh)]
    name = name if name in weights[0] else name.replace("weight", "base_layer.weight")
    assert not torch.equal(weights[0][name], weights[1][name])
    again = tmp_path / "again"
    family.save_base(network, again)
    assert {p.name: p.read_bytes() for p in again.iterdir()} == {
        p.name: p.read_bytes() for p in (tmp_path / "base").iterdir()
    }


def test_what_is_written_is_an_ordinary_folder(llama, tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    family = HuggingFace("m", path=llama)
    network = family.build_language(0)
    family.save_base(network, tmp_path)
    model, tokenizer = AutoModelForCausalLM.from_pretrained(tmp_path), AutoTokenizer.from_pretrained(tmp_path)
    assert model.config.use_cache
    ids = torch.tensor([tokenizer("the film was good")["input_ids"]])
    with torch.no_grad():
        assert torch.equal(model(ids).logits, network(ids).logits)


def test_an_encoder_continues_no_texts(bert):
    family = HuggingFace("m", path=bert)
    assert not family.generates
    with pytest.raises(DataError, match="m: an encoder does not continue texts"):
        family.build_language(0)


def test_the_rows_of_a_batch_say_how_long_they_are(llama):
    family = HuggingFace("m", path=llama, max_length=8)
    made, _ = small_models.reviews(6)
    rows = family.encode(made)
    assert family.lengths(rows).max() <= 8
    assert family.notes(rows).keys() == {"n_truncated", "n_answers_cut"}
    batch = family.collate(rows, np.array([4, 2]))
    assert batch["attention_mask"].sum(dim=1).tolist() == family.lengths(rows)[[4, 2]].tolist()
