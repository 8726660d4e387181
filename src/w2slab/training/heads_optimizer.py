"""AdamW for a stack of heads: one pass over all weights, with each head's own rate and decay."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from w2slab.training.head_training import HeadTraining
from w2slab.training.heads_network import Layout


class AdamW:
    """Loshchilov and Hutter 2019, with PyTorch's defaults, and the running mean of weights of `training.loop`.

    PyTorch's fused update is made with a rate of 1 from weights of 0. What it gives, times each head's own rate, is
    added to the weights: the same numbers but for rounding, in one more pass.

    Args:
        layout: Of the weights.
        groups: The heads of each order.
        device: Where they are.
    """

    def __init__(self, layout: Layout, groups: Sequence[Sequence[HeadTraining]], device: torch.device) -> None:
        self.vector = layout.first_weights([[head.seed for head in group] for group in groups]).to(device)
        self._gradient, self._first, self._second, self._update = (torch.zeros_like(self.vector) for _ in range(4))
        self.weights, self.gradients = layout.views(self.vector), layout.views(self._gradient)
        self._steps = torch.zeros((), device=device)
        self._is_fused = device.type in ("cpu", "cuda")
        rates, decays = (
            torch.tensor([[getattr(head.recipe, name) for head in group] for group in groups], dtype=torch.float64)
            for name in ("lr", "weight_decay")
        )
        self._rates = layout.spread(rates.float()).to(device)
        self._decays = layout.spread((rates * decays).float()).to(device) if decays.any() else None
        self._kept: torch.Tensor | None = None
        self._mean: torch.Tensor | None = None
        if groups[0][0].recipe.ema_decay is not None:
            kept = torch.tensor([[head.recipe.ema_decay for head in group] for group in groups])
            self._kept = layout.spread(kept).to(device)

    @property
    def predicting(self) -> torch.Tensor:
        """The weights that predict: their running mean where one is kept."""
        return self.vector if self._mean is None else self._mean

    def step(self, factor: float) -> None:
        """Update all weights by their gradients; `factor` is the share of each head's rate."""
        from torch.optim.adamw import adamw

        self._update.zero_()
        adamw(
            [self._update],
            [self._gradient],
            [self._first],
            [self._second],
            [],
            [self._steps],
            fused=self._is_fused,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=1.0,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )
        if self._decays is not None:
            self.vector.addcmul_(self.vector, self._decays, value=-factor)
        self.vector.addcmul_(self._update, self._rates, value=factor)
        if self._kept is not None:
            self._move_mean(self._kept)

    def _move_mean(self, kept: torch.Tensor) -> None:
        """Early on the mean forgets faster, so that the first weights leave it."""
        step = float(self._steps.item())
        if self._mean is None:
            self._mean = self.vector.clone()
        self._mean.lerp_(self.vector, 1.0 - kept.clamp(max=(1.0 + step) / (10.0 + step)))
