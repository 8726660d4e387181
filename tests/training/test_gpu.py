"""The same study on a GPU: the same accuracies to within rounding."""

from __future__ import annotations

import pytest
import torch

import w2slab
from tests.training.test_loop import network, running, training, weights
from w2slab.study.reading import load_study
from w2slab.training.classification import finetune
from w2slab.training.loop import Running
from w2slab.training.placement import Placement


class Hungry(torch.nn.Module):
    """A network that takes 64 MiB for an example, and does nothing with them."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = network()

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        wide = input.new_zeros(len(input), 2**24) + input[:, :1]
        return self.inner(input) + 0 * wide.tanh().mean(dim=1, keepdim=True)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_a_gpu_gives_the_accuracies_of_the_cpu(toy_study, tmp_path):
    study = load_study(toy_study, ["methods=[naive]", "seeds=[0]"])
    found = {}
    for device in ("cpu", "cuda"):
        store = tmp_path / device
        assert (
            w2slab.run(study, store, executor="inline", options=w2slab.RunOptions(device=device)).outcome.exit_code == 0
        )
        found[device] = [row["student_accuracy"] for row in w2slab.load_results(study, store).summary]
    assert found["cuda"] == pytest.approx(found["cpu"], abs=0.01)


# "Micro-batches chosen to fit memory by trial, never changing the result of a step beyond rounding."
@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_a_real_lack_of_gpu_memory_is_met_by_smaller_batches():
    hungry, plain, placement = Hungry(), network(), Placement("cuda")
    finetune(plain, training(judges={}), running())
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(2**30 / total)
    try:
        trained = finetune(hungry, training(judges={}), Running(placement))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert 1 <= trained.micro_batch < 16
    assert 2**26 < placement.peak_gpu_memory_bytes() <= 2**30
    for a, b in zip(weights(plain), weights(hungry.inner), strict=True):
        torch.testing.assert_close(a, b.cpu(), rtol=1e-2, atol=1e-4)
