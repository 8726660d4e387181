"""Losses against values worked by hand, and the properties that make them what they are."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from w2slab.training.objectives import AuxiliaryConfidence, CrossEntropy, apportion, cross_entropy

LN2, LN4 = math.log(2), math.log(4)


def rows(n_candidates: int, low: float = -50.0, high: float = 50.0):
    shape = st.tuples(st.integers(1, 12), st.just(n_candidates))
    return shape.flatmap(
        lambda s: st.tuples(
            arrays.arrays(np.float32, s, elements=st.floats(low, high, width=32), unique=True),
            arrays.arrays(np.float32, s, elements=st.floats(0.0625, 1, width=32)),
        )
    )


def tensors(pair):
    logits, weights = pair
    return torch.tensor(logits), torch.tensor(weights / weights.sum(axis=1, keepdims=True))


def loss(objective, logits, targets, progress, shared=True):
    statistic = objective.statistic(logits.detach(), targets, shared)
    return objective(logits, targets, progress, statistic)


def test_cross_entropy_equals_the_value_worked_by_hand():
    logits = torch.tensor([[LN4, 0.0, 0.0]])  # probabilities 2/3, 1/6, 1/6
    targets = torch.tensor([[0.5, 0.25, 0.25]])
    by_hand = 0.5 * math.log(3 / 2) + 0.5 * math.log(6)
    assert CrossEntropy()(logits, targets, 0.3, None).item() == pytest.approx(by_hand, rel=1e-6)


# "a at 0, 10, 20, 100% of training = 0, a_max/2, a_max, a_max."
@pytest.mark.parametrize(("progress", "weight"), [(0.0, 0.0), (0.1, 0.25), (0.2, 0.5), (1.0, 0.5)])
def test_auxiliary_confidence_equals_the_value_worked_by_hand(progress, weight):
    # Class 1 has probability 1/3 and 1/2; the labels give it 1/2 of the batch, so the second example gets it.
    logits = torch.tensor([[LN2, 0.0], [0.0, 0.0]])
    targets = torch.tensor([[0.25, 0.75], [0.75, 0.25]])
    with_labels = [0.25 * math.log(3 / 2) + 0.75 * math.log(3), LN2]
    with_own = [math.log(3 / 2), LN2]
    by_hand = [(1 - weight) * a + weight * b for a, b in zip(with_labels, with_own, strict=True)]
    objective = AuxiliaryConfidence(max_weight=0.5, ramp_frac=0.2)
    assert loss(objective, logits, targets, progress).tolist() == pytest.approx(by_hand, rel=1e-6)


# "Confidence warm-up is a step, not a ramp": the weight was the bare progress until 10 %, and then jumped to the whole.
def test_the_weight_is_a_ramp_and_not_a_step():
    objective = AuxiliaryConfidence(max_weight=0.5, ramp_frac=0.1)
    weights = np.array([objective.weight(p) for p in np.linspace(0, 1, 1001)])
    assert np.diff(weights).max() < 0.006
    assert objective.weight(0.0999) == pytest.approx(0.4995)
    assert objective.weight(0.05) == pytest.approx(0.25)


def test_without_a_ramp_the_weight_is_there_from_the_beginning():
    assert AuxiliaryConfidence(ramp_frac=0.0).weight(0.0) == 0.5


def test_no_gradient_flows_through_the_hardened_target():
    logits = torch.tensor([[0.3, -0.2], [1.0, 0.4], [-0.5, 0.1]], requires_grad=True)
    targets = torch.tensor([[0.6, 0.4], [0.2, 0.8], [0.5, 0.5]])
    objective = AuxiliaryConfidence(max_weight=0.75)
    loss(objective, logits, targets, 1.0).sum().backward()
    hardened = torch.nn.functional.one_hot(objective.statistic(logits.detach(), targets, True), 2)
    by_hand = logits.detach().softmax(dim=1) - (0.25 * targets + 0.75 * hardened)
    torch.testing.assert_close(logits.grad, by_hand)


@pytest.mark.parametrize("shared", [True, False])
@given(pair=rows(3), progress=st.floats(0, 1))
@settings(max_examples=30, deadline=None)
def test_weight_0_equals_naive(shared, pair, progress):
    logits, targets = tensors(pair)
    naive = CrossEntropy()(logits, targets, progress, None)
    assert torch.equal(loss(AuxiliaryConfidence(max_weight=0.0), logits, targets, progress, shared), naive)


@given(pair=rows(2), weight=st.floats(0, 1))
@settings(max_examples=50, deadline=None)
def test_the_mixture_form_equals_the_two_term_form(pair, weight):
    logits, targets = tensors(pair)
    objective = AuxiliaryConfidence(max_weight=weight)
    hardened = torch.nn.functional.one_hot(objective.statistic(logits, targets, True), 2).float()
    two_terms = (1 - weight) * cross_entropy(logits, targets) + weight * cross_entropy(logits, hardened)
    torch.testing.assert_close(loss(objective, logits, targets, 1.0), two_terms, rtol=1e-4, atol=1e-4)


@given(pair=rows(2), seed=st.integers(0, 5))
@settings(max_examples=50, deadline=None)
def test_hardened_classes_have_the_share_of_the_weak_labels_or_one_half(pair, seed):
    logits, targets = tensors(pair)
    n = len(logits)
    of_weak = AuxiliaryConfidence().statistic(logits, targets, True).sum().item()
    assert abs(of_weak - targets[:, 1].double().sum().item()) <= 0.5 + 1e-4 * n
    assert AuxiliaryConfidence(prior="half").statistic(logits, targets, True).sum().item() == (n + 1) // 2


def test_class_1_goes_to_the_largest_log_odds():
    logits = torch.tensor([[0.0, 3.0], [0.0, 5.0], [2.0, 6.0], [9.0, 0.0]])
    targets = torch.tensor([[0.5, 0.5]] * 4)
    assert AuxiliaryConfidence(prior="half").statistic(logits, targets, True).tolist() == [0, 1, 1, 0]


# "Of equals, those earlier in the batch"; an odd batch gives class 1 the middle example.
def test_ties_and_odd_batches_have_an_answer():
    ties, targets = torch.zeros(5, 2), torch.tensor([[0.5, 0.5]] * 5)
    assert AuxiliaryConfidence().statistic(ties, targets, True).tolist() == [1, 1, 1, 0, 0]


@given(pair=rows(2))
@settings(max_examples=50, deadline=None)
def test_the_rule_for_more_classes_is_that_for_two_where_there_are_two(pair):
    from w2slab.training.objectives import _surest_first

    logits, targets = tensors(pair)
    logits = (logits / 10).double()
    odds = logits[:, 1] - logits[:, 0]
    n_ones = apportion(targets.mean(dim=0).tolist(), len(logits))[1]
    if len(odds.unique()) == len(odds) and len(odds.abs().unique()) == len(odds):
        two = AuxiliaryConfidence().statistic(logits, targets, True)
        assert torch.equal(_surest_first(logits, [len(logits) - n_ones, n_ones]), two)


@given(pair=rows(4))
@settings(max_examples=30, deadline=None)
def test_more_classes_are_held_to_their_shares_as_well(pair):
    logits, targets = tensors(pair)
    hardened = AuxiliaryConfidence().statistic(logits, targets, True)
    counts = torch.bincount(hardened, minlength=4).double()
    assert (counts - targets.double().sum(dim=0)).abs().max() <= 1.0 + 1e-3


def test_shares_become_whole_numbers_by_largest_remainder():
    assert apportion([0.5, 0.3, 0.2], 10) == [5, 3, 2]
    assert apportion([1 / 3] * 3, 4) == [1, 1, 2]
    assert apportion([0.5, 0.5], 5) == [2, 3]
    assert apportion([1.0, 0.0], 7) == [7, 0]


def test_where_candidates_differ_the_likeliest_one_is_hardened():
    objective = AuxiliaryConfidence(max_weight=1.0, ramp_frac=0.0)
    logits = torch.tensor([[1.0, 2.0, -1e9], [0.5, 0.0, 0.2]])
    targets = torch.tensor([[0.5, 0.5, 0.0], [0.2, 0.3, 0.5]])
    assert objective.statistic(logits, targets, False) is None
    expected = cross_entropy(logits, torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]))
    torch.testing.assert_close(loss(objective, logits, targets, 0.5, shared=False), expected)


@given(pair=rows(3), order=st.permutations(range(3)), shared=st.booleans())
@settings(max_examples=50, deadline=None)
def test_permuting_candidates_permutes_gradients(pair, order, shared):
    logits, targets = tensors(pair)
    own = logits.log_softmax(dim=1)
    counts = targets.double().sum(dim=0)
    remainders = (counts - counts.floor()).tolist()
    if (
        len(own.unique()) < own.numel()
        or min(abs(a - b) for a in remainders for b in [*remainders, 1] if a != b) < 1e-3
    ):
        return  # ties are settled by position
    if len(set(remainders)) < 3:
        return
    objective = AuxiliaryConfidence()

    def gradient(values, labels):
        leaf = values.clone().requires_grad_()
        loss(objective, leaf, labels, 1.0, shared).sum().backward()
        return leaf.grad

    torch.testing.assert_close(
        gradient(logits[:, order], targets[:, order]), gradient(logits, targets)[:, order], rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("objective", [CrossEntropy(), AuxiliaryConfidence()])
@pytest.mark.parametrize("shared", [True, False])
def test_loss_and_gradient_are_finite_at_large_logits_and_behind_the_mask(objective, shared):
    logits = torch.tensor([[50.0, -50.0, -1e9], [-50.0, 50.0, -1e9], [50.0, 50.0, -1e9]], requires_grad=True)
    targets = torch.tensor([[0.0, 1.0, 0.0], [0.3, 0.7, 0.0], [1.0, 0.0, 0.0]])
    losses = loss(objective, logits, targets, 1.0, shared)
    losses.sum().backward()
    assert losses.isfinite().all()
    assert logits.grad.isfinite().all()


def test_micro_batches_with_their_part_of_the_statistic_give_the_loss_of_the_whole():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(10, 2, generator=generator)
    targets = torch.rand(10, 2, generator=generator)
    targets /= targets.sum(dim=1, keepdim=True)
    objective = AuxiliaryConfidence()
    statistic = objective.statistic(logits, targets, True)
    whole = objective(logits, targets, 0.7, statistic)
    parts = [objective(logits[s], targets[s], 0.7, statistic[s]) for s in (slice(0, 3), slice(3, 10))]
    torch.testing.assert_close(torch.cat(parts), whole)
