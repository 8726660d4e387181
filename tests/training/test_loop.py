"""The loop on a small real network: what is learned, where it stops, and that stopping changes nothing."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from w2slab.errors import JobError
from w2slab.objectives import AuxiliaryConfidence, CrossEntropy
from w2slab.randomness import rng
from w2slab.training import checkpoint
from w2slab.training.batches import Encoded
from w2slab.training.classification import Training, finetune
from w2slab.training.loop import Running
from w2slab.training.optimizer import clip
from w2slab.training.placement import Placement
from w2slab.training.predict import predict
from w2slab.training.recipe import Recipe

N, WIDTH = 70, 6
RECIPE = Recipe(epochs=3, batch_size=16, lr=0.05, curve_points=5)


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    layers = torch.nn.Sequential(
        torch.nn.Linear(WIDTH, 8), torch.nn.Tanh(), torch.nn.Dropout(0.5), torch.nn.Linear(8, 2)
    )
    return layers.train()


def encoded(n: int = N, name: str = "train") -> Encoded:
    values = torch.from_numpy(rng(0, name).standard_normal((n, WIDTH)).astype(np.float32))
    return Encoded(
        ids=[f"{name}-{i}" for i in range(n)],
        rows=values,
        collate=lambda rows, indices: {"input": rows[torch.from_numpy(indices)]},
        lengths=rng(1, name).integers(1, 9, n),
        n_candidates=np.full(n, 2),
    )


def training(objective=None, recipe: Recipe = RECIPE, **changes) -> Training:
    examples = encoded()
    ones = torch.sigmoid(2 * examples.rows[:, 0] + examples.rows[:, 1]).numpy()
    judged = encoded(40, "judged")
    truth = (2 * judged.rows[:, 0] + judged.rows[:, 1] > 0).numpy().astype(int)
    noisy = np.where(rng(2, "noise").random(40) < 0.2, 1 - truth, truth)
    judges = {"validation_accuracy": (judged, noisy.__eq__), "test_accuracy": (judged, truth.__eq__)}
    targets = np.stack([1 - ones, ones], axis=1).astype(np.float32)
    whole = Training(examples, targets, True, objective or AuxiliaryConfidence(), recipe, seed=5, judges=judges)
    return replace(whole, **changes)


def running(**options) -> Running:
    return Running(Placement("cpu"), **options)


def weights(model: torch.nn.Module) -> list[torch.Tensor]:
    return [p.detach().clone() for p in model.parameters()]


def test_it_learns_and_judges_evenly_over_training():
    model = network()
    trained = finetune(model, training(), running())
    assert trained.steps == 15
    assert [row["step"] for row in trained.curve] == [3, 6, 9, 12, 15]
    assert trained.curve[-1]["progress"] == 1.0
    assert trained.curve[-1]["test_accuracy"] > 0.7
    assert trained.curve[-1]["loss"] < trained.curve[0]["loss"]


# "Offer dropout off by default": the network is in evaluation mode, so dropout layers draw nothing.
def test_dropout_is_off():
    states = []
    for seed in (1, 2):
        model = network()
        torch.manual_seed(seed)
        finetune(model, training(), running())
        states.append(weights(model))
    assert all(torch.equal(a, b) for a, b in zip(*states, strict=True))


# "The threshold needs the whole optimizer batch; it is computed once per optimizer step, never per micro-batch."
@pytest.mark.parametrize("objective", [CrossEntropy(), AuxiliaryConfidence(ramp_frac=0.0)])
@pytest.mark.parametrize("micro_batch", [1, 5, 16])
def test_micro_batches_change_nothing_but_rounding(objective, micro_batch):
    whole, parts = network(), network()
    a = finetune(whole, training(objective), running())
    b = finetune(parts, training(objective), running(micro_batch=micro_batch))
    for first, second in zip(weights(whole), weights(parts), strict=True):
        torch.testing.assert_close(first, second, rtol=1e-3, atol=1e-5)
    assert b.curve[-1]["loss"] == pytest.approx(a.curve[-1]["loss"], rel=1e-4)


# "Resume giving bit-equal results."
@pytest.mark.parametrize("stop_after", [1, 4, 5, 9, 14])
@pytest.mark.parametrize("micro_batch", [None, 5])
def test_a_stopped_training_goes_on_to_the_same_bits(tmp_path, stop_after, micro_batch):
    straight, stopped = network(), network()
    expected = finetune(straight, training(), running(micro_batch=micro_batch))
    asked = iter([False] * (stop_after - 1) + [True])
    first = running(work=tmp_path, micro_batch=micro_batch, stop_requested=lambda: next(asked))
    assert finetune(stopped, training(), first) is None
    torch.manual_seed(99)  # what others draw in between does not matter
    resumed = network()
    trained = finetune(resumed, training(), running(work=tmp_path, micro_batch=micro_batch))
    assert trained.steps_here == 15 - stop_after
    assert trained.curve == expected.curve
    assert all(torch.equal(a, b) for a, b in zip(weights(straight), weights(resumed), strict=True))
    assert trained.snapshots.keys() == expected.snapshots.keys()
    for point, snapshot in expected.snapshots.items():
        assert all(torch.equal(snapshot[name], trained.snapshots[point][name]) for name in snapshot)


class Killed(BaseException):
    pass


def test_a_killed_training_goes_on_from_its_last_checkpoint_to_the_same_bits(tmp_path):
    straight = network()
    finetune(straight, training(), running())
    for killed_after in (2, 7, 13):
        calls = iter(range(1, 100))

        def die(after: int = killed_after, calls=calls) -> bool:
            if next(calls) > after:
                raise Killed
            return False

        work = tmp_path / str(killed_after)
        with pytest.raises(Killed):
            finetune(network(), training(), running(work=work, checkpoint_every_s=0.0, stop_requested=die))
        resumed = network()
        assert finetune(resumed, training(), running(work=work)).steps_here == 15 - killed_after
        assert all(torch.equal(a, b) for a, b in zip(weights(straight), weights(resumed), strict=True))


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    asked = iter([True])
    finetune(network(), training(), running(work=tmp_path, stop_requested=lambda: next(asked)))
    with pytest.raises(JobError, match="belongs to another training; delete it"):
        finetune(network(), training(recipe=replace(RECIPE, epochs=4)), running(work=tmp_path))


def test_a_damaged_checkpoint_is_an_error_that_says_what_to_do(tmp_path):
    (tmp_path / checkpoint.FILE).write_bytes(b"\x00" * 40)
    with pytest.raises(JobError, match=r"cannot be read .* delete it to begin anew"):
        finetune(network(), training(), running(work=tmp_path))


# "A loss that is not finite stops the job before the optimizer step and names the batch."
@pytest.mark.parametrize("micro_batch", [None, 4])
def test_a_loss_that_is_not_finite_stops_before_the_update_and_names_the_batch(micro_batch):
    spoiled = training(CrossEntropy())
    bad = 33
    spoiled.examples.rows[bad] = math.nan
    seen = []

    def note() -> bool:
        seen.append(weights(model))
        return False

    model = network()
    with pytest.raises(JobError, match=rf"step \d+ of 15: the loss is nan.*train-{bad}\b") as error:
        finetune(model, spoiled, running(micro_batch=micro_batch, stop_requested=note))
    assert f"step {len(seen) + 1} of" in str(error.value)
    before = seen[-1] if seen else weights(network())
    assert all(torch.equal(a, b) for a, b in zip(before, weights(model), strict=True))


def test_the_first_of_equally_good_points_is_kept():
    always = lambda choices: np.ones(len(choices), dtype=bool)  # noqa: E731
    judged = encoded(40, "judged")
    judges = {"validation_accuracy": (judged, always), "test_accuracy": (judged, always)}
    trained = finetune(network(), training(judges=judges), running())
    third = iter([False, False, True])
    model = network()
    finetune(model, training(judges=judges), running(stop_requested=lambda: next(third)))
    best = trained.snapshots["weak-labels"]
    assert all(torch.equal(best[name], p) for name, p in model.named_parameters())


def test_frozen_parameters_stay_and_are_not_copied():
    model = network()
    for parameter in model[0].parameters():
        parameter.requires_grad_(False)
    before = weights(model[0])
    trained = finetune(model, training(), running())
    assert all(torch.equal(a, b) for a, b in zip(before, weights(model[0]), strict=True))
    assert set(trained.snapshots["oracle"]) == {"3.weight", "3.bias"}


def test_clipping_equals_that_of_torch():
    for largest in (0.1, 1e6):
        ours, theirs = ([torch.nn.Parameter(torch.zeros(3, 2)), torch.nn.Parameter(torch.zeros(2))] for _ in range(2))
        for a, b in zip(ours, theirs, strict=True):
            a.grad = torch.arange(a.numel()).reshape(a.shape).float() + 1
            b.grad = a.grad.clone()
        clip(ours, largest)
        torch.nn.utils.clip_grad_norm_(theirs, largest)
        for a, b in zip(ours, theirs, strict=True):
            torch.testing.assert_close(a.grad, b.grad)


def test_predictions_come_in_the_order_of_the_examples_whatever_the_batches():
    model, examples = network(), encoded()
    one = predict(model, examples, Placement("cpu"), 1)
    many = predict(model, examples, Placement("cpu"), 16)
    np.testing.assert_allclose(one, many, atol=1e-6)
    np.testing.assert_allclose(many.sum(axis=1), 1, atol=1e-6)
    by_hand = model.eval()(examples.rows).softmax(dim=1).detach().numpy()
    np.testing.assert_allclose(many, by_hand, atol=1e-6)


def test_an_unknown_device_is_an_error_that_lists_the_allowed():
    with pytest.raises(JobError, match="allowed: auto, cpu, cuda, mps"):
        Placement("abacus")


# "fp32 master weights": what is computed in half precision is neither stored nor updated in it.
def test_half_precision_learns_as_well_and_keeps_weights_and_optimizer_whole(tmp_path):
    from safetensors import safe_open

    model, seen = network(), []
    model[0].register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    half = Running(Placement("cpu", "bf16"), work=tmp_path, checkpoint_every_s=0.0)
    trained = finetune(model, training(), half)
    assert set(seen) == {torch.bfloat16}
    assert all(p.dtype == torch.float32 for p in model.parameters())
    assert trained.curve[-1]["loss"] < trained.curve[0]["loss"]
    with safe_open(tmp_path / checkpoint.FILE, framework="pt") as stored:
        kept = {name: stored.get_tensor(name).dtype for name in stored.keys() if name.startswith(("weights", "optim"))}
    assert len(kept) == 4 * 4  # weights, both moments and the count of steps
    assert set(kept.values()) == {torch.float32}


def test_half_precision_on_a_gpu_that_has_none_is_an_error(monkeypatch):
    class Old:
        device, num_processes, process_index, distributed_type = torch.device("cuda"), 1, 0, "NO"

    monkeypatch.setattr("accelerate.Accelerator", lambda cpu: Old)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    with pytest.raises(JobError, match="this GPU does not compute in bf16; use fp32"):
        Placement(precision="bf16")
