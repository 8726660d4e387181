"""Entropy minimisation and l2 confidence against values worked by hand."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings

from tests.objectives.cases import LN3, LN4, TWO_THIRDS, drawn, gradient, loss, rows, tensors
from w2slab.objectives import EntropyMinimisation, L2Confidence, cross_entropy

LN15 = math.log(3 / 2)


@pytest.mark.parametrize(("progress", "weight"), [(0.0, 0.0), (0.1, 0.25), (0.2, 0.5), (1.0, 0.5)])
def test_entropy_minimisation_equals_the_value_worked_by_hand(progress, weight):
    logits, targets = torch.tensor([TWO_THIRDS]), torch.tensor([[0.25, 0.75]])
    entropy = 2 / 3 * LN15 + 1 / 3 * LN3
    by_hand = 0.25 * LN15 + 0.75 * LN3 + weight * entropy
    assert loss(EntropyMinimisation(), logits, targets, progress).item() == pytest.approx(by_hand, rel=1e-6)


# dH/dz_k = -f_k (log f_k + H).
def test_gradient_flows_through_both_probabilities_of_the_entropy():
    logits, targets = drawn(6, 4)
    probs = logits.softmax(dim=1)
    entropy = -(probs * probs.log()).sum(dim=1, keepdim=True)
    by_hand = probs - targets - 0.7 * probs * (probs.log() + entropy)
    torch.testing.assert_close(gradient(EntropyMinimisation(weight=0.7), logits, targets), by_hand)


# Where the label is what the student thinks, cross entropy is at rest, and only the entropy is left to move it.
@given(pair=rows(3, -3.0, 3.0))
@settings(max_examples=30, deadline=None)
def test_a_step_against_the_gradient_lowers_the_entropy(pair):
    logits = tensors(pair)[0]
    probs = logits.softmax(dim=1)
    stepped = (logits - 0.01 * gradient(EntropyMinimisation(), logits, probs)).softmax(dim=1)
    assert (-(stepped * stepped.log()).sum(dim=1) <= -(probs * probs.log()).sum(dim=1) + 1e-6).all()


# p = 2/3: (p - 1/2)^2 = 1/36. For f = (2/3, 1/6, 1/6): (1/3)^2 + 2 (1/6)^2 = 1/6, halved 1/12.
@pytest.mark.parametrize(("logits", "confidence"), [(TWO_THIRDS, 1 / 36), ([LN4, 0.0, 0.0], 1 / 12)])
def test_l2_confidence_equals_the_value_worked_by_hand(logits, confidence):
    logits = torch.tensor([[*logits, -1e9]])
    targets = torch.zeros_like(logits).index_fill_(1, torch.tensor([0]), 1.0)
    for progress, weight in ((0.1, 1.0), (0.2, 2.0), (1.0, 2.0)):
        value = loss(L2Confidence(weight=2.0), logits, targets, progress, shared=False).item()
        assert value == pytest.approx(LN15 - weight * confidence, rel=1e-6)


@given(pair=rows(2, -9.0, 9.0))
@settings(max_examples=30, deadline=None)
def test_for_two_candidates_l2_confidence_is_the_form_of_the_paper(pair):
    logits, targets = tensors(pair)
    p = logits.softmax(dim=1)[:, 1]
    of_paper = cross_entropy(logits, targets) - (p - 0.5) ** 2
    torch.testing.assert_close(loss(L2Confidence(), logits, targets), of_paper, rtol=1e-5, atol=1e-6)


# d/dz_1 of -(p - 1/2)^2 is -2 (p - 1/2) p (1 - p).
def test_gradient_flows_through_the_squares():
    logits, targets = drawn(6, 2)
    p = logits.softmax(dim=1)[:, 1]
    by_hand = p - targets[:, 1] - 2 * (p - 0.5) * p * (1 - p)
    torch.testing.assert_close(gradient(L2Confidence(), logits, targets)[:, 1], by_hand)
