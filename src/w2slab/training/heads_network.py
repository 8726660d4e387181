"""The weights of a stack of heads as one vector, and the products that read and teach them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from w2slab.randomness import rng
from w2slab.training.recipe import HeadShape

# Matrix products of fewer columns take other paths on a CPU: rounding would depend on the other heads of a stack.
_FEWEST_COLUMNS = 16
_ALIGNED = 64  # numbers; what is left over of a vector register is computed otherwise, too


class Views(NamedTuple):
    """A vector of weights (or of gradients, moments ...) by what they are; of G orders with H heads each.

    Args:
        first: [G, D, C'], the columns of a head side by side: its outputs, or its hidden units.
        second: [G, H, U, C], from hidden units to outputs; `None` in linear heads.
        bias: [G, H, 1, C], of `second` where candidates are common classes; `None` elsewhere.
        mixture: [G, H, k], logarithms of the weights of a mixture but for a constant; `None` without one.
    """

    first: Tensor
    second: Tensor | None
    bias: Tensor | None
    mixture: Tensor | None


@dataclass(frozen=True)
class Layout:
    """Layout of the weights of a stack in its vector.

    Args:
        groups: Orders, G.
        heads: Heads of each, H.
        width: Features that a head reads, the constant one among them.
        classes: Classes that are common to all examples, or 1 where candidates have features of their own.
        shape: Of each head.
        shared_candidates: Whether candidates are common classes.
    """

    groups: int
    heads: int
    width: int
    classes: int
    shape: HeadShape
    shared_candidates: bool

    @property
    def outputs(self) -> int:
        """Outputs of a head: for each part of its mixture, a score for each class or for a candidate."""
        return self.shape.n_heads * self.classes

    @property
    def columns(self) -> int:
        """Columns of the first product that belong to heads."""
        return self.heads * (self.shape.hidden or self.outputs)

    def _sizes(self) -> dict[str, tuple[int, ...] | None]:
        g, h, hidden, k = self.groups, self.heads, self.shape.hidden, self.shape.n_heads
        padded = max(_FEWEST_COLUMNS, -(-self.columns // 4) * 4)
        return {
            "first": (g, self.width, padded),
            "second": None if hidden is None else (g, h, hidden, self.outputs),
            "bias": None if hidden is None or not self.shared_candidates else (g, h, 1, self.outputs),
            "mixture": None if k == 1 else (g, h, k),
        }

    @property
    def size(self) -> int:
        """Length of the vector."""
        n = sum(math.prod(size) for size in self._sizes().values() if size is not None)
        return -(-n // _ALIGNED) * _ALIGNED

    def views(self, vector: Tensor) -> Views:
        """The parts of a vector, in its own memory."""
        parts, start = {}, 0
        for name, size in self._sizes().items():
            length = 0 if size is None else math.prod(size)
            parts[name] = None if size is None else vector[start : start + length].view(size)
            start += length
        first = parts.pop("first")
        assert first is not None
        return Views(first, **parts)

    def spread(self, values: Tensor) -> Tensor:
        """A vector that holds, wherever a head has a weight, the head's own value: from [G, H] to [size]."""
        vector = torch.zeros(self.size, dtype=values.dtype, device=values.device)
        views = self.views(vector)
        own = values[:, :, None].expand(-1, -1, self.columns // self.heads)
        views.first[..., : self.columns] = own.reshape(self.groups, 1, self.columns)
        for part in views[1:]:
            if part is not None:
                part.copy_(values.view(self.groups, self.heads, *[1] * (part.dim() - 2)).expand_as(part))
        return vector

    def first_weights(self, seeds: list[list[int]]) -> Tensor:
        """The vector before training: zero but for hidden units, drawn as in PyTorch, and small draws within mixtures.

        Args:
            seeds: Of each head, by order.
        """
        vector = torch.zeros(self.size)
        shape = self.shape
        if shape.hidden is None and shape.n_heads == 1:
            return vector
        views = self.views(vector)
        by_head = views.first[..., : self.columns].view(self.groups, self.width, self.heads, -1)
        n_features = self.width - (self.shared_candidates or shape.hidden is not None)
        for g, row in enumerate(seeds):
            for h, seed in enumerate(row):
                last = by_head[g, :n_features, h]
                if shape.hidden is not None:
                    assert views.second is not None
                    reach = 1 / math.sqrt(max(n_features, 1))
                    drawn = rng(seed, "head", "hidden").uniform(-reach, reach, (self.width, shape.hidden))
                    by_head[g, :, h] = torch.from_numpy(drawn.astype(np.float32))
                    last = views.second[g, h]
                if shape.n_heads > 1:
                    drawn = rng(seed, "head", "mixture").standard_normal(tuple(last.shape)) * 0.1 / math.sqrt(len(last))
                    last.copy_(torch.from_numpy(drawn.astype(np.float32)))
        return vector

    def forward(self, weights: Views, rows: Tensor, group: slice) -> tuple[Tensor, Tensor | None]:
        """Outputs [g, M, H, C] of some orders for rows [g, M, D], and hidden units [g, H, M, U] if there are any."""
        product = torch.bmm(rows, weights.first[group])[..., : self.columns]
        g, m = product.shape[:2]
        if weights.second is None:
            return product.view(g, m, self.heads, self.outputs), None
        hidden = product.view(g, m, self.heads, -1).transpose(1, 2).relu().contiguous()
        second = weights.second[group].flatten(0, 1)
        if weights.bias is None:
            outputs = torch.bmm(hidden.flatten(0, 1), second)
        else:
            outputs = torch.baddbmm(weights.bias[group].flatten(0, 1), hidden.flatten(0, 1), second)
        return outputs.view(g, self.heads, m, self.outputs).transpose(1, 2), hidden

    def backward(
        self, weights: Views, into: Views, rows: Tensor, hidden: Tensor | None, outputs: Tensor, group: slice
    ) -> None:
        """Write the gradients of some orders, given that of their outputs [g, M, H, C]."""
        g, m = outputs.shape[:2]
        product = rows.new_zeros(g, m, into.first.shape[2])
        if hidden is None:
            product[..., : self.columns].view(g, m, self.heads, self.outputs).copy_(outputs)
        else:
            assert weights.second is not None
            assert into.second is not None
            flat = outputs.transpose(1, 2).reshape(-1, m, self.outputs)
            torch.bmm(hidden.flatten(0, 1).transpose(1, 2), flat, out=into.second[group].flatten(0, 1))
            if into.bias is not None:
                into.bias[group] = flat.sum(dim=1).view(g, self.heads, 1, self.outputs)
            back = torch.bmm(flat, weights.second[group].flatten(0, 1).transpose(1, 2))
            back *= hidden.flatten(0, 1) > 0
            product[..., : self.columns].view(g, m, self.heads, -1).copy_(back.view_as(hidden).transpose(1, 2))
        torch.bmm(rows.transpose(1, 2), product, out=into.first[group])


def mix(outputs: Tensor, weights: Tensor) -> Tensor:
    """Logits of a convex combination of k distributions: log sum_j pi_j softmax(s_j) (Mulgund and Pabbaraju 2025).

    Args:
        outputs: The scores s, [..., B, k, K].
        weights: [..., k]; pi is their softmax.

    Returns:
        [..., B, K].
    """
    shares = weights.log_softmax(dim=-1)[..., None, :, None]
    return (outputs.log_softmax(dim=-1) + shares).logsumexp(dim=-2)
