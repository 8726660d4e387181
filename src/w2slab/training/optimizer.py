"""AdamW, of PyTorch's own update without its optimizer class; and gradients clipped."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from w2slab.training.sharding import is_spread, local

if TYPE_CHECKING:
    from torch import Tensor

_FUSED_ON = ("cpu", "cuda")


class AdamW:
    """AdamW (Loshchilov and Hutter 2019), the same bits as `torch.optim.AdamW`.

    That class imports PyTorch's compiler when it is made, a second of every worker's life, and its bookkeeping is a
    tenth of a step of the smallest models. Its public `param_groups` and `state` are kept.
    """

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float,
        weight_decay: float = 0.0,
        betas: tuple[float, float] = (0.9, 0.999),
    ) -> None:
        import torch

        self.betas = betas
        chosen = [p for p in parameters if p.requires_grad]
        self.param_groups: list[dict[str, Any]] = [{"params": chosen, "lr": lr, "weight_decay": weight_decay}]
        self.state: dict[Any, dict[str, Tensor]] = {
            p: {
                "step": torch.zeros((), device=p.device),
                "exp_avg": torch.zeros_like(p.detach()),
                "exp_avg_sq": torch.zeros_like(p.detach()),
            }
            for p in chosen
        }
        self._is_sharded = any(is_spread(p) for p in chosen)
        self._is_fused = all(p.device.type in _FUSED_ON and p.is_floating_point() for p in chosen)

    def step(self) -> None:
        """Update every parameter that has a gradient."""
        import torch
        from torch.optim.adamw import adamw

        group = self.param_groups[0]
        moved = [p for p in group["params"] if p.grad is not None]
        states = [self.state[p] for p in moved]
        lists = [moved, [p.grad for p in moved]]
        lists += [[s[name] for s in states] for name in ("exp_avg", "exp_avg_sq")]
        if self._is_sharded:  # the update is element by element: each process makes its own part
            lists = [[local(tensor) for tensor in tensors] for tensors in lists]
        with torch.no_grad():
            adamw(
                *lists,
                [],
                [s["step"] for s in states],
                fused=self._is_fused,
                amsgrad=False,
                beta1=self.betas[0],
                beta2=self.betas[1],
                lr=group["lr"],
                weight_decay=group["weight_decay"],
                eps=1e-8,
                maximize=False,
            )


def clip(parameters: list[Any], largest: float, summed: Callable[[Tensor], Tensor] | None = None) -> None:
    """Scale the gradient down to a norm of `largest` if it is longer.

    Does what `torch.nn.utils.clip_grad_norm_` does, which takes a sixth of a step of the smallest models.

    Args:
        parameters: Their gradients are one vector.
        largest: Its norm, at most.
        summed: The sum over processes, where each has a part of every gradient.
    """
    import torch

    with torch.no_grad():
        gradients = [p.grad for p in parameters if p.grad is not None]
        if summed is not None:
            gradients = [local(gradient) for gradient in gradients]
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        if summed is not None:
            norm = summed(norm.square()).sqrt()
        if norm.device.type != "cpu":  # reading the norm would make the device wait
            torch._foreach_mul_(gradients, (largest / (norm + 1e-6)).clamp(max=1.0))
        elif (length := norm.item()) > largest:
            torch._foreach_mul_(gradients, largest / (length + 1e-6))
