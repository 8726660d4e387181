"""Heads trained together: against the training loop, against automatic gradients, and against the same heads alone."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from w2slab import registry
from w2slab.errors import JobError
from w2slab.models.network import Network
from w2slab.objectives import CrossEntropy
from w2slab.training import classification, loop
from w2slab.training.batches import Encoded
from w2slab.training.head_training import HeadTraining
from w2slab.training.heads_network import Layout, mix
from w2slab.training.placement import Placement
from w2slab.training.predict import predict
from w2slab.training.recipe import HeadShape, Recipe
from w2slab.training.rows import Rows, rows_of
from w2slab.training.stacked_heads import fit, stacked

RECIPE = Recipe(epochs=3, batch_size=8, lr=0.05, curve_points=0)
TABLE = [name for name in registry.table("objectives") if name != "representation-anchor"]


def examples(n, n_candidates=None, *, n_features=5, seed=0, prefix="e"):
    """Examples with random features: of common classes, or with so many candidates each."""
    generator = np.random.default_rng(seed)
    counts = np.ones(n, dtype=np.int64) if n_candidates is None else np.asarray(n_candidates)
    values = generator.standard_normal((counts.sum(), n_features)).astype(np.float32)
    shared = n_candidates is None
    ids = [f"{prefix}{i}" for i in range(n)]
    return Rows(ids, values, np.cumsum(counts) - counts, np.full(n, 2) if shared else counts, shared)


def labels(rows, n_classes=2, seed=1):
    """Random soft labels."""
    generator = np.random.default_rng(seed)
    widest = n_classes if rows.shared_candidates else rows.n_candidates.max()
    counts = np.full(len(rows), widest) if rows.shared_candidates else rows.n_candidates
    drawn = generator.exponential(size=(len(rows), widest)) * (np.arange(widest) < counts[:, None])
    return (drawn / drawn.sum(axis=1, keepdims=True)).astype(np.float32)


CLASSES, MOVES = examples(30), examples(30, np.random.default_rng(5).integers(1, 21, size=30))
TEST = {True: examples(12, seed=9, prefix="t"), False: examples(12, np.arange(1, 13), seed=9, prefix="t")}


def training(rows=CLASSES, **changes):
    values = {
        "examples": rows,
        "kept": np.arange(len(rows)),
        "targets": labels(rows),
        "weights": None,
        "objective": CrossEntropy(),
        "recipe": RECIPE,
        "shape": HeadShape(),
        "seed": 0,
        "predicted": {"test": TEST[rows.shared_candidates]},
    }
    return HeadTraining(**(values | changes))


def fitted(*trainings, **options):
    """What is left of each head."""
    found = dict(fit(trainings, Placement("cpu"), **options))
    return [found[position] for position in range(len(trainings))]


def test_probs(*trainings, **options):
    return [head.probs["test"] for head in fitted(*trainings, **options)]


test_probs.__test__ = False


class Reader(Network):
    """A network whose head reads given features: what a head is, to the training loop."""

    def __init__(self, width, n_out):
        super().__init__()
        self.head = nn.Linear(width, n_out, bias=n_out > 1)
        for parameter in self.parameters():
            nn.init.zeros_(parameter)

    def forward(self, features, absent=None):
        scores = self.head(features)
        return scores if absent is None else scores.squeeze(-1).masked_fill(absent, -1e9)


def encoded(rows, scale):
    values, counts = rows.on_scale(scale, constant=False), rows.counts
    firsts = np.cumsum(counts) - counts

    def collate(_, indices):
        if rows.shared_candidates:
            return {"features": torch.from_numpy(values[indices])}
        padded = np.zeros((len(indices), counts[indices].max(), values.shape[1]), dtype=np.float32)
        for place, i in enumerate(indices):
            padded[place, : counts[i]] = values[firsts[i] : firsts[i] + counts[i]]
        absent = np.arange(padded.shape[1]) >= counts[indices][:, None]
        return {"features": torch.from_numpy(padded), "absent": torch.from_numpy(absent)}

    return Encoded(list(rows.ids), None, collate, np.ones(len(rows)), rows.n_candidates)


def by_the_loop(head):
    """Probabilities of the test examples after `training.loop`."""
    rows, scale = head.examples, head.examples.scale()
    network = Reader(rows.values.shape[1], head.targets.shape[1] if rows.shared_candidates else 1)
    recipe = replace(head.recipe, gradient_clip=None)
    learned = encoded(rows, scale).take(head.kept)
    asked = classification.Training(
        examples=learned,
        targets=head.targets[head.kept],
        shared_candidates=rows.shared_candidates,
        objective=head.objective,
        recipe=recipe,
        seed=head.seed,
        weights=head.weights,
    )
    classification.finetune(network, asked, loop.Running(Placement("cpu")))
    return predict(network, encoded(head.predicted["test"], scale), Placement("cpu"), 64)


WEIGHTS = (2 * np.arange(1, 25) / 25).astype(np.float32)
CHANGES = {
    "plain": {},
    "own rates": {"recipe": replace(RECIPE, lr=0.2, weight_decay=0.3, warmup_frac=0.3, decay="cosine")},
    "running mean": {"recipe": replace(RECIPE, ema_decay=0.9)},
    "some examples, weighted": {"kept": np.arange(3, 27), "weights": WEIGHTS},
    "confidence": {"objective": registry.build("objectives", "auxiliary-confidence", {"ramp_frac": 0.5})},
    "another seed": {"seed": 3},
}


@pytest.mark.parametrize("rows", [CLASSES, MOVES], ids=["classes", "candidates"])
@pytest.mark.parametrize("name", CHANGES)
def test_a_head_is_what_the_training_loop_makes_of_it(rows, name):
    head = training(rows, **CHANGES[name])
    np.testing.assert_allclose(test_probs(head)[0], by_the_loop(head), atol=2e-5)


def test_dropout_drops_what_the_training_loop_drops():
    head = training(recipe=replace(RECIPE, dropout=0.4))
    np.testing.assert_allclose(test_probs(head)[0], by_the_loop(head), atol=2e-5)
    assert np.abs(test_probs(training())[0] - by_the_loop(head)).max() > 1e-3


# One example: its features are constants, so that only the bias learns. The first step of AdamW has the length of the
# rate whatever the gradient, so the logits are (0.1, -0.1).
def test_a_step_worked_by_hand():
    one = examples(1)
    recipe = Recipe(epochs=1, lr=0.1, warmup_frac=0.0, decay="none", curve_points=0)
    head = training(one, targets=np.array([[0.9, 0.1]], np.float32), recipe=recipe, predicted={"test": one})
    expected = math.exp(0.1) / (math.exp(0.1) + math.exp(-0.1))
    np.testing.assert_allclose(test_probs(head)[0], [[expected, 1 - expected]], atol=1e-6)


def grid(rows):
    """Heads that differ in everything that may differ, some of them in lockstep."""
    other = labels(rows, seed=2)
    shapes = [HeadShape(), HeadShape(hidden=3), HeadShape(n_heads=2), HeadShape(hidden=3, n_heads=2)]
    heads = [training(rows, seed=s, targets=t) for s in (0, 1) for t in (labels(rows), other)]
    heads += [training(rows, objective=registry.build("objectives", name, {})) for name in TABLE]
    heads += [training(rows, shape=shape, seed=s) for shape in shapes for s in (0, 1, 2)]
    heads += [training(rows, recipe=replace(RECIPE, lr=lr, weight_decay=0.1)) for lr in (0.01, 0.3)]
    heads += [training(rows, recipe=replace(RECIPE, ema_decay=decay)) for decay in (0.5, 0.9)]
    heads += [training(rows, recipe=replace(RECIPE, dropout=p), seed=s) for p in (0.1, 0.5) for s in (0, 1)]
    return [*heads, training(rows, kept=np.arange(24)), training(rows, kept=np.arange(6, 30), weights=WEIGHTS)]


@pytest.mark.parametrize("rows", [CLASSES, MOVES], ids=["classes", "candidates"])
def test_company_changes_nothing(rows):
    heads = grid(rows)
    together = test_probs(*heads)
    in_parts = test_probs(*heads, stack_bytes=5000)
    for head, among_others, in_small_company in zip(heads, together, in_parts, strict=True):
        (alone,) = test_probs(head)
        assert np.isfinite(alone).all()
        np.testing.assert_allclose(alone.sum(axis=1), 1, atol=1e-5)
        np.testing.assert_allclose(among_others, alone, atol=1e-5, err_msg=str(head.objective))
        np.testing.assert_allclose(in_small_company, alone, atol=1e-5)


def test_heads_of_other_examples_may_share_a_stack():
    other = examples(30, n_features=5, seed=7)
    heads = [training(), training(other, targets=labels(other)), training(seed=4)]
    assert len(list(stacked(heads, 1 << 30))) == 1
    for head, found in zip(heads, test_probs(*heads), strict=True):
        np.testing.assert_allclose(found, test_probs(head)[0], atol=1e-5)


def test_a_stack_holds_heads_in_lockstep_with_the_same_objectives_in_every_order():
    confident = registry.build("objectives", "auxiliary-confidence", {})
    heads = [training(seed=s, objective=o) for s in (0, 1) for o in (confident, CrossEntropy())]
    heads.append(training(seed=2))  # an order with one objective only
    heads.append(training(kept=np.arange(20)))  # fewer examples
    assert sorted(stacked(heads, 1 << 30)) == [[[0, 1], [2, 3]], [[4]], [[5]]]
    assert all(len(stack) == 1 for stack in stacked(heads, 1))


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("shape", [HeadShape(), HeadShape(hidden=3), HeadShape(hidden=3, n_heads=2)])
def test_gradients_are_those_of_automatic_differentiation(shape, shared):
    layout = Layout(2, 3, 4, 2 if shared else 1, shape, shared)
    generator = torch.Generator().manual_seed(0)
    vector = torch.randn(layout.size, generator=generator, requires_grad=True)
    rows = torch.randn(2, 7, 4, generator=generator)
    wanted = torch.randn(2, 7, 3, layout.outputs, generator=generator)
    outputs, hidden = layout.forward(layout.views(vector), rows, slice(None))
    (expected,) = torch.autograd.grad((outputs * wanted).sum(), vector)
    found = torch.zeros(layout.size)
    with torch.no_grad():
        layout.backward(layout.views(vector), layout.views(found), rows, hidden, wanted, slice(None))
    torch.testing.assert_close(found, expected)


def test_each_weight_belongs_to_one_head():
    layout = Layout(2, 3, 4, 2, HeadShape(hidden=3, n_heads=2), True)
    owners = layout.spread(torch.arange(6).view(2, 3) + 1)
    per_head = (3 + 1) * 3 + 3 * 4 + 4 + 2
    assert torch.bincount(owners)[1:].tolist() == [per_head] * 6


# Two heads that say (3/4, 1/4) and (1/4, 3/4), mixed 3 to 1: 9/16 + 1/16 = 5/8.
def test_a_mixture_worked_by_hand():
    scores = torch.tensor([[0.75, 0.25], [0.25, 0.75]]).log() + torch.tensor([[3.0], [-2.0]])
    mixed = mix(scores[None], torch.tensor([3.0, 1.0]).log())
    torch.testing.assert_close(mixed.exp(), torch.tensor([[5 / 8, 3 / 8]]))


def test_what_is_drawn_depends_on_the_head_alone():
    hidden = Layout(1, 2, 6, 2, HeadShape(hidden=4), True)
    views = hidden.views(hidden.first_weights([[0, 1]]))
    again = hidden.views(hidden.first_weights([[1, 0]]))
    first, second = views.first[..., :8].view(6, 2, 4).unbind(1)
    assert torch.equal(again.first[..., :8].view(6, 2, 4)[:, 0], second)
    assert not torch.equal(first, second)
    assert views.second.abs().max() == 0
    assert first.abs().max() <= 1 / math.sqrt(5)


@dataclass(frozen=True)
class Spoiled(CrossEntropy):
    """A loss that is no number for labels that begin with 1, after some steps."""

    from_progress: float = 0.5

    def __call__(self, logits, targets, progress, statistic):
        loss = super().__call__(logits, targets, progress, statistic)
        return loss * (float("nan") if progress > self.from_progress else 1.0)


@dataclass(frozen=True)
class Raising(CrossEntropy):
    """A loss with a mistake in it."""

    notes: tuple[str, ...] = field(default=())

    def __call__(self, logits, targets, progress, statistic):
        raise ValueError("no such loss")


@pytest.mark.parametrize("rows", [CLASSES, MOVES], ids=["classes", "candidates"])
def test_a_head_fails_alone(rows):
    heads = [training(rows), training(rows, objective=Spoiled()), training(rows, objective=Raising())]
    heads.append(training(rows, targets=labels(rows, seed=3)))
    good, spoiled, raising, other = fitted(*heads)
    assert isinstance(spoiled, JobError)
    assert "step 7 of 12: the loss is nan; no update was made from it. Lower the learning rate" in str(spoiled)
    assert isinstance(raising, ValueError)
    np.testing.assert_allclose(good.probs["test"], test_probs(heads[0])[0], atol=1e-5)
    np.testing.assert_allclose(other.probs["test"], test_probs(heads[3])[0], atol=1e-5)


def test_one_set_of_labels_that_are_no_numbers_fails_alone():
    bad = labels(CLASSES)
    bad[17] = np.nan
    good, failed = fitted(training(), training(targets=bad))
    assert isinstance(failed, JobError)
    assert "e17" in str(failed)
    np.testing.assert_allclose(good.probs["test"], test_probs(training())[0], atol=1e-5)


def judged(rows, recipe, seed=0, **changes):
    valid, test = examples(20, seed=11, prefix="v"), TEST[True]
    right = np.eye(2, dtype=bool)[np.random.default_rng(seed).integers(2, size=20)]
    truth = np.eye(2, dtype=bool)[np.arange(12) % 2]
    judges = {"validation_accuracy": (valid, right), "test_accuracy": (test, truth)}
    return training(rows, recipe=recipe, judges=judges, **changes)


def test_the_curve_and_its_best_points():
    recipe = replace(RECIPE, curve_points=6, lr=0.3, stop_at="weak-labels")
    stopping, last = fitted(judged(CLASSES, recipe), judged(CLASSES, replace(recipe, stop_at="last"), seed=5))
    assert [row["step"] for row in stopping.curve] == [2, 4, 6, 8, 10, 12]
    assert stopping.curve[-1]["progress"] == 1.0
    assert 0 < stopping.curve[0]["loss"] < 2
    np.testing.assert_array_equal(stopping.probs["test"], stopping.stopping["weak-labels"])
    np.testing.assert_array_equal(last.probs["test"], last.stopping["last"])
    for head in (stopping, last):
        truth = np.arange(12) % 2
        best = (head.stopping["oracle"].argmax(axis=1) == truth).mean()
        assert best == max(row["test_accuracy"] for row in head.curve)
        assert (head.stopping["last"].argmax(axis=1) == truth).mean() == head.curve[-1]["test_accuracy"]
    assert not np.array_equal(stopping.stopping["last"], stopping.stopping["weak-labels"])


def test_without_judges_there_is_no_curve():
    (head,) = fitted(training())
    assert head.curve == []
    assert head.stopping == {}
    assert (head.n_parameters, head.n_together) == (12, 1)


def test_a_stop_leaves_the_heads_that_are_done():
    asked = iter([False] * 12 + [True])
    heads = [training(), training(kept=np.arange(20))]
    assert [position for position, _ in fit(heads, Placement(), stop_requested=lambda: next(asked))] == [0]


def test_progress_rises_to_the_end(monkeypatch):
    clock = iter(range(1000))
    monkeypatch.setattr("w2slab.training.stacked_heads.time", SimpleNamespace(monotonic=lambda: next(clock)))
    said = []
    fitted(training(), training(kept=np.arange(20)), progress=lambda share, words: said.append(share))
    assert said == sorted(said)
    assert said[-1] == 1.0


def test_rows_of_some_examples_stand_in_their_order():
    assert rows_of(np.array([5, 0, 9]), np.array([2, 0, 3])).tolist() == [5, 6, 9, 10, 11]


def test_features_are_on_the_scale_of_the_split_and_a_constant_one_is_zero():
    values = np.array([[1, 7], [3, 7], [8, 9]], dtype=np.float32)
    rows = Rows(["a", "b"], values, np.array([0, 1]), np.array([2, 2]), True)
    np.testing.assert_array_equal(rows.on_scale(rows.scale(), constant=True), [[-1, 0, 1], [1, 0, 1]])
    other = replace(rows, ids=["c"], firsts=np.array([2]), n_candidates=np.array([2]))
    np.testing.assert_array_equal(other.on_scale(rows.scale(), constant=False), [[6, 0]])
