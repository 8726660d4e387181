"""What holds for every row of the table."""

from __future__ import annotations

import re

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.objectives.cases import ROWS, drawn, gradient, loss, rows, tensors
from w2slab import registry
from w2slab.objectives import (
    CACE,
    AugConf,
    AuxiliaryConfidence,
    AuxiliaryConfidenceReleased,
    CrossEntropy,
    EntropyMinimisation,
    GeometricMean,
    HardBootstrapping,
    L2Confidence,
    LabelSmoothing,
    ProductOfExperts,
    RepresentationAnchor,
    SoftBootstrapping,
    SymmetricCrossEntropy,
    Window,
)

ALL = [pytest.param(objective, id=name) for name, objective in ROWS.items()]
ALL.append(pytest.param(Window(radius="weak-median"), id="window-median"))
NAIVE = [
    AugConf(max_weight=0.0),
    AuxiliaryConfidence(max_weight=0.0),
    AuxiliaryConfidenceReleased(max_weight=0.0),
    CACE(threshold=0.0),
    EntropyMinimisation(weight=0.0),
    GeometricMean(own=0.0),
    HardBootstrapping(beta=1.0),
    L2Confidence(weight=0.0),
    LabelSmoothing(epsilon=0.0),
    ProductOfExperts(own=0.0),
    RepresentationAnchor(),
    SoftBootstrapping(beta=1.0),
    SymmetricCrossEntropy(beta=0.0),
]


@pytest.mark.parametrize("name", ROWS)
def test_each_row_describes_itself_in_one_sentence_with_a_reference(name):
    line = registry.describe("objectives", name)
    assert re.search(r"\(.*\b(19|20)\d\d\b.*\)\.$", line), line


@pytest.mark.parametrize("objective", NAIVE, ids=lambda o: type(o).__name__)
@pytest.mark.parametrize("shared", [True, False])
@given(pair=rows(3), progress=st.floats(0, 1))
@settings(max_examples=10, deadline=None)
def test_weight_0_equals_naive(objective, shared, pair, progress):
    logits, targets = tensors(pair)
    naive = CrossEntropy()(logits, targets, progress, None)
    torch.testing.assert_close(loss(objective, logits, targets, progress, shared), naive, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("objective", ALL)
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("size", [50.0, 30.0])
def test_loss_and_gradient_are_finite_at_large_logits_and_nothing_flows_behind_the_mask(objective, shared, size):
    signs = torch.tensor([[1.0, -1.0], [-1.0, 1.0], [1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])
    logits = torch.cat([size * signs, torch.full((5, 1), -1e9)], dim=1).requires_grad_()
    targets = torch.tensor([[0.0, 1.0, 0.0], [0.3, 0.7, 0.0], [1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [1.0, 0.0, 0.0]])
    losses = loss(objective, logits, targets, 1.0, shared)
    losses.sum().backward()
    assert losses.isfinite().all()
    assert logits.grad.isfinite().all()
    assert (logits.grad[:, 2] == 0).all()


@pytest.mark.parametrize("objective", ALL)
@given(pair=rows(3, -6.0, 6.0), progress=st.floats(0, 1))
@settings(max_examples=10, deadline=None)
def test_candidates_that_an_example_does_not_have_change_nothing(objective, pair, progress):
    logits, targets = tensors(pair)
    beyond = torch.full((len(logits), 2), -1e9)
    wide, wide_targets = torch.cat([logits, beyond], dim=1), torch.cat([targets, torch.zeros_like(beyond)], dim=1)
    a = loss(objective, logits, targets, progress, shared=False)
    b = loss(objective, wide, wide_targets, progress, shared=False)
    torch.testing.assert_close(b, a, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(
        gradient(objective, wide, wide_targets, progress, shared=False)[:, :3],
        gradient(objective, logits, targets, progress, shared=False),
        rtol=1e-4,
        atol=1e-5,
    )


@pytest.mark.parametrize("objective", ALL)
@pytest.mark.parametrize("shared", [True, False])
@given(n=st.integers(1, 9), k=st.integers(2, 4), seed=st.integers(0, 1000), progress=st.floats(0, 1))
@settings(max_examples=10, deadline=None)
def test_a_stack_equals_its_members_one_at_a_time(objective, shared, n, k, seed, progress):
    logits, targets = drawn(2, 3, n, k, seed=seed)
    stacked = loss(objective, logits, targets, progress, shared)
    assert stacked.shape == (2, 3, n)
    single = [
        loss(objective, logits[i, j], targets[i, j], progress, shared).unsqueeze(0) for i in range(2) for j in range(3)
    ]
    torch.testing.assert_close(stacked.flatten(0, 1), torch.cat(single), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("objective", ALL)
@pytest.mark.parametrize("shared", [True, False])
@given(n=st.integers(1, 9), seed=st.integers(0, 1000), order=st.permutations(range(3)), progress=st.floats(0, 1))
@settings(max_examples=10, deadline=None)
def test_permuting_candidates_permutes_gradients(objective, shared, n, seed, order, progress):
    logits, targets = drawn(n, 3, seed=seed)
    # Ties of the rounded class counts are settled by position.
    counts = targets.double().sum(dim=0)
    fractions = sorted((counts - counts.floor()).tolist())
    gaps = [b - a for a, b in zip([0.0, *fractions], [*fractions, 1.0], strict=True)]
    assume(min(gaps) > 1e-4)
    expected = gradient(objective, logits, targets, progress, shared)[:, order]
    permuted = gradient(objective, logits[:, order], targets[:, order], progress, shared)
    torch.testing.assert_close(permuted, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("objective", ALL)
def test_micro_batches_with_their_part_of_the_statistic_give_the_loss_of_the_whole(objective):
    logits, targets = drawn(10, 2)
    statistic = objective.statistic(logits, targets, True)
    whole = objective(logits, targets, 0.7, statistic)
    parts = [
        objective(logits[s], targets[s], 0.7, None if statistic is None else statistic[s])
        for s in (slice(0, 3), slice(3, 4), slice(4, 10))
    ]
    torch.testing.assert_close(torch.cat(parts), whole)


@pytest.mark.parametrize("objective", ALL)
def test_neither_labels_nor_the_objective_are_changed_by_use(objective):
    logits, targets = drawn(7, 3)
    before, fields = targets.clone(), dict(vars(objective))
    gradient(objective, logits, targets)
    assert torch.equal(targets, before)
    assert vars(objective) == fields
