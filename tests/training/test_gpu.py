"""The same study on a GPU: the same accuracies to within rounding."""

from __future__ import annotations

import pytest
import torch

import w2slab
from w2slab.study import load_study


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_a_gpu_gives_the_accuracies_of_the_cpu(toy_study, tmp_path):
    study = load_study(toy_study, ["methods=[naive]", "seeds=[0]"])
    found = {}
    for device in ("cpu", "cuda"):
        store = tmp_path / device
        assert w2slab.run(study, store, executor="inline", options={"device": device}).exit_code == 0
        found[device] = [row["student_accuracy"] for row in w2slab.load_results(study, store).summary]
    assert found["cuda"] == pytest.approx(found["cpu"], abs=0.01)
