"""The window loss against values worked by hand."""

from __future__ import annotations

import pytest
import torch

from tests.objectives.cases import LN2, LN3, LN4, drawn, gradient, loss
from w2slab.objectives import Window, cross_entropy

# Largest probabilities 3/4, 2/3 and 1/2.
LOGITS = torch.tensor([[LN3, 0.0], [0.0, LN2], [0.0, 0.0]])
TARGETS = torch.tensor([[0.0, 1.0], [0.5, 0.5], [0.25, 0.75]])


@pytest.mark.parametrize(
    ("radius", "is_learned"), [(0.15, [0, 0, 1]), (0.2, [0, 1, 1]), (0.3, [1, 1, 1]), (0.0, [0, 0, 0])]
)
def test_only_unsure_examples_count_and_one_at_the_border_does_not(radius, is_learned):
    ln_two_thirds, ln_one_third = LN3 - LN2, LN3
    by_hand = [LN4, 0.5 * ln_two_thirds + 0.5 * ln_one_third, LN2]
    expected = [value * learned for value, learned in zip(by_hand, is_learned, strict=True)]
    assert loss(Window(radius=radius), LOGITS, TARGETS).tolist() == pytest.approx(expected, rel=1e-6)


def test_sure_examples_have_no_gradient_and_unsure_ones_that_of_cross_entropy():
    by_hand = (LOGITS.softmax(dim=1) - TARGETS) * torch.tensor([[0.0], [1.0], [1.0]])
    torch.testing.assert_close(gradient(Window(radius=0.2), LOGITS, TARGETS), by_hand)


# Largest weak probabilities 0.9, 0.6, 0.7, 0.8: the lower of the two middle ones is 0.7.
def test_the_median_of_the_weak_confidence_is_the_border():
    targets = torch.tensor([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3], [0.2, 0.8]])
    objective = Window(radius="weak-median")
    assert objective.needs_statistic(True)
    assert objective.needs_statistic(False)
    logits = torch.tensor([[LN3, 0.0], [LN2, 0.0], [0.0, LN2], [0.0, 0.0]])
    assert objective.statistic(logits, targets, True).tolist() == pytest.approx([0.7] * 4)
    expected = cross_entropy(logits, targets) * torch.tensor([0.0, 1.0, 1.0, 1.0])
    torch.testing.assert_close(loss(objective, logits, targets), expected)


def test_a_number_needs_no_statistic():
    assert not Window().needs_statistic(True)
    assert Window().statistic(*drawn(3, 2), True) is None
