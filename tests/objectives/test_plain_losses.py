"""Cross entropy and label smoothing against values worked by hand."""

from __future__ import annotations

import math

import pytest
import torch

from tests.objectives.cases import LN4
from w2slab.objectives import CrossEntropy, LabelSmoothing

LOGITS = [LN4, 0.0, 0.0]  # probabilities 2/3, 1/6, 1/6


def test_cross_entropy_equals_the_value_worked_by_hand():
    targets = torch.tensor([[0.5, 0.25, 0.25]])
    by_hand = 0.5 * math.log(3 / 2) + 0.5 * math.log(6)
    assert CrossEntropy()(torch.tensor([LOGITS]), targets, 0.3, None).item() == pytest.approx(by_hand, rel=1e-6)


# Of three candidates, and a fourth that the example does not have: 0.7 (1, 0, 0) + 0.3 (1/3, 1/3, 1/3).
def test_label_smoothing_equals_the_value_worked_by_hand():
    logits, targets = torch.tensor([[*LOGITS, -1e9]]), torch.tensor([[1.0, 0.0, 0.0, 0.0]])
    by_hand = 0.8 * math.log(3 / 2) + 0.2 * math.log(6)
    assert LabelSmoothing(epsilon=0.3)(logits, targets, 0.0, None).item() == pytest.approx(by_hand, rel=1e-6)
