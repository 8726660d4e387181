"""Device, number type and processes of a job: the only module that knows Accelerate."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

import numpy as np

from w2slab.errors import JobError
from w2slab.training import memory, sharding

if TYPE_CHECKING:
    import torch
    from torch import Tensor

T = TypeVar("T")

Device = Literal["auto", "cpu", "cuda", "mps"]
DEVICES: tuple[Device, ...] = get_args(Device)
_BUCKET = 2**24  # numbers that are summed over processes at a time


class Placement:
    """Device, number type and processes of one job.

    With one process nothing of Accelerate is called inside a step. With several, each takes its share of every
    optimizer batch and gradients are summed once all of them are there, so that the number of processes changes results
    by rounding only, and a process that runs out of memory leaves no other waiting for it. Where the network is
    *sharded*, they pass through it in step, and what does not fit into memory is an error.

    Args:
        device: `auto` takes an accelerator if there is one, `cpu` never; `cuda` and `mps` insist.
        precision: `bf16` computes in half precision; the weights stay fp32.
        sharded: Several processes keep a part of the network each (FSDP2).

    Raises:
        JobError: The device or the number type is not to be had here.
    """

    def __init__(
        self, device: Device = "auto", precision: Literal["fp32", "bf16"] = "fp32", *, sharded: bool = False
    ) -> None:
        from accelerate import Accelerator, DistributedType

        if device not in DEVICES:
            raise JobError(f'device: "{device}" is not known; allowed: {", ".join(DEVICES)}')
        self._accelerator = Accelerator(cpu=device == "cpu")
        self.device: torch.device = self._accelerator.device
        if device in ("cuda", "mps") and self.device.type != device:
            raise JobError(f'device: this machine has no "{device}"; allowed: cpu, auto')
        if precision == "bf16" and self.device.type == "cuda" and not cuda_has_bf16():
            raise JobError(
                "precision: this GPU does not compute in bf16; use fp32 in the recipe, or run with device cpu"
            )
        if self.device.type == "cuda":
            import torch

            torch.cuda.reset_peak_memory_stats(self.device)
        self.world: int = self._accelerator.num_processes
        self.rank: int = self._accelerator.process_index
        self.sharded = sharded and self.world > 1
        self.largest_prediction: int | None = None
        self._precision = precision
        # A sharded network averages gradients over processes, and a sum is wanted.
        self.loss_factor: int = self.world if self.sharded else 1
        plain = (DistributedType.NO, DistributedType.MULTI_CPU, DistributedType.MULTI_GPU)
        if self._accelerator.distributed_type not in plain:
            raise JobError(
                f"{self._accelerator.distributed_type}: not supported; start the job with one process, or with "
                "several under data parallelism"
            )

    @property
    def is_main(self) -> bool:
        """True for the process that writes files."""
        return self.rank == 0

    @property
    def is_mixed(self) -> bool:
        """True if forward passes compute in half precision."""
        return self._precision != "fp32"

    def place(self, network: torch.nn.Module) -> torch.nn.Module:
        """The network, or this process's part of it, on its device.

        Raises:
            JobError: It does not fit there.
        """
        try:
            if self.sharded:
                return sharding.shard(network, self.device, self.world)
            return network.to(self.device)
        except RuntimeError as error:
            if not memory.ran_out(error):
                raise
        raise memory.does_not_fit("the network")

    def free(self) -> None:
        """Give back what a batch that did not fit has left."""
        if self.device.type == "cuda":
            import torch

            torch.cuda.empty_cache()

    def peak_gpu_memory_bytes(self) -> int:
        """The most memory that tensors of this process have taken on the GPU since the job began."""
        import torch

        return torch.cuda.max_memory_allocated(self.device)

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

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum over processes."""
        return tensor if self.world == 1 else self._accelerator.reduce(tensor, reduction="sum")

    def sum_gradients(self, parameters: Iterable[Any]) -> None:
        """Replace every gradient by its sum over processes, which have gradients of the same parameters."""
        import torch

        if self.world == 1 or self.sharded:  # a sharded network has averaged them by itself
            return
        bucket: list[Tensor] = []
        gradients = [p.grad for p in parameters if p.grad is not None]
        for index, gradient in enumerate(gradients):
            bucket.append(gradient)
            if index + 1 == len(gradients) or sum(g.numel() for g in bucket) >= _BUCKET:
                flat = torch.cat([g.flatten() for g in bucket])
                torch.distributed.all_reduce(flat)
                for each, summed in zip(bucket, flat.split([g.numel() for g in bucket]), strict=True):
                    each.copy_(summed.view_as(each))
                bucket = []

    def idle_passes(self, n_passes: int, n_own: int) -> int:
        """Passes in which this process must keep step with others that have more to do, of `n_passes` by all."""
        return -(-n_passes // self.world) - n_own if self.sharded else 0

    def agree(self, flag: bool) -> bool:
        """Return the main process's flag in all processes, whose clocks may differ."""
        return flag if self.world == 1 else self._any(flag and self.is_main)

    def together(self, work: Callable[[], T]) -> T:
        """Do what may not fit into memory; if that happens to any process, all of them raise.

        Raises:
            RuntimeError: Memory ran out, here or in another process.
        """
        if self.world == 1 or self.sharded:
            return work()
        did_fit = True
        try:
            result = work()
        except RuntimeError as error:
            if not memory.ran_out(error):
                raise
            did_fit = False
        if self._any(not did_fit):
            raise memory.RanOut("a process of this job ran out of memory")
        return result

    def _any(self, flag: bool) -> bool:
        import torch

        return bool(self.sum(torch.tensor(float(flag), device=self.device)).item())


def cuda_has_bf16() -> bool:
    """Return True if the GPU computes in bf16 natively."""
    import torch

    return torch.cuda.is_bf16_supported(including_emulation=False)
