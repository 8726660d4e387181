"""Where a network lives and how its batches are spread: the only place that knows Accelerate."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from w2slab.errors import JobError

if TYPE_CHECKING:
    import torch
    from torch import Tensor


DEVICES = ("auto", "cpu", "cuda", "mps")


class Placement:
    """Device, number type and processes of one job.

    With one process nothing of Accelerate is called inside a step. With several, each takes its share of every
    optimizer batch, so that their number changes results by rounding only.

    Args:
        options: `device`: `auto` takes an accelerator if there is one, `cpu` never; `cuda` and `mps` insist.
        precision: `bf16` computes in half precision; the weights stay fp32.
    """

    def __init__(self, options: Mapping[str, Any], precision: Literal["fp32", "bf16"] = "fp32") -> None:
        from accelerate import Accelerator, DistributedType

        device = options.get("device") or "auto"
        if device not in DEVICES:
            raise JobError(f'option device: "{device}" is not known; allowed: {", ".join(DEVICES)}')
        self._accelerator = Accelerator(cpu=device == "cpu")
        self.device: torch.device = self._accelerator.device
        if device in ("cuda", "mps") and self.device.type != device:
            raise JobError(f'option device: this machine has no "{device}"; allowed: cpu, auto')
        self.world: int = self._accelerator.num_processes
        self.rank: int = self._accelerator.process_index
        self._precision = precision
        plain = (DistributedType.NO, DistributedType.MULTI_CPU, DistributedType.MULTI_GPU)
        if self._accelerator.distributed_type not in plain:
            raise JobError(
                f"{self._accelerator.distributed_type}: not supported; start the job with one process, or with "
                "several under data parallelism"
            )

    @property
    def is_main(self) -> bool:
        """Whether this process writes files."""
        return self.rank == 0

    @property
    def is_mixed(self) -> bool:
        """Whether forward passes compute in half precision."""
        return self._precision != "fp32"

    def place(self, network: torch.nn.Module) -> torch.nn.Module:
        """The network on its device."""
        return network.to(self.device)

    def wrap(self, network: torch.nn.Module) -> torch.nn.Module:
        """The network to call while training: gradients are averaged over processes."""
        return network if self.world == 1 else self._accelerator.prepare_model(network)

    def autocast(self) -> AbstractContextManager[Any]:
        """Context of every forward pass."""
        import torch

        if self._precision == "fp32":
            return nullcontext()
        context: AbstractContextManager[Any] = torch.autocast(self.device.type, torch.bfloat16)
        return context

    def to_device(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """The batch on the device."""
        if self.device.type == "cpu":
            return batch
        return {name: tensor.to(self.device, non_blocking=True) for name, tensor in batch.items()}

    def share(self, indices: np.ndarray) -> np.ndarray:
        """The examples of an optimizer batch that this process computes; may be empty."""
        return indices if self.world == 1 else indices[self.rank :: self.world]

    def no_sync(self, network: torch.nn.Module) -> AbstractContextManager[Any]:
        """Context of a backward pass that is not the last of its step."""
        return nullcontext() if self.world == 1 else self._accelerator.no_sync(network)

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum over processes."""
        return tensor if self.world == 1 else self._accelerator.reduce(tensor, reduction="sum")

    def agree(self, flag: bool) -> bool:
        """Whether the main process says yes; a clock may tell each process something else."""
        if self.world == 1:
            return flag
        import torch

        return bool(self.sum(torch.tensor(float(flag and self.is_main), device=self.device)).item())
