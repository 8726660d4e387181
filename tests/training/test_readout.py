"""Variants of the loop that look at features or weigh examples, on the networks of three families."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.training.test_loop import RECIPE, encoded, running, training, weights
from w2slab.errors import JobError
from w2slab.models.linear.linear_network import build as build_linear
from w2slab.models.network import Network
from w2slab.objectives import CrossEntropy
from w2slab.randomness import rng
from w2slab.training import readout
from w2slab.training.classification import finetune
from w2slab.training.mixture import MixtureOfHeads
from w2slab.training.predict import predict


class TwoLayers(Network):
    """Features and a head, the smallest network that has both."""

    def __init__(self) -> None:
        super().__init__()
        self.body = torch.nn.Linear(6, 8)
        self.head = torch.nn.Linear(8, 2)

    def forward(self, input):
        return self.head(torch.tanh(self.body(input)))


def network() -> TwoLayers:
    torch.manual_seed(0)
    return TwoLayers()


def plain(**changes):
    return training(CrossEntropy(), **changes)


def trained(**changes):
    own = network()
    finetune(own, plain(**changes), running())
    return own


def equal(a, b) -> bool:
    return all(torch.equal(x, y) for x, y in zip(weights(a), weights(b), strict=True))


def test_equal_weights_change_nothing_and_a_doubled_example_counts_twice():
    even = np.ones(70, np.float32)
    assert equal(trained(), trained(weights=even))
    # One step over all examples: weight 2 for one of them is that example twice in the mean.
    recipe = replace(RECIPE, epochs=1, batch_size=70, curve_points=0, gradient_clip=None)
    heavy = even.copy()
    heavy[3] = 2.0
    own = network()
    loss = 0.0
    targets = plain(recipe=recipe).targets
    logits = own(input=encoded().rows)
    losses = -(torch.from_numpy(targets) * logits.log_softmax(1)).sum(1)
    loss = (losses.sum() + losses[3]) / 70
    loss.backward()
    expected = [torch.sign(p.grad) for p in own.parameters()]  # Adam's first step is the sign of the gradient
    moved = trained(recipe=recipe, weights=heavy)
    for before, after, sign in zip(weights(network()), weights(moved), expected, strict=True):
        assert torch.equal(torch.sign(before - after), sign)


def test_weights_in_micro_batches_give_the_same_gradient():
    drawn = rng(3, "weights").random(70).astype(np.float32)
    drawn /= drawn.mean()
    whole, parts = network(), network()
    finetune(whole, plain(weights=drawn), running())
    finetune(parts, plain(weights=drawn), running(micro_batch=5))
    for a, b in zip(weights(whole), weights(parts), strict=True):
        assert torch.allclose(a, b, atol=1e-5)


def test_the_mean_of_weights_is_between_the_first_and_the_last():
    recipe = replace(RECIPE, epochs=1, batch_size=70, curve_points=0, ema_decay=0.9)
    own = trained(recipe=recipe)
    last = trained(recipe=replace(recipe, ema_decay=None))
    # After one step the mean forgets by (1 + 1) / (10 + 1): mean = 2/11 first + 9/11 last. It begins at the first
    # weights that it sees, which are those after the step.
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(weights(own), weights(last), strict=True))
    long = trained(recipe=replace(RECIPE, ema_decay=0.999))
    end = trained()
    start = network()
    toward = [((m - s) * (e - s)).sum() for m, s, e in zip(*map(weights, (long, start, end)), strict=True)]
    assert sum(toward) > 0
    assert not equal(long, end)


def test_the_curve_of_a_mean_is_judged_by_the_mean_and_training_goes_on_from_the_weights():
    with_curve, without = replace(RECIPE, ema_decay=0.9), replace(RECIPE, ema_decay=0.9, curve_points=0)
    assert equal(trained(recipe=with_curve), trained(recipe=without))


def test_an_interrupted_mean_goes_on_with_the_same_bits(tmp_path):
    recipe = replace(RECIPE, ema_decay=0.9, dropout=0.2)
    stops = iter([False] * 6 + [True])
    own = network()
    assert finetune(own, plain(recipe=recipe), running(work=tmp_path, stop_requested=lambda: next(stops))) is None
    resumed = network()
    finetune(resumed, plain(recipe=recipe), running(work=tmp_path))
    assert equal(resumed, trained(recipe=recipe))


def test_dropout_is_drawn_by_seed_and_step_and_only_in_training():
    recipe = replace(RECIPE, dropout=0.5)
    once, again = trained(recipe=recipe), trained(recipe=recipe)
    assert equal(once, again)
    assert not equal(once, trained())
    placement = running().placement
    assert np.array_equal(*(predict(once, encoded(), placement, 64) for _ in range(2)))


# LP-FT: the head learns first. With the whole training for the head, the body stays as it was.
def test_the_head_learns_first():
    own = trained(recipe=replace(RECIPE, head_first=0.999999))
    assert torch.equal(own.body.weight, network().body.weight)
    assert not torch.equal(own.head.weight, network().head.weight)
    half = trained(recipe=replace(RECIPE, head_first=0.5))
    assert not torch.equal(half.body.weight, network().body.weight)


class Anchored(CrossEntropy):
    needs_features = True

    def penalty(self, features, initial):
        return 1e3 * (features - initial).square().mean(dim=-1)


def test_an_anchor_keeps_features_where_they_were():
    start, free, held = network(), trained(), network()
    finetune(held, training(Anchored()), running())
    rows = encoded().rows

    def moved(of):
        return float((torch.tanh(of.body(rows)) - torch.tanh(start.body(rows))).detach().square().mean())

    assert moved(held) < 0.05 * moved(free)
    parts = network()
    finetune(parts, training(Anchored()), running(micro_batch=8))
    for a, b in zip(weights(held), weights(parts), strict=True):
        assert torch.allclose(a, b, atol=1e-4)


def test_rows_that_stand_for_no_candidate_cost_nothing():
    features, initial = torch.ones(2, 3, 4), torch.zeros(2, 3, 4)
    logits = torch.tensor([[0.0, 1.0, -1e9], [0.5, -1e9, -1e9]])
    features[0, 2], features[1, 1:] = 100.0, 100.0
    # Three rows are real, each at a squared distance of 1 in each of 4 features: 1e3.
    assert readout.penalties(Anchored(), features, initial, logits).tolist() == pytest.approx([1e3, 1e3])


def test_a_penalty_is_that_of_each_example_so_that_micro_batches_add_up_to_it():
    features, initial = torch.tensor([[1.0], [2.0], [3.0]]), torch.zeros(3, 1)
    logits = torch.tensor([[0.0, 1.0], [0.5, -1e9]])  # two candidates and one; squares 1, 4 and 9
    assert readout.penalties(Anchored(), features, initial, logits).tolist() == pytest.approx([2.5e3, 9e3])
    part = readout.penalties(Anchored(), features[:2], initial[:2], logits[:1])
    assert part.tolist() == pytest.approx([2.5e3])


@pytest.mark.parametrize("n_heads", [2, 5])
def test_a_mixture_is_a_convex_combination_that_begins_near_the_head(n_heads):
    mixture = MixtureOfHeads(network(), n_heads, True, 0)
    logits = mixture(input=encoded().rows)
    assert torch.allclose(logits.exp().sum(dim=1), torch.ones(70), atol=1e-5)
    features = torch.tanh(mixture.network.body(encoded().rows))
    scores = mixture.head(features).unflatten(-1, (n_heads, 2)).softmax(-1)
    assert torch.allclose(logits.exp(), scores.mean(dim=1), atol=1e-5)  # equal weights to begin with
    finetune(mixture, plain(), running())
    assert not torch.equal(mixture.weights, torch.zeros(n_heads))


def test_a_network_that_is_its_head_is_watched_as_well():
    own = build_linear(6, 2)
    finetune(own, plain(recipe=replace(RECIPE, dropout=0.3)), running())
    assert own.weight.abs().sum() > 0


def test_a_network_without_a_head_is_refused():
    with pytest.raises(JobError, match=r"has no `head` that reads features"):
        finetune(torch.nn.Sequential(torch.nn.Linear(6, 2)), plain(recipe=replace(RECIPE, dropout=0.3)), running())


def test_dropout_in_micro_batches_drops_the_same():
    recipe = replace(RECIPE, dropout=0.5)
    whole, parts = network(), network()
    finetune(whole, plain(recipe=recipe), running())
    finetune(parts, plain(recipe=recipe), running(micro_batch=5))
    for a, b in zip(weights(whole), weights(parts), strict=True):
        assert torch.allclose(a, b, atol=1e-4)


def test_what_an_example_drops_does_not_depend_on_how_wide_its_batch_is():
    watch = readout.Watch(network(), 0.5, 3)
    watch.places = np.array([4, 7])
    wide, narrow = watch._draws(torch.Size([2, 9, 5])), watch._draws(torch.Size([2, 6, 5]))
    assert torch.equal(wide[:, :6], narrow)
