"""Product of experts and geometric mean against values worked by hand."""

from __future__ import annotations

import math

import pytest
import torch

from tests.objectives.cases import LN3, LN4, LN5, TWO_THIRDS, drawn, gradient, loss
from w2slab.objectives import GeometricMean, ProductOfExperts


# f w = (2/3 1/4, 1/3 3/4) = (2/12, 3/12), so t = (0.4, 0.6).
def test_the_product_equals_the_value_worked_by_hand():
    logits, targets = torch.tensor([TWO_THIRDS]), torch.tensor([[0.25, 0.75]])
    by_hand = 0.4 * math.log(3 / 2) + 0.6 * LN3
    assert loss(ProductOfExperts(), logits, targets).item() == pytest.approx(by_hand, rel=1e-6)
    pull = logits.softmax(dim=1) - torch.tensor([[0.4, 0.6]])
    torch.testing.assert_close(gradient(ProductOfExperts(), logits, targets), pull)  # t is detached


# f = (4/5, 1/5), w = (1/2, 1/2): sqrt(f w) is as 2 to 1, so t = (2/3, 1/3).
def test_the_geometric_mean_equals_the_value_worked_by_hand():
    logits, targets = torch.tensor([[LN4, 0.0]]), torch.tensor([[0.5, 0.5]])
    by_hand = 2 / 3 * math.log(5 / 4) + 1 / 3 * LN5
    assert loss(GeometricMean(), logits, targets).item() == pytest.approx(by_hand, rel=1e-6)
    pull = logits.softmax(dim=1) - torch.tensor([[2 / 3, 1 / 3]])
    torch.testing.assert_close(gradient(GeometricMean(), logits, targets), pull)


# f^2 w^(1/2) = (4/9 1/2, 1/9 1/2 sqrt 3): as 4 to sqrt 3.
def test_the_exponents_are_those_of_belief_and_label():
    logits, targets = torch.tensor([TWO_THIRDS]), torch.tensor([[0.25, 0.75]])
    share = 4 / (4 + math.sqrt(3))
    by_hand = share * math.log(3 / 2) + (1 - share) * LN3
    assert loss(ProductOfExperts(own=2.0, weak=0.5), logits, targets).item() == pytest.approx(by_hand, rel=1e-6)


@pytest.mark.parametrize("objective", [ProductOfExperts(), GeometricMean()])
def test_a_hard_label_is_its_own_pool_however_unlikely(objective):
    logits, targets = torch.tensor([[-50.0, 50.0]]), torch.tensor([[1.0, 0.0]])
    assert loss(objective, logits, targets).item() == pytest.approx(100.0)


def test_the_geometric_mean_rests_where_naive_does():
    targets = drawn(6, 4)[1]
    torch.testing.assert_close(gradient(GeometricMean(), targets.log(), targets), torch.zeros(6, 4))


@pytest.mark.parametrize("objective", [ProductOfExperts(), GeometricMean()])
def test_a_row_without_any_label_stays_a_number(objective):
    logits = drawn(2, 3)[0]
    assert gradient(objective, logits, torch.zeros(2, 3)).isfinite().all()
