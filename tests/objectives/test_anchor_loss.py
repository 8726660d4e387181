"""The representation anchor: a naive loss, and a penalty on features."""

from __future__ import annotations

import pytest
import torch

from tests.objectives.cases import ROWS, drawn, loss
from w2slab.objectives import CrossEntropy, RepresentationAnchor


# ((1 - 0)^2 + (2 - 4)^2) / 2 = 2.5, and 0.
def test_the_penalty_equals_the_value_worked_by_hand():
    features, initial = torch.tensor([[1.0, 2.0], [3.0, 3.0]]), torch.tensor([[0.0, 4.0], [3.0, 3.0]])
    assert RepresentationAnchor(weight=2.0).penalty(features, initial).tolist() == pytest.approx([5.0, 0.0])


def test_gradient_flows_through_the_trained_features_only():
    features, initial = (tensor.requires_grad_() for tensor in drawn(4, 5))
    RepresentationAnchor(weight=0.5).penalty(features, initial).sum().backward()
    torch.testing.assert_close(features.grad, 0.5 * 2 / 5 * (features - initial).detach())
    assert initial.grad is None


def test_a_stack_has_a_penalty_for_each_row_of_each_member():
    features, initial = drawn(3, 4, 5)
    penalties = RepresentationAnchor().penalty(features, initial)
    for member in range(3):
        torch.testing.assert_close(penalties[member], RepresentationAnchor().penalty(features[member], initial[member]))


def test_the_loss_itself_is_naive():
    logits, targets = drawn(6, 3)
    assert torch.equal(loss(RepresentationAnchor(), logits, targets), loss(CrossEntropy(), logits, targets))


def test_it_alone_asks_for_features():
    assert [name for name, objective in ROWS.items() if objective.needs_features] == ["representation-anchor"]
