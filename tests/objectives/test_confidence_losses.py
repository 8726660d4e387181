"""The auxiliary confidence loss of the paper and that of its released code."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.objectives.cases import LN2, LN3, drawn, gradient, loss, rows, tensors
from w2slab.objectives import (
    AuxiliaryConfidence,
    AuxiliaryConfidenceReleased,
    cross_entropy,
)
from w2slab.objectives.confidence import apportion, most_probable_first


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


def test_without_a_ramp_the_weight_is_there_from_the_beginning():
    assert AuxiliaryConfidence(ramp_frac=0.0).weight(0.0) == 0.5


@pytest.mark.parametrize("objective", [AuxiliaryConfidence(max_weight=0.75), AuxiliaryConfidenceReleased(0.75)])
def test_no_gradient_flows_through_the_hardened_target(objective):
    logits = torch.tensor([[0.3, -0.2], [1.0, 0.4], [-0.5, 0.1]])
    targets = torch.tensor([[0.6, 0.4], [0.2, 0.8], [0.5, 0.5]])
    hardened = torch.nn.functional.one_hot(objective.statistic(logits, targets, True), 2)
    by_hand = logits.softmax(dim=1) - (0.25 * targets + 0.75 * hardened)
    torch.testing.assert_close(gradient(objective, logits, targets), by_hand)


@given(pair=rows(2), weight=st.floats(0, 1))
@settings(max_examples=50, deadline=None)
def test_the_mixture_form_equals_the_two_term_form(pair, weight):
    logits, targets = tensors(pair)
    objective = AuxiliaryConfidence(max_weight=weight)
    hardened = torch.nn.functional.one_hot(objective.statistic(logits, targets, True), 2).float()
    two_terms = (1 - weight) * cross_entropy(logits, targets) + weight * cross_entropy(logits, hardened)
    torch.testing.assert_close(loss(objective, logits, targets, 1.0), two_terms, rtol=1e-4, atol=1e-4)


@given(pair=rows(2))
@settings(max_examples=50, deadline=None)
def test_hardened_classes_have_the_share_of_the_weak_labels_or_one_half(pair):
    logits, targets = tensors(pair)
    n = len(logits)
    of_weak = AuxiliaryConfidence().statistic(logits, targets, True).sum().item()
    assert abs(of_weak - targets[:, 1].double().sum().item()) <= 0.5 + 1e-4 * n
    assert AuxiliaryConfidence(prior="half").statistic(logits, targets, True).sum().item() == (n + 1) // 2


@given(shares=st.lists(st.integers(0, 40), min_size=2, max_size=2).filter(sum), n=st.integers(1, 64))
@settings(max_examples=60, deadline=None)
def test_of_two_classes_the_second_gets_what_the_largest_remainder_gives_it(shares, n):
    targets = torch.tensor([shares]).div(sum(shares)).expand(n, 2)
    assert (
        AuxiliaryConfidence().statistic(torch.zeros(n, 2), targets, True).sum()
        == apportion(np.array(shares, dtype=float), n)[1]
    )


def test_class_1_goes_to_the_largest_log_odds():
    logits = torch.tensor([[0.0, 3.0], [0.0, 5.0], [2.0, 6.0], [9.0, 0.0]])
    targets = torch.tensor([[0.5, 0.5]] * 4)
    assert AuxiliaryConfidence(prior="half").statistic(logits, targets, True).tolist() == [0, 1, 1, 0]


# "Of equals, those earlier in the batch"; an odd batch gives class 1 the middle example.
def test_ties_and_odd_batches_have_an_answer():
    ties, targets = torch.zeros(5, 2), torch.tensor([[0.5, 0.5]] * 5)
    assert AuxiliaryConfidence().statistic(ties, targets, True).tolist() == [1, 1, 1, 0, 0]
    three = AuxiliaryConfidence().statistic(torch.zeros(4, 3), torch.full((4, 3), 1 / 3), True)
    assert three.tolist() == [0, 1, 2, 2]


@given(pair=rows(2))
@settings(max_examples=50, deadline=None)
def test_the_rule_for_more_classes_is_that_for_two_where_there_are_two(pair):
    logits, targets = tensors(pair)
    logits = (logits / 10).double()
    odds = logits[:, 1] - logits[:, 0]
    counts = apportion(targets.mean(dim=0).double().numpy(), len(logits))
    if len(odds.unique()) == len(odds) and len(odds.abs().unique()) == len(odds):
        two = AuxiliaryConfidence().statistic(logits, targets, True)
        more = most_probable_first(logits.log_softmax(dim=1).numpy()[None], counts[None])
        assert more[0].tolist() == two.tolist()


def one_pair_at_a_time(log_probs, counts):
    """The rule for more classes as the docstring has it, for one batch."""
    left, classes = list(counts), [-1] * len(log_probs)
    for pair in log_probs.flatten().argsort(descending=True, stable=True).tolist():
        example, candidate = divmod(pair, len(counts))
        if classes[example] < 0 and left[candidate]:
            classes[example] = candidate
            left[candidate] -= 1
    return classes


@given(n=st.integers(1, 20), k=st.integers(2, 5), seed=st.integers(0, 1000), with_ties=st.booleans())
@settings(max_examples=60, deadline=None)
def test_pairs_of_example_and_class_are_gone_through_from_the_most_probable_down(n, k, seed, with_ties):
    logits, targets = drawn(3, n, k, seed=seed)
    log_probs = (logits.round() if with_ties else logits.log_softmax(dim=-1)).contiguous()
    counts = apportion(targets.mean(dim=1).double().numpy(), n)
    expected = [one_pair_at_a_time(p, c) for p, c in zip(log_probs, counts.tolist(), strict=True)]
    assert most_probable_first(log_probs.numpy(), counts).tolist() == expected


@given(pair=rows(4))
@settings(max_examples=30, deadline=None)
def test_more_classes_are_held_to_their_shares_as_well(pair):
    logits, targets = tensors(pair)
    hardened = AuxiliaryConfidence().statistic(logits, targets, True)
    counts = torch.bincount(hardened, minlength=4).double()
    assert (counts - targets.double().sum(dim=0)).abs().max() <= 1.0 + 1e-3


@pytest.mark.parametrize(
    ("shares", "total", "counts"),
    [
        ([0.5, 0.3, 0.2], 10, [5, 3, 2]),
        ([1 / 3] * 3, 4, [1, 1, 2]),
        ([0.5, 0.5], 5, [2, 3]),
        ([1.0, 0.0], 7, [7, 0]),
        ([0.49999996, 0.50000004], 5, [2, 3]),
    ],
)
def test_shares_become_whole_numbers_by_largest_remainder(shares, total, counts):
    assert apportion(np.array(shares), total).tolist() == counts


@pytest.mark.parametrize("objective", [AuxiliaryConfidence(1.0, 0.0), AuxiliaryConfidenceReleased(1.0)])
def test_where_candidates_differ_the_likeliest_one_is_hardened(objective):
    logits = torch.tensor([[1.0, 2.0, -1e9], [0.5, 0.0, 0.2]])
    targets = torch.tensor([[0.5, 0.5, 0.0], [0.2, 0.3, 0.5]])
    assert objective.statistic(logits, targets, False) is None
    expected = cross_entropy(logits, torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]))
    torch.testing.assert_close(loss(objective, logits, targets, 0.5, shared=False), expected)


# Four examples with f_0 = 1/4, 1/3, 2/3, 3/4 and labels whose mean of w_1 is 1/2: the quantile at place 0.5 * 3 = 1.5
# lies half way between 1/3 and 2/3. At a mean of 1/3 it is the second of the four, which is then at the threshold.
@pytest.mark.parametrize(("share", "classes"), [(0.5, [1, 1, 0, 0]), (0.3, [1, 0, 0, 0]), (0.0, [0, 0, 0, 0])])
def test_the_released_threshold_equals_the_one_worked_by_hand(share, classes):
    logits = torch.tensor([[0.0, LN3], [0.0, LN2], [LN2, 0.0], [LN3, 0.0]])
    targets = torch.tensor([[1 - share, share]] * 4)
    objective = AuxiliaryConfidenceReleased()
    assert objective.statistic(logits, targets, True).tolist() == classes
    hardened = torch.nn.functional.one_hot(torch.tensor(classes), 2).float()
    by_hand = 0.5 * cross_entropy(logits, targets) + 0.5 * cross_entropy(logits, hardened)
    torch.testing.assert_close(loss(objective, logits, targets, 0.2), by_hand)


@given(n=st.integers(1, 33), seed=st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_the_released_threshold_is_the_quantile_of_torch(n, seed):
    logits, targets = drawn(n, 2, seed=seed)
    zeroth = logits.softmax(dim=1)[:, 0]
    is_one = zeroth < torch.quantile(zeroth, targets[:, 1].mean())
    assert AuxiliaryConfidenceReleased().statistic(logits, targets, True).tolist() == is_one.long().tolist()


# "A batch of equals is hardened to class 0 as a whole."
def test_ties_at_the_released_threshold_get_class_0():
    targets = torch.tensor([[0.1, 0.9]] * 5)
    assert AuxiliaryConfidenceReleased().statistic(torch.zeros(5, 2), targets, True).tolist() == [0] * 5


def test_with_more_classes_the_released_loss_holds_to_the_labels_shares():
    logits, targets = drawn(9, 3)
    released = AuxiliaryConfidenceReleased().statistic(logits, targets, True)
    assert torch.equal(released, AuxiliaryConfidence().statistic(logits, targets, True))
