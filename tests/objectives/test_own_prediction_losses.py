"""AdaptConf, AugConf and Reed's bootstrapping against values worked by hand."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.objectives.cases import LN3, TWO_THIRDS, drawn, gradient, loss, rows, tensors
from w2slab.objectives import (
    AdaptiveConfidence,
    AugConf,
    AuxiliaryConfidence,
    EntropyMinimisation,
    HardBootstrapping,
    SoftBootstrapping,
)

F = torch.tensor([TWO_THIRDS])
LN15 = math.log(3 / 2)  # -log f_0; -log f_1 is LN3


# y_f = 0, y_w = 1: CE(f; y_f) = ln 3/2, CE(f; y_w) = ln 3. At T = 1, b = 1.5 / (1.5 + 3) = 1/3; at T = 1/2 the powers
# are squared and b = 2.25 / (2.25 + 9) = 1/5.
@pytest.mark.parametrize(("temperature", "b"), [(1.0, 1 / 3), (0.5, 1 / 5)])
def test_adaptive_confidence_equals_the_value_worked_by_hand(temperature, b):
    targets = torch.tensor([[0.25, 0.75]])
    by_hand = (1 - b) * (0.25 * LN15 + 0.75 * LN3) + b * LN15
    objective = AdaptiveConfidence(temperature=temperature)
    assert loss(objective, F, targets).item() == pytest.approx(by_hand, rel=1e-6)
    pull = F.softmax(dim=1) - ((1 - b) * targets + b * torch.tensor([[1.0, 0.0]]))
    torch.testing.assert_close(gradient(objective, F, targets), pull)  # b is detached


# Where both choose the same, CE(f; y_f) = CE(f; y_w) and b = 1/2; a tie of the label goes to its first candidate.
@pytest.mark.parametrize("label", [[0.75, 0.25], [0.5, 0.5]])
def test_adaptive_confidence_takes_the_mean_where_student_and_label_choose_alike(label):
    by_hand = 0.5 * (label[0] * LN15 + label[1] * LN3) + 0.5 * LN15
    assert loss(AdaptiveConfidence(), F, torch.tensor([label])).item() == pytest.approx(by_hand, rel=1e-6)


@pytest.mark.parametrize(("progress", "weight"), [(0.0, 0.0), (0.15, 0.25), (0.3, 0.5), (1.0, 0.5)])
def test_augconf_equals_the_value_worked_by_hand(progress, weight):
    targets = torch.tensor([[0.25, 0.75]])
    by_hand = (1 - weight) * (0.25 * LN15 + 0.75 * LN3) + weight * LN15
    assert loss(AugConf(), F, targets, progress).item() == pytest.approx(by_hand, rel=1e-6)


@given(pair=rows(3), progress=st.floats(0, 1))
@settings(max_examples=30, deadline=None)
def test_augconf_is_auxiliary_confidence_without_its_threshold(pair, progress):
    logits, targets = tensors(pair)
    without = loss(AuxiliaryConfidence(0.5, 0.3), logits, targets, progress, shared=False)
    assert torch.equal(loss(AugConf(0.5, 0.3), logits, targets, progress), without)


# 0.9 CE(f; (0, 1)) + 0.1 H(f), with H(f) = 2/3 ln 3/2 + 1/3 ln 3.
def test_soft_bootstrapping_equals_the_value_worked_by_hand():
    by_hand = 0.9 * LN3 + 0.1 * (2 / 3 * LN15 + 1 / 3 * LN3)
    assert loss(SoftBootstrapping(0.9), F, torch.tensor([[0.0, 1.0]])).item() == pytest.approx(by_hand, rel=1e-6)


# "Cross entropy with minimum-entropy regularisation": beta (CE + (1 - beta) / beta H), gradient included.
@given(pair=rows(3, -9.0, 9.0), beta=st.floats(0.1, 1))
@settings(max_examples=30, deadline=None)
def test_soft_bootstrapping_minimises_the_entropy_as_well(pair, beta):
    logits, targets = tensors(pair)
    sharpened = EntropyMinimisation(weight=(1 - beta) / beta)
    soft = SoftBootstrapping(beta)
    torch.testing.assert_close(
        loss(soft, logits, targets), beta * loss(sharpened, logits, targets), rtol=1e-4, atol=1e-5
    )
    torch.testing.assert_close(
        gradient(soft, logits, targets), beta * gradient(sharpened, logits, targets), rtol=1e-4, atol=1e-5
    )


def test_hard_bootstrapping_equals_the_value_worked_by_hand():
    targets = torch.tensor([[0.0, 1.0]])
    assert loss(HardBootstrapping(0.8), F, targets).item() == pytest.approx(0.8 * LN3 + 0.2 * LN15, rel=1e-6)


@pytest.mark.parametrize("objective", [AugConf(max_weight=0.2), HardBootstrapping(beta=0.8)])
def test_no_gradient_flows_through_the_own_choice_and_ties_go_to_the_first(objective):
    logits, targets = torch.cat([drawn(4, 3)[0], torch.zeros(1, 3)]), drawn(5, 3)[1]
    first = logits.argmax(dim=1)
    assert first[-1] == 0
    by_hand = logits.softmax(dim=1) - (0.8 * targets + 0.2 * torch.nn.functional.one_hot(first, 3))
    torch.testing.assert_close(gradient(objective, logits, targets), by_hand)
