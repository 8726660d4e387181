"""Generalized cross entropy against values worked by hand."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.objectives.cases import LN3, drawn, gradient, loss, rows, tensors
from w2slab.objectives import CrossEntropy, GeneralizedCrossEntropy

F = torch.tensor([[0.0, LN3]])  # probabilities 1/4, 3/4


# q = 1/2: (1 - sqrt(1/4)) / (1/2) = 1, and (1 - sqrt(3/4)) / (1/2) = 2 - sqrt 3.
@pytest.mark.parametrize(
    ("q", "label", "by_hand"),
    [
        (0.5, [1.0, 0.0], 1.0),
        (0.5, [0.5, 0.5], 0.5 + 0.5 * (2 - 3**0.5)),
        (1.0, [1.0, 0.0], 0.75),
        (1.0, [0.2, 0.8], 1 - (0.2 * 0.25 + 0.8 * 0.75)),
    ],
)
def test_generalized_cross_entropy_equals_the_value_worked_by_hand(q, label, by_hand):
    assert loss(GeneralizedCrossEntropy(q), F, torch.tensor([label])).item() == pytest.approx(by_hand, rel=1e-6)


@given(pair=rows(3, -9.0, 9.0))
@settings(max_examples=30, deadline=None)
def test_with_a_small_q_it_is_cross_entropy(pair):
    logits, targets = tensors(pair)
    naive = loss(CrossEntropy(), logits, targets)
    torch.testing.assert_close(loss(GeneralizedCrossEntropy(1e-6), logits, targets), naive, rtol=1e-4, atol=1e-6)


@given(pair=rows(3), q=st.floats(0.01, 1))
@settings(max_examples=30, deadline=None)
def test_it_is_bounded_however_wrong_the_student(pair, q):
    values = loss(GeneralizedCrossEntropy(q), *tensors(pair))
    assert ((values >= -1e-6) & (values <= 1 / q + 1e-4)).all()


# dL/dz of a class j is f_j^q (f - e_j): that of cross entropy, weighted by f_j^q (section 3.2 of the paper).
def test_a_label_that_is_found_unlikely_pulls_less():
    logits, classes = drawn(5, 3)[0], torch.tensor([0, 1, 2, 0, 1])
    targets = torch.nn.functional.one_hot(classes, 3).float()
    probs = logits.softmax(dim=1)
    by_hand = probs.gather(1, classes[:, None]) ** 0.7 * (probs - targets)
    torch.testing.assert_close(gradient(GeneralizedCrossEntropy(), logits, targets), by_hand)
