"""Dirichlet evidence against values worked by hand: psi(n + 1) = psi(n) + 1/n."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from torch.distributions import Dirichlet, kl_divergence

from tests.objectives.cases import LN2, gradient, loss, rows, tensors
from w2slab.objectives import DirichletEvidence

# a = (2, 1), a_0 = 3; a third candidate is not there.
LOGITS = torch.tensor([[LN2, 0.0, -1e9]])


# For w = (1, 0): psi(3) - psi(2) = 1/2, a~ = (1, 1) and the divergence is 0. For w = (0, 1): psi(3) - psi(1) = 1 + 1/2,
# a~ = (2, 1) and the divergence is ln Gamma(3) - ln Gamma(2) + 1 (psi(2) - psi(3)) = ln 2 - 1/2.
@pytest.mark.parametrize(
    ("label", "weight", "by_hand"),
    [
        ([1.0, 0.0, 0.0], 1.0, 0.5),
        ([0.0, 1.0, 0.0], 0.0, 1.5),
        ([0.0, 1.0, 0.0], 0.1, 1.5 + 0.1 * (math.log(2) - 0.5)),
        ([0.25, 0.75, 0.0], 0.0, 0.25 * 0.5 + 0.75 * 1.5),
    ],
)
def test_dirichlet_evidence_equals_the_value_worked_by_hand(label, weight, by_hand):
    value = loss(DirichletEvidence(weight=weight), LOGITS, torch.tensor([label]), shared=False).item()
    assert value == pytest.approx(by_hand, rel=1e-5)


@given(pair=rows(3, -4.0, 4.0))
@settings(max_examples=30, deadline=None)
def test_the_divergence_is_that_of_torch(pair):
    logits, targets = (tensor.double() for tensor in tensors(pair))
    both, alone = DirichletEvidence(weight=1.0), DirichletEvidence(weight=0.0)
    divergence = loss(both, logits, targets) - loss(alone, logits, targets)
    against = targets + (1 - targets) * logits.exp()
    uniform = Dirichlet(torch.ones(3, dtype=torch.float64))
    torch.testing.assert_close(divergence, kl_divergence(Dirichlet(against), uniform), rtol=1e-6, atol=1e-8)


def test_the_softmax_of_the_logits_is_the_mean_of_the_distribution():
    logits = torch.tensor([0.3, -1.0, 2.0])
    torch.testing.assert_close(Dirichlet(logits.exp()).mean, logits.softmax(dim=0))


def test_evidence_ends_at_the_clip():
    objective, targets = DirichletEvidence(clip=3.0), torch.tensor([[0.5, 0.5]])
    at, beyond = torch.tensor([[3.0, 0.0]]), torch.tensor([[40.0, 0.0]])
    torch.testing.assert_close(loss(objective, beyond, targets), loss(objective, at, targets))
    pull = gradient(objective, beyond, targets)
    assert pull[0, 0] == 0
    assert pull[0, 1] != 0
