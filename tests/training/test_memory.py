"""Batches that do not fit into memory: tried again in parts, to the same result."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.training.test_loop import encoded, network, running, training, weights
from w2slab.errors import JobError
from w2slab.objectives import AuxiliaryConfidence
from w2slab.training import memory
from w2slab.training.classification import finetune
from w2slab.training.placement import Placement
from w2slab.training.predict import predict


class RunsOutGoingBack(torch.autograd.Function):
    @staticmethod
    def forward(context, values):
        return values.clone()

    @staticmethod
    def backward(context, slopes):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")


class Small(torch.nn.Module):
    """A network for which more than so many examples at once are too many; `way` is how that shows."""

    def __init__(self, limit: int, way: str = "gpu") -> None:
        super().__init__()
        self.inner, self.limit, self.way = network(), limit, way
        self.seen: list[int] = []

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        self.seen.append(len(input))
        if len(input) > self.limit and self.way == "gpu":
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        if len(input) > self.limit and self.way == "cpu":
            torch.empty(2**60, dtype=torch.uint8)  # what the allocator says is the test
        logits = self.inner(input)
        return RunsOutGoingBack.apply(logits) if len(input) > self.limit and logits.requires_grad else logits


@pytest.mark.parametrize("way", ["gpu", "cpu", "backward"])
def test_a_batch_that_does_not_fit_is_halved_and_the_step_is_done_again(way):
    objective = AuxiliaryConfidence(ramp_frac=0.0)
    fits, small, asked = network(), Small(5, way), network()
    finetune(fits, training(objective), running())
    trained = finetune(small, training(objective), running())
    finetune(asked, training(objective), running(micro_batch=4))
    assert trained.micro_batch == 4
    assert trained.steps == 15
    for whole, parts, four in zip(weights(fits), weights(small.inner), weights(asked), strict=True):
        torch.testing.assert_close(whole, parts, rtol=1e-3, atol=1e-5)
        assert torch.equal(parts, four)


def test_what_does_not_fit_is_tried_no_more_often_than_it_takes():
    small = Small(5)
    finetune(small, training(judges={}), running())
    assert [n for n in small.seen if n > 5] == [16, 8]


def test_a_limit_is_kept_over_a_stop(tmp_path):
    straight, first, again = Small(5), Small(5), Small(5)
    finetune(straight, training(), running())
    asked = iter([False] * 3 + [True])
    assert finetune(first, training(), running(work=tmp_path, stop_requested=lambda: next(asked))) is None
    assert finetune(again, training(judges={}), running(work=tmp_path)).micro_batch == 4
    assert max(again.seen) <= 5
    assert all(torch.equal(a, b) for a, b in zip(weights(straight), weights(again), strict=True))


def test_a_single_example_that_does_not_fit_is_an_error_with_advice():
    with pytest.raises(JobError, match=r"step 1: a single example does not fit .*max_length.*gradient-checkpointing"):
        finetune(Small(0), training(), running())


def test_predictions_are_made_in_batches_that_fit():
    examples, placement = encoded(), Placement("cpu")
    small = Small(9)
    expected = predict(network(), examples, placement, 64)
    np.testing.assert_allclose(predict(small, examples, placement, 64), expected, atol=1e-6)
    assert [n for n in small.seen if n > 9] == [64, 32, 16]
    small.seen.clear()
    predict(small, examples, placement, 64)
    assert max(small.seen) == 8  # what was learned is not forgotten
    with pytest.raises(JobError, match='the prediction of example "train-'):
        predict(Small(0), examples, placement, 64)


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    assert not memory.ran_out(RuntimeError("mat1 and mat2 shapes cannot be multiplied (3x4 and 5x6)"))
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        finetune(torch.nn.Linear(3, 2), training(), running())
