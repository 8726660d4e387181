"""The checkpoint of an unfinished training: one safetensors file, written whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2slab.errors import JobError
from w2slab.training.sharding import local, spread_like, whole

if TYPE_CHECKING:
    import torch
    from torch import Tensor

FILE = "training.safetensors"


@dataclass
class Progress:
    """Progress of a training; with the weights and the optimizer's state, all that is needed to continue.

    Args:
        step: Optimizer steps done.
        loss_sum: Sum of their losses since the last curve point.
        loss_steps: How many these are.
        curve: Rows so far.
        best: Highest accuracy so far, by stopping point.
        snapshots: Weights at that point, by stopping point.
        micro_batch: Most examples in one pass, where memory has set a limit.
    """

    step: int = 0
    loss_sum: float = 0.0
    loss_steps: int = 0
    curve: list[dict[str, float]] = field(default_factory=list)
    best: dict[str, float] = field(default_factory=dict)
    snapshots: dict[str, dict[str, Tensor]] = field(default_factory=dict)
    micro_batch: int | None = None


def trainable(network: torch.nn.Module) -> dict[str, Tensor]:
    """Return the tensors that training changes: parameters with gradient, and buffers, by name."""
    tensors = {name: p.detach() for name, p in network.named_parameters() if p.requires_grad}
    return tensors | {f"buffer {name}": buffer for name, buffer in network.named_buffers()}


def copied(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies that later steps do not change."""
    return {name: tensor.clone() for name, tensor in tensors.items()}


def restore_weights(network: torch.nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Put copied weights back, into the memory where the network's are."""
    for name, tensor in trainable(network).items():
        local(tensor).copy_(local(weights[name]))


def save(
    folder: Path, identity: Mapping[str, Any], progress: Progress, network: Any, optimizer: Any, *, writes: bool = True
) -> None:
    """Write the place; an older one is replaced in one rename.

    Every process of a sharded network must call this; one of them `writes`.
    """
    import torch
    from safetensors.torch import save_file

    tensors = {f"weights/{name}": tensor for name, tensor in trainable(network).items()}
    for point, snapshot in progress.snapshots.items():
        tensors |= {f"snapshot/{point}/{name}": tensor for name, tensor in snapshot.items()}
    for index, name, tensor in _optimizer_state(optimizer):
        tensors[f"optimizer/{index}/{name}"] = tensor
    for name, tensor in tensors.items():
        tensors[name] = whole(tensor).cpu().contiguous() if writes else whole(tensor).new_empty(0)
    if not writes:
        return
    tensors["rng"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["rng cuda"] = torch.cuda.get_rng_state()
    facts = {field.name: vars(progress)[field.name] for field in fields(progress) if field.name != "snapshots"}
    metadata = {"progress": json.dumps(facts), "identity": json.dumps(identity, sort_keys=True)}
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f"{FILE}.unfinished"
    save_file(tensors, unfinished, metadata)
    with unfinished.open("rb") as written:
        os.fsync(written.fileno())
    unfinished.replace(folder / FILE)


def load(folder: Path, identity: Mapping[str, Any], network: Any, optimizer: Any) -> Progress:
    """Put weights and optimizer where they were, and say how far that is; the beginning if nothing was saved.

    Raises:
        JobError: What was saved belongs to another training or cannot be read.
    """
    import torch
    from safetensors import SafetensorError, safe_open

    path = folder / FILE
    if not path.exists():
        return Progress()
    try:
        with safe_open(path, framework="pt") as stored:
            metadata, tensors = stored.metadata(), {name: stored.get_tensor(name) for name in stored.keys()}
    except (SafetensorError, OSError) as error:
        raise JobError(f"{path}: the checkpoint cannot be read ({error}); delete it to begin anew") from None
    if metadata["identity"] != json.dumps(identity, sort_keys=True):
        raise JobError(f"{path}: the checkpoint belongs to another training; delete it to begin anew")
    progress = Progress(**json.loads(metadata["progress"]))
    weights = trainable(network)
    device = next(iter(weights.values())).device
    for name, tensor in tensors.items():
        kind, _, rest = name.partition("/")
        first, _, last = rest.partition("/")
        if kind == "snapshot":
            progress.snapshots.setdefault(first, {})[last] = spread_like(tensor, weights[last])
        elif kind == "optimizer":
            parameter = optimizer.param_groups[0]["params"][int(first)]
            state = optimizer.state[parameter]
            if last in state:
                local(state[last]).copy_(local(spread_like(tensor, state[last])))
            else:
                is_on_device = last != "step" or optimizer.param_groups[0].get("fused")
                state[last] = tensor.to(device if is_on_device else "cpu", copy=True)
    restore_weights(network, {name: spread_like(tensors[f"weights/{name}"], own) for name, own in weights.items()})
    torch.set_rng_state(tensors["rng"])
    if "rng cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["rng cuda"])
    return progress


def _optimizer_state(optimizer: Any) -> Iterator[tuple[int, str, Tensor]]:
    for index, parameter in enumerate(optimizer.param_groups[0]["params"]):
        for name, tensor in optimizer.state.get(parameter, {}).items():
            yield index, name, tensor
