from __future__ import annotations

import subprocess
import sys

import torch

from w2slab.training.optimizer import AdamW


# "The same bits as `torch.optim.AdamW`."
def test_updates_are_those_of_torch_bit_for_bit():
    torch.manual_seed(0)
    ours, theirs = torch.nn.Linear(5, 3), torch.nn.Linear(5, 3)
    theirs.load_state_dict(ours.state_dict())
    own = AdamW(ours.parameters(), lr=0.1, weight_decay=0.01)
    reference = torch.optim.AdamW(theirs.parameters(), lr=0.1, weight_decay=0.01, fused=True)
    for step in range(5):
        rows = torch.randn(4, 5)
        for network, optimizer in ((ours, own), (theirs, reference)):
            network.zero_grad()
            network(rows).square().sum().backward()
            optimizer.param_groups[0]["lr"] = 0.1 / (step + 1)
            optimizer.step()
    assert torch.equal(ours.weight, theirs.weight)
    assert torch.equal(ours.bias, theirs.bias)


# "That class imports PyTorch's compiler when it is made, a second of every worker's life."
def test_training_does_not_import_the_compiler():
    code = (
        "import sys, torch; from w2slab.training.optimizer import AdamW; net = torch.nn.Linear(2, 2); "
        "own = AdamW(net.parameters(), lr=1.0, weight_decay=0.0); net(torch.ones(1, 2)).sum().backward(); own.step(); "
        "assert 'torch._dynamo' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
