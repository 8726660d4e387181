from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from w2slab.errors import JobError
from w2slab.training import language
from w2slab.training.language import IGNORED, chunked_cross_entropy, learn_language, mean_loss
from w2slab.training.loop import Running
from w2slab.training.placement import Placement
from w2slab.training.schedules import WarmupStableDecay


@dataclass(frozen=True)
class Ragged:
    rows: list[list[int]]

    @property
    def lengths(self) -> np.ndarray:
        return np.array([len(row) for row in self.rows], dtype=np.int64)

    def batch(self, indices: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        chosen = [self.rows[i] for i in indices]
        width = max(map(len, chosen))
        ids = torch.tensor([row + [0] * (width - len(row)) for row in chosen])
        return ids, torch.arange(width) < torch.tensor([len(row) for row in chosen])[:, None]


def llama(vocabulary: int = 12) -> LlamaForCausalLM:
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    return LlamaForCausalLM(LlamaConfig(vocab_size=vocabulary, **shape, tie_word_embeddings=True, pad_token_id=0))


def running(**more) -> Running:
    return Running(placement=Placement("cpu"), **more)


@pytest.mark.parametrize("n_tokens", [1, 255, 256, 257, 700])
def test_chunks_give_the_loss_and_the_gradient_of_all_logits_at_once(n_tokens):
    generator = torch.Generator().manual_seed(n_tokens)
    states = torch.randn(n_tokens, 8, generator=generator, requires_grad=True)
    weight = torch.randn(30, 8, generator=generator, requires_grad=True)
    targets = torch.randint(30, (n_tokens,), generator=generator)
    targets[::5] = IGNORED
    whole = F.cross_entropy(states @ weight.T, targets, ignore_index=IGNORED, reduction="sum")
    parts = chunked_cross_entropy(states, weight, targets)
    torch.testing.assert_close(parts, whole)
    expected = torch.autograd.grad(0.5 * whole, (states, weight))
    torch.testing.assert_close(torch.autograd.grad(0.5 * parts, (states, weight)), expected, atol=1e-4, rtol=1e-4)


def test_the_loss_is_that_of_every_real_token_but_the_first():
    rows, network = Ragged([[3, 1, 4, 1, 5], [9, 2]]), llama()
    expected = []
    for row in rows.rows:
        logits = network(torch.tensor([row])).logits[0].log_softmax(-1)
        expected += [-logits[i, token].item() for i, token in enumerate(row[1:])]
    assert mean_loss(network, rows, running(), 2) == pytest.approx(np.mean(expected), rel=1e-5)


def test_a_family_whose_logits_are_not_plain_takes_the_long_way_to_the_same_loss(monkeypatch):
    rows = Ragged([[3, 1, 4, 1, 5], [9, 2, 6]])
    network = GPT2LMHeadModel(GPT2Config(vocab_size=12, n_embd=8, n_layer=1, n_head=1, n_positions=8))
    network.eval()
    short = mean_loss(network, rows, running(), 2)
    monkeypatch.setattr(language, "PLAIN_HEADS", frozenset())
    assert mean_loss(network, rows, running(), 2) == pytest.approx(short, rel=1e-6)


def test_a_cycle_is_learned_and_micro_batches_change_it_by_rounding_only():
    rows = Ragged([[1 + (start + i) % 5 for i in range(2 + start % 7)] for start in range(60)])
    schedule = WarmupStableDecay(steps=60, lr=2e-2, warmup_steps=5)
    losses = []
    for micro_batch in (None, 3):
        network = llama()
        learn_language(network, rows, schedule, running(micro_batch=micro_batch), {}, batch_size=10)
        losses.append(mean_loss(network, rows, running(), 8))
    assert losses[0] < 0.3
    assert losses[1] == pytest.approx(losses[0], abs=1e-3)


class Cramped(LlamaForCausalLM):
    """Runs out of memory with more than three rows."""

    @property
    def base_model(self):
        def roomy(input_ids, attention_mask):
            if len(input_ids) > 3:
                raise torch.OutOfMemoryError("too many rows")
            return self.model(input_ids=input_ids, attention_mask=attention_mask)

        return roomy


def test_what_does_not_fit_is_halved_until_it_does():
    rows = Ragged([[1 + (start + i) % 5 for i in range(2 + start % 7)] for start in range(24)])
    schedule = WarmupStableDecay(steps=4, lr=1e-2, warmup_steps=1)
    fits, cramped = llama(), llama()
    cramped.__class__ = Cramped
    learn_language(fits, rows, schedule, running(), {}, batch_size=8)
    learn_language(cramped, rows, schedule, running(), {}, batch_size=8)
    for mine, other in zip(fits.parameters(), cramped.parameters(), strict=True):
        torch.testing.assert_close(mine, other, atol=1e-5, rtol=1e-4)
    judged = mean_loss(fits, rows, running(), 8)
    assert mean_loss(cramped, rows, running(), 8) == pytest.approx(judged, rel=1e-4)


def test_it_stops_on_request_and_goes_on_with_the_same_bits(tmp_path):
    rows = Ragged([[1 + i % 7, 2, 3 + i % 4] for i in range(30)])
    schedule = WarmupStableDecay(steps=9, lr=1e-2, warmup_steps=2)
    whole, parts = llama(), None
    learn_language(whole, rows, schedule, running(), {"a": 1}, batch_size=8)
    for _ in range(9):
        parts = llama()
        stopping = running(work=tmp_path, stop_requested=lambda: True)
        learned = learn_language(parts, rows, schedule, stopping, {"a": 1}, batch_size=8)
        assert learned is None
    learn_language(parts, rows, schedule, running(work=tmp_path), {"a": 1}, batch_size=8)
    for mine, other in zip(whole.parameters(), parts.parameters(), strict=True):
        assert torch.equal(mine, other)
    with pytest.raises(JobError, match="belongs to another training"):
        learn_language(llama(), rows, schedule, running(work=tmp_path), {"a": 2}, batch_size=8)


def test_a_loss_that_is_not_finite_ends_it_before_the_update():
    network = llama()
    with torch.no_grad():
        network.model.embed_tokens.weight[3] = float("nan")
    before = network.model.norm.weight.clone()
    schedule = WarmupStableDecay(steps=2, lr=0.1)
    with pytest.raises(JobError, match="step 1 of 2: the loss is nan; no update was made"):
        learn_language(network, Ragged([[1, 3, 2]] * 4), schedule, running(), {}, batch_size=4)
    assert torch.equal(network.model.norm.weight, before)
