"""Reverse KL, reverse cross entropy, CACE and symmetric cross entropy against values worked by hand."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.objectives.cases import LN3, TWO_THIRDS, drawn, gradient, loss, rows, tensors
from w2slab.objectives import (
    CACE,
    CrossEntropy,
    ReverseCrossEntropy,
    ReverseKL,
    SymmetricCrossEntropy,
)

# f = (2/3, 1/3), w = (3/4, 1/4); with epsilon 0.2, w~ = 0.8 w + 0.1 = (0.7, 0.3). A third candidate is not there.
F, W, EPSILON = torch.tensor([[*TWO_THIRDS, -1e9]]), torch.tensor([[0.75, 0.25, 0.0]]), 0.2
FORWARD = 0.75 * math.log(3 / 2) + 0.25 * LN3
REVERSE = -(2 / 3 * math.log(0.7) + 1 / 3 * math.log(0.3))


def test_reverse_cross_entropy_equals_the_value_worked_by_hand():
    assert loss(ReverseCrossEntropy(EPSILON), F, W, shared=False).item() == pytest.approx(REVERSE, rel=1e-6)


def test_reverse_kl_equals_the_value_worked_by_hand():
    by_hand = 2 / 3 * math.log(2 / 3 / 0.7) + 1 / 3 * math.log(1 / 3 / 0.3)
    assert loss(ReverseKL(EPSILON), F, W, shared=False).item() == pytest.approx(by_hand, abs=1e-6)


def test_symmetric_cross_entropy_equals_the_value_worked_by_hand():
    objective = SymmetricCrossEntropy(alpha=2.0, beta=0.5, epsilon=EPSILON)
    assert loss(objective, F, W, shared=False).item() == pytest.approx(2 * FORWARD + 0.5 * REVERSE, rel=1e-6)


# |w_1 - 1/2| = 1/4: at the border it is cross entropy.
@pytest.mark.parametrize(("threshold", "by_hand"), [(0.0, FORWARD), (0.25, FORWARD), (0.26, REVERSE), (1.0, REVERSE)])
def test_cace_equals_the_value_worked_by_hand(threshold, by_hand):
    assert loss(CACE(threshold, EPSILON), F, W, shared=False).item() == pytest.approx(by_hand, rel=1e-6)


# dRCE/dz_k = -f_k (log w~_k + RCE), of KL in addition f_k (log f_k + H).
def test_gradient_flows_through_the_student_in_front_of_the_logarithm():
    logits, targets = drawn(6, 3)
    probs, log_weak = logits.softmax(dim=1), (0.8 * targets + 0.2 / 3).log()
    reverse = -(probs * log_weak).sum(dim=1, keepdim=True)
    entropy = -(probs * probs.log()).sum(dim=1, keepdim=True)
    by_hand = -probs * (log_weak + reverse)
    torch.testing.assert_close(gradient(ReverseCrossEntropy(EPSILON), logits, targets), by_hand)
    by_hand = by_hand + probs * (probs.log() + entropy)
    torch.testing.assert_close(gradient(ReverseKL(EPSILON), logits, targets), by_hand)


@given(pair=rows(4))
@settings(max_examples=30, deadline=None)
def test_reverse_kl_is_least_at_the_smoothed_label(pair):
    logits, targets = tensors(pair)
    smoothed = 0.99 * targets + 0.01 / 4
    assert (loss(ReverseKL(), logits, targets) >= -1e-5).all()
    rest = smoothed.log()
    torch.testing.assert_close(loss(ReverseKL(), rest, targets), torch.zeros(len(rest)), rtol=0, atol=1e-5)
    torch.testing.assert_close(gradient(ReverseKL(), rest, targets), torch.zeros_like(rest), rtol=0, atol=1e-5)


@given(pair=rows(2), threshold=st.floats(0, 0.5))
@settings(max_examples=30, deadline=None)
def test_for_two_candidates_the_condition_of_cace_is_the_binary_one(pair, threshold):
    logits, targets = tensors(pair)
    confidence = (targets[:, 1].double() - 0.5).abs()
    assume(((confidence - threshold).abs() > 1e-5).all())
    expected = torch.where(
        confidence >= threshold, loss(CrossEntropy(), logits, targets), loss(ReverseCrossEntropy(), logits, targets)
    )
    torch.testing.assert_close(loss(CACE(threshold), logits, targets), expected)


def test_cace_measures_confidence_from_the_equal_shares_of_an_examples_own_candidates():
    logits, targets = torch.zeros(2, 4), torch.tensor([[0.4, 0.2, 0.2, 0.2], [0.4, 0.3, 0.3, 0.0]])
    logits[1, 3] = -1e9
    logits[:, 0] = 1.0
    forward = loss(CrossEntropy(), logits, targets, shared=False)
    reverse = loss(ReverseCrossEntropy(), logits, targets, shared=False)
    # 0.4 - 1/4 is above 0.1, and 0.4 - 1/3 is below.
    values = loss(CACE(threshold=0.1), logits, targets, shared=False)
    assert values.tolist() == [forward[0].item(), reverse[1].item()]
