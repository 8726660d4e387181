"""Weights spread over the processes of a job (PyTorch's FSDP2): each keeps its part and borrows the others' in passing.

A parameter of such a network is a `DTensor`. Here its parts are put together and taken apart again; all other tensors
pass through as they are, so that the loop and its checkpoints need not know.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def shard(network: torch.nn.Module, device: torch.device, world: int) -> torch.nn.Module:
    """Spread a network, block by block as it stands in its lists of modules; only its own part goes to the device."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(device.type, (world,))
    for block in _blocks(network):
        fully_shard(block, mesh=mesh, reshard_after_forward=True)
    # The rest, too, is given back after each pass: else a prediction would leave weights behind that grow stale.
    fully_shard(network, mesh=mesh, reshard_after_forward=True)
    return network


def _blocks(network: torch.nn.Module) -> list[torch.nn.Module]:
    import torch

    if isinstance(network, torch.nn.ModuleList):
        return list(network)
    return [block for child in network.children() for block in _blocks(child)]


def is_spread(tensor: Any) -> bool:
    """Return True if each process holds a part of the tensor."""
    module = sys.modules.get("torch.distributed.tensor")  # slow to import, and there are none without it
    return module is not None and isinstance(tensor, module.DTensor)


def local(tensor: Any) -> Tensor:
    """Return this process's part, in its own memory."""
    part: Tensor = tensor.to_local() if is_spread(tensor) else tensor
    return part


def whole(tensor: Any) -> Tensor:
    """Return the tensor put together; every process must call this."""
    together: Tensor = tensor.full_tensor() if is_spread(tensor) else tensor
    return together


def spread_like(tensor: Tensor, other: Any) -> Tensor:
    """Return a copy of a whole tensor, which every process has, on the device of another and spread like it."""
    tensor = tensor.to(other.device, copy=True)
    if not is_spread(other):
        return tensor
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(tensor, other.device_mesh, other.placements, src_data_rank=None)
