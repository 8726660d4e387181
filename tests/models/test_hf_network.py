"""The network: where it reads, what its head begins with, and that company in a batch changes nothing."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.models import small_models
from w2slab.data.examples import Examples
from w2slab.errors import DataError, StudyError
from w2slab.models.hf import hf_network
from w2slab.models.hf.hf_network import HIDDEN
from w2slab.models.hf.huggingface import HuggingFace
from w2slab.models.hf.pooling import read_out

DECODERS = ["llama", "gpt2", "gpt_neox", "qwen3"]
ENCODERS = ["bert", "modernbert", "roberta"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    place = tmp_path_factory.mktemp("models")
    return {kind: small_models.save(place / kind, kind) for kind in DECODERS + ENCODERS}


def family(folder, **fields):
    return HuggingFace("tiny", path=folder, max_length=48, **fields)


def with_random_head(network):
    torch.nn.init.normal_(network.head.weight, generator=torch.Generator().manual_seed(3))
    return network


def left_padded(batch):
    ids, mask = torch.full_like(batch["input_ids"], 5), torch.zeros_like(batch["attention_mask"])
    for row, n in enumerate(batch["attention_mask"].sum(dim=1).tolist()):
        ids[row, -n:] = batch["input_ids"][row, :n]
        mask[row, -n:] = 1
    return batch | {"input_ids": ids, "attention_mask": mask}


# "Same logits in any batch company (to 1e-5)"; "a token with id 0 inside a text, left padding, right padding".
@pytest.mark.parametrize("kind", DECODERS + ENCODERS)
@pytest.mark.parametrize("readout", ["last", "mean", "first"])
@torch.no_grad()
def test_company_and_the_side_of_padding_change_nothing(folders, kind, readout):
    model = family(folders[kind], readout=readout)
    made, _ = small_models.reviews(12)
    texts = [*made.table.column("text").to_pylist(), f"good {small_models.END} bad {small_models.END}", "", "a"]
    made = Examples(pa.table({"id": list(map(str, range(len(texts)))), "text": texts}), ("bad", "good"))
    network, rows = with_random_head(model.build(made, seed=0)), model.encode(made)
    together = model.collate(rows, np.arange(len(texts)))
    logits = network(**together)
    alone = torch.cat([network(**model.collate(rows, np.array([i]))) for i in range(len(texts))])
    torch.testing.assert_close(alone, logits, atol=1e-5, rtol=0)
    torch.testing.assert_close(network(**left_padded(together)), logits, atol=1e-5, rtol=0)
    assert logits.std(dim=0).min() > (0.01 if readout != "first" or kind in ENCODERS else -1)


@pytest.mark.parametrize("kind", ["llama", "gpt2", "bert"])
@pytest.mark.parametrize("side", [dict, left_padded], ids=["right", "left"])
def test_computing_a_batch_in_parts_of_like_length_changes_nothing_but_rounding(folders, kind, side, monkeypatch):
    model = family(folders[kind])
    made, _ = small_models.reviews(12)
    batch = side(model.collate(model.encode(made), np.arange(12)))
    results = []
    for overhead, parts in ((1000, 1), (0, 2 if side is dict else 1)):
        monkeypatch.setitem(hf_network.OVERHEAD, "cpu", overhead)
        network = with_random_head(model.build(made, 0))
        calls = []
        network.base.register_forward_hook(lambda *_, calls=calls: calls.append(1))
        logits = network(**batch)
        assert len(calls) >= parts
        assert parts > 1 or len(calls) == 1
        logits.square().sum().backward()
        results.append((logits.detach(), [p.grad for p in network.parameters()]))
    (whole, gradients), (split, same) = results
    torch.testing.assert_close(split, whole, atol=1e-5, rtol=0)
    for a, b in zip(gradients, same, strict=True):
        torch.testing.assert_close(b, a, rtol=1e-3, atol=1e-4)


# "Reads out at the last real token by attention mask (never `id is not 0`)"
def test_the_read_out_follows_the_mask_alone():
    hidden = torch.arange(12.0).view(2, 3, 2)
    mask = torch.tensor([[1, 1, 0], [0, 0, 1]])

    class States:
        last_hidden_state = hidden
        pooler_output = "what the pooler says"

    assert read_out(States, mask, "last").tolist() == [[2, 3], [10, 11]]
    assert read_out(States, mask, "first").tolist() == [[0, 1], [10, 11]]
    assert read_out(States, mask, "mean").tolist() == [[1, 2], [10, 11]]
    assert read_out(States, mask, "pooler") == "what the pooler says"


def test_candidates_that_an_example_lacks_have_a_large_negative_finite_logit(folders):
    model = family(folders["llama"])
    table = pa.table({"id": ["x", "y"], "text": ["the", "a"], "candidates": [[" film", " papers", " people"], [" by"]]})
    made = Examples(table)
    network = model.build(made, seed=0)
    batch = model.collate(model.encode(made), np.array([0, 1]))
    logits = network(**batch)
    assert logits.shape == (2, 3)
    assert logits.dtype == torch.float32
    assert logits[1, 1:].tolist() == [HIDDEN, HIDDEN]
    scores = network.features(**batch) @ network.head.weight[0]
    torch.testing.assert_close(logits[logits > HIDDEN], scores)
    logits.softmax(dim=1)[:, 0].sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters())


# "Head: initialised from the unembedding rows of tokens "0" and "1"" (Burns et al. 2023, appendix A.1)
@pytest.mark.parametrize("kind", ["llama", "gpt_neox"])
def test_the_head_of_a_decoder_begins_with_unembedding_rows(folders, kind):
    model = family(folders[kind])
    made, _ = small_models.reviews(4)
    weights = load_file(folders[kind] / "model.safetensors")
    rows = weights["embed_out.weight" if kind == "gpt_neox" else "model.embed_tokens.weight"]
    vocabulary = model.reader.tokenizer.get_vocab()
    expected = rows[[vocabulary["0"], vocabulary["1"]]]
    assert torch.equal(model.build(made, 0).head.weight, expected)
    pairs, _ = small_models.pairs(2)
    assert torch.equal(model.build(pairs, 0).head.weight, rows[[vocabulary["1"]]])
    assert not family(folders[kind], head="zero").build(made, 0).head.weight.any()


def test_a_class_whose_number_is_no_token_makes_the_head_zero(folders):
    made, _ = small_models.reviews(4)
    many = Examples(made.table, tuple(map(str, range(11))))
    assert not family(folders["llama"]).build(many, 0).head.weight.any()
    with pytest.raises(DataError, match="a number of a class is no token of its own; choose head: zero"):
        family(folders["llama"], head="unembedding").build(many, 0)


def test_the_head_of_an_encoder_begins_with_zero(folders):
    made, _ = small_models.reviews(4)
    assert not family(folders["bert"]).build(made, 0).head.weight.any()


# "`auto` for encoders: what a sentence-transformers folder says, else pooler if its weights are there, else first"
def test_an_encoder_is_read_as_it_was_made(tmp_path):
    made, _ = small_models.reviews(4)
    folder = small_models.save(tmp_path / "bert", "bert")
    assert family(folder).build(made, 0).readout == "pooler"
    assert family(folder).build(made, 0).base.pooler is not None
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(
        '{"pooling_mode_mean_tokens": true, "pooling_mode_cls_token": false}'
    )
    network = family(folder).build(made, 0)
    assert network.readout == "mean"
    assert network.base.pooler is None
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_max_tokens": true}')
    with pytest.raises(DataError, match="pooling_mode_max_tokens: not known; choose `readout`"):
        family(folder).build(made, 0)
    masked = small_models.save(tmp_path / "masked", "bert", auto="AutoModelForMaskedLM")
    assert family(masked).build(made, 0).readout == "first"
    with pytest.raises(DataError, match=r"weights are missing: pooler.*; it has no pooler, so choose another readout"):
        family(masked, readout="pooler").build(made, 0)


# "`layers: n` keeps the first n blocks of a model, so that a ladder can be cut from one checkpoint"
@pytest.mark.parametrize("kind", ["llama", "gpt2", "qwen3", "bert", "modernbert"])
@torch.no_grad()
def test_the_first_blocks_alone_are_what_the_whole_model_computes_up_to_there(tmp_path, kind):
    folder = small_models.save(tmp_path, kind, 3)
    made, _ = small_models.reviews(4)
    whole, part = (family(folder, layers=n, readout="first").build(made, 0) for n in (None, 1))
    batch = family(folder).collate(family(folder).encode(made), np.arange(4))
    states = whole.base(**batch, output_hidden_states=True).hidden_states[1]
    norm = next((m for n, m in part.base.named_children() if n in ("norm", "ln_f", "final_norm")), lambda x: x)
    torch.testing.assert_close(part.base(**batch).last_hidden_state, norm(states), atol=1e-5, rtol=0)
    assert part.base.config.num_hidden_layers == 1
    assert len(getattr(part.base.config, "layer_types", None) or [0]) == 1
    assert family(folder, layers=1).n_parameters() < family(folder).n_parameters()


@pytest.mark.parametrize("kind", DECODERS + ENCODERS)
def test_parameters_are_counted_without_reading_a_weight(folders, kind):
    made, _ = small_models.reviews(4)
    readout = "pooler" if kind in ("bert", "roberta") else "auto"
    base = family(folders[kind], readout=readout).build(made, 0).base
    assert family(folders[kind]).n_parameters() == sum(p.numel() for p in base.parameters())


def test_weights_on_disk_in_half_precision_are_computed_in_full(tmp_path):
    folder = small_models.save(tmp_path, "llama")
    halves = {name: tensor.half() for name, tensor in load_file(folder / "model.safetensors").items()}
    save_file(halves, folder / "model.safetensors", {"format": "pt"})
    made, _ = small_models.reviews(4)
    network = family(folder).build(made, 0)
    assert {p.dtype for p in network.parameters()} == {torch.float32}


def test_weights_that_are_missing_or_left_over_are_an_error(tmp_path):
    folder = small_models.save(tmp_path, "llama")
    made, _ = small_models.reviews(4)
    weights = load_file(folder / "model.safetensors")
    lost = weights.pop("model.layers.1.mlp.up_proj.weight")
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(DataError, match=r"weights are missing: layers.1.mlp.up_proj.weight"):
        family(folder).build(made, 0)
    family(folder, layers=1).build(made, 0)  # it needs no second block
    weights |= {"model.layers.1.mlp.up_proj.weight": lost, "model.layers.0.extra.weight": lost.clone()}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(DataError, match=r"weights for which the model has no place: model.layers.0.extra.weight"):
        family(folder).build(made, 0)


def test_a_decoder_without_output_embeddings_reads_but_cannot_continue_texts(tmp_path):
    folder = small_models.save(tmp_path, "llama", auto="AutoModel", tie_word_embeddings=False)
    made, _ = small_models.reviews(4)
    assert not family(folder).build(made, 0).head.weight.any()
    with pytest.raises(DataError, match="head: unembedding: it has no output embeddings"):
        family(folder, head="unembedding").build(made, 0)
    with pytest.raises(DataError, match="its output embeddings are missing"):
        family(folder).build_language(0)


@pytest.mark.parametrize("tuning", ["full", "lora", "head"])
def test_only_what_is_trained_has_gradients_and_nothing_is_drawn_globally(folders, tuning):
    made, _ = small_models.reviews(4)
    model = family(folders["llama"], tuning=tuning)
    torch.manual_seed(5)
    state = torch.get_rng_state()
    networks = [model.build(made, seed) for seed in (1, 1, 2)]
    assert torch.equal(torch.get_rng_state(), state)
    assert not networks[0].training
    batch = model.collate(model.encode(made), np.arange(4))
    with_random_head(networks[0])(**batch).sum().backward()
    for name, parameter in networks[0].named_parameters():
        trained = {"full": True, "lora": "lora_" in name, "head": False}[tuning] or name == "head.weight"
        assert parameter.requires_grad == trained, name
        assert (parameter.grad is not None) == trained, name
    a, b, other = (network.state_dict() for network in networks)
    del a["head.weight"], b["head.weight"]
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert all(torch.equal(b[name], other[name]) for name in b) == (tuning != "lora")


# "transformers' GradientCheckpointingLayer only acts if self.training": checkpointing that works in eval mode.
@pytest.mark.parametrize("kind", ["llama", "gpt2", "bert"])
@pytest.mark.parametrize("tuning", ["full", "lora"])
def test_checkpointing_keeps_less_and_gives_the_same_gradients(folders, kind, tuning):
    made, _ = small_models.reviews(8)
    model = family(folders[kind], tuning=tuning)
    batch = model.collate(model.encode(made), np.arange(8))
    results = []
    for checkpointed in (False, True):
        network = with_random_head(model.build(made, 0))
        if checkpointed:
            network.checkpoint_activations()
            network.eval()
        kept = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t, kept=kept: kept.append(t.numel()) or t, lambda t: t):
            logits = network(**batch)
        logits.square().sum().backward()
        results.append((sum(kept), logits.detach(), [p.grad for p in network.parameters() if p.grad is not None]))
    (plain, logits, gradients), (less, same_logits, same_gradients) = results
    assert less < 0.7 * plain
    assert torch.equal(logits, same_logits)
    assert all(torch.equal(a, b) for a, b in zip(gradients, same_gradients, strict=True))
    with torch.no_grad():
        assert torch.equal(network(**batch), logits)


def test_the_memory_estimate_is_near_what_is_kept(tmp_path):
    made, _ = small_models.reviews(8)
    for kind in ("llama", "gpt2", "bert"):
        folder = small_models.save(tmp_path / kind, kind, 3, hidden_size=96)
        model = HuggingFace("m", path=folder)
        network = model.build(made, 0)
        weights = {p.untyped_storage().data_ptr() for p in network.parameters()}
        kept = {}

        def keep(tensor, kept=kept, weights=weights):
            storage = tensor.untyped_storage()
            kept[storage.data_ptr()] = 0 if storage.data_ptr() in weights else storage.nbytes()
            return tensor

        ids = torch.full((8, 64), 7)
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
            logits = network(ids, torch.ones_like(ids))
        memory = model.memory(8)
        assert 0.8 < memory["activations"] / sum(kept.values()) < 2
        assert memory["weights"] == memory["gradients"] == memory["optimizer"] / 2 == 4 * model.n_parameters()
        assert memory["activations_checkpointed"] < memory["activations"]
        del logits
    lora = HuggingFace("m", path=folder, tuning="lora").memory(8)
    network = HuggingFace("m", path=folder, tuning="lora").build(made, 0)
    assert lora["gradients"] == 4 * sum(p.numel() for n, p in network.named_parameters() if "lora_" in n)
    assert HuggingFace("m", path=folder, tuning="head").memory(8)["gradients"] == 0


def test_a_max_length_beyond_the_model_is_an_error(folders):
    made, _ = small_models.reviews(4)
    with pytest.raises(StudyError, match="max_length: 65: the model takes 64 tokens at most"):
        HuggingFace("m", path=folders["bert"], max_length=65).build(made, 0)
    # RoBERTa counts positions from 2 on, and its config does not say so.
    with pytest.raises(DataError, match="max_length 64 is more than the model takes; set it to 62 at most"):
        HuggingFace("m", path=folders["roberta"]).build(made, 0)
