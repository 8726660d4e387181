"""Defects of losses in earlier code, quoted; none of them is here, or it is where its name says so."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from tests.objectives.cases import drawn, gradient, loss
from w2slab.objectives import (
    CACE,
    AuxiliaryConfidence,
    AuxiliaryConfidenceReleased,
    EntropyMinimisation,
    ReverseCrossEntropy,
)


# "Confidence warm-up is a step, not a ramp (openai). Until the warm-up fraction is passed the coefficient is the raw
# step fraction (so it ends near 10 % of its final value), then it jumps to 100 %. ... The paper ramps linearly over the
# first 20 % of training."
def test_the_weight_is_a_ramp_and_not_a_step():
    objective = AuxiliaryConfidence(max_weight=0.5, ramp_frac=0.1)
    weights = np.array([objective.weight(p) for p in np.linspace(0, 1, 1001)])
    assert np.diff(weights).max() < 0.006
    assert objective.weight(0.0999) == pytest.approx(0.4995)
    assert objective.weight(0.05) == pytest.approx(0.25)
    of_paper = AuxiliaryConfidence(max_weight=0.75)
    assert [of_paper.weight(p) for p in (0.0, 0.1, 0.2, 1.0)] == pytest.approx([0.0, 0.375, 0.75, 0.75])


def test_the_step_is_kept_where_the_name_says_that_it_is_the_released_code():
    released = AuxiliaryConfidenceReleased()
    weights = [released.weight(p) for p in (0.0, 0.05, 0.1, 0.1001, 1.0)]
    assert weights == pytest.approx([0.0, 0.025, 0.05, 0.5, 0.5])


# "EleutherAI/w2s 'entropy' loss is plain cross-entropy with a smaller step. The student's own probabilities are
# detached in the target, so the gradient is exactly (1 - c)(f - w)."
def test_the_detached_entropy_is_cross_entropy_with_a_smaller_step_and_ours_is_not():
    logits, targets = drawn(8, 2)
    naive = logits.softmax(dim=1) - targets

    leaf = logits.clone().requires_grad_()
    detached = 0.5 * targets + 0.5 * leaf.softmax(dim=1).detach()
    functional.cross_entropy(leaf, detached, reduction="sum").backward()
    torch.testing.assert_close(leaf.grad, 0.5 * naive)

    ratios = gradient(EntropyMinimisation(weight=0.5), logits, targets) / naive
    assert ratios.std() > 0.1


# "(An earlier branch subtracted entropy with gradient and the opposite sign, i.e. it maximised entropy.)"
def test_entropy_is_minimised_and_not_maximised():
    logits, labels = torch.tensor([[0.4, 0.0]]), torch.tensor([[0.4, 0.0]]).softmax(dim=1)
    pull = gradient(EntropyMinimisation(weight=0.5), logits, labels)
    assert pull[0, 0] < 0  # descending makes the likelier candidate likelier still
    assert pull[0, 1] > 0


# "EleutherAI/w2s logconf with micro-batch 1 uses a constant class prior of 0.5 and a threshold from the last 32
# predictions; the list behind it grows without bound on the GPU."
@pytest.mark.parametrize("objective", [AuxiliaryConfidence(), AuxiliaryConfidenceReleased()])
def test_micro_batches_of_one_have_the_prior_and_threshold_of_their_own_batch_and_nothing_is_kept(objective):
    earlier, _ = drawn(40, 2, seed=1)
    logits, targets = drawn(16, 2)
    targets = torch.tensor([0.8, 0.2]).expand(16, 2) + 0.05 * (targets - 0.5)
    kept = dict(vars(objective))
    objective.statistic(earlier - 5, torch.full((40, 2), 0.5), True)

    statistic = objective.statistic(logits, targets, True)
    assert statistic.sum().item() == round(targets[:, 1].sum().item())  # 3 of 16, and not 8
    one_by_one = [objective(logits[i : i + 1], targets[i : i + 1], 1.0, statistic[i : i + 1]) for i in range(16)]
    torch.testing.assert_close(torch.cat(one_by_one), loss(objective, logits, targets))
    assert vars(objective) == kept


# "W2SG-Bregman reverse_xent_loss passes labels where logits are expected; its reverse_bce is right."
@pytest.mark.parametrize("objective", [ReverseCrossEntropy(epsilon=0.1), CACE(threshold=1.0, epsilon=0.1)])
def test_reverse_cross_entropy_takes_the_logarithm_of_labels_and_the_softmax_of_logits(objective):
    logits, targets = drawn(8, 2)
    smoothed = 0.9 * targets + 0.1 / 2
    right = functional.binary_cross_entropy(smoothed[:, 1], logits.softmax(dim=1)[:, 1], reduction="none")
    torch.testing.assert_close(loss(objective, logits, targets), right)
    wrong = functional.cross_entropy(smoothed, logits, reduction="none")
    assert not torch.allclose(loss(objective, logits, targets), wrong, atol=0.01)
