"""Two real processes: the weights of one, whether each holds all of the network or a part, and after a stop."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.training.test_loop import network, running, training, weights
from w2slab.objectives import AuxiliaryConfidence
from w2slab.training.classification import finetune
from w2slab.training.predict import predict

SCRIPT = """
import json, os, pathlib, torch
from test_loop import AuxiliaryConfidence, Placement, Running, finetune, network, training, weights
from test_memory import Small
from w2slab.training.predict import predict
from w2slab.training.sharding import whole

folder, rank = pathlib.Path(__file__).parent, int(os.environ["RANK"])
told = {}

def train(name, model=None, sharded=False, **options):
    model = model or network()
    placement = Placement("cpu", sharded=sharded)
    trained = finetune(model, training(AuxiliaryConfidence(ramp_frac=0.0)), Running(placement, **options))
    if trained is not None:
        probs = [predict(model, training().examples, placement, 16).tolist() for _ in range(2)]
        snapshots = {n: {k: whole(t).tolist() for k, t in s.items()} for n, s in trained.snapshots.items()}
        values = [whole(w).flatten().tolist() for w in weights(model)]
        told[name] = {"weights": values, "probs": probs, "snapshots": snapshots, "curve": trained.curve}
        told[name]["micro_batch"] = trained.micro_batch

for sharded in (False, True):
    name = "sharded" if sharded else "plain"
    train(name, sharded=sharded, micro_batch=3)
    asked = iter([False] * 6)  # the second process is asked at other times, and obeys the first
    stop = lambda: next(asked, True) if rank == 0 else True
    train("", sharded=sharded, micro_batch=3, work=folder / name, stop_requested=stop)
    torch.distributed.barrier()  # what the first has written, the second reads
    train(name + " stopped", sharded=sharded, micro_batch=3, work=folder / name)
train("memory", Small(3 if rank else 100))
(folder / f"told-{rank}").write_text(json.dumps(told))
torch.distributed.barrier()
torch.distributed.destroy_process_group()  # else a process that ends first may abort the other
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What each of two processes says of its trainings."""
    folder = tmp_path_factory.mktemp("two")
    script = folder / "two.py"
    script.write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(script)]
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=os.environ | {"PYTHONPATH": path})
    assert done.returncode == 0, done.stderr
    return [json.loads((folder / f"told-{rank}").read_text()) for rank in range(2)]


@pytest.fixture(scope="module")
def one():
    model = network()
    trained = finetune(model, training(AuxiliaryConfidence(ramp_frac=0.0)), running())
    return weights(model), trained, predict(model, training().examples, running().placement, 16)


# "The statistic needs the whole optimizer batch (all ranks)": several processes change results by rounding only.
@pytest.mark.parametrize("name", ["plain", "sharded", "memory"])
def test_two_processes_give_the_weights_of_one(told, one, name):
    for each in told:
        for values, expected in zip(each[name]["weights"], one[0], strict=True):
            torch.testing.assert_close(torch.tensor(values), expected.flatten(), rtol=1e-3, atol=1e-5)
        for row, expected in zip(each[name]["curve"], one[1].curve, strict=True):
            assert row == pytest.approx(expected, rel=1e-4)
        for probs in each[name]["probs"]:  # the second time, a limit of memory that one of the two has met is known
            torch.testing.assert_close(torch.tensor(probs), torch.from_numpy(one[2]), rtol=1e-3, atol=1e-5)
    assert told[0][name] == told[1][name]


# "Resume giving bit-equal results."
@pytest.mark.parametrize("name", ["plain", "sharded"])
def test_two_processes_that_were_stopped_go_on_to_the_same_bits(told, name):
    assert told[0][name] == told[0][f"{name} stopped"]


# "Under several ranks all ranks must agree."
def test_when_one_process_runs_out_of_memory_all_take_smaller_parts(told):
    assert [each["memory"]["micro_batch"] for each in told] == [2, 2]
