"""What the tests of objectives share: every row of the table, drawn batches, a loss with its statistic."""

from __future__ import annotations

import math

import numpy as np
import torch
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from w2slab import registry
from w2slab.objectives import TABLE

LN2, LN3, LN4, LN5 = math.log(2), math.log(3), math.log(4), math.log(5)
TWO_THIRDS = [LN2, 0.0]  # logits of the probabilities 2/3, 1/3

ROWS = {name: registry.build("objectives", name, {}) for name in TABLE}


def rows(n_candidates: int, low: float = -50.0, high: float = 50.0):
    """Batches of logits, no two of them equal, and positive weights of the candidates."""
    shape = st.tuples(st.integers(1, 12), st.just(n_candidates))
    return shape.flatmap(
        lambda s: st.tuples(
            arrays.arrays(np.float32, s, elements=st.floats(low, high, width=32), unique=True),
            arrays.arrays(np.float32, s, elements=st.floats(0.0625, 1, width=32)),
        )
    )


def tensors(pair):
    logits, weights = pair
    return torch.tensor(logits), torch.tensor(weights / weights.sum(axis=1, keepdims=True))


def drawn(*shape: int, seed: int = 0):
    """Logits and labels of this shape."""
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.randn(shape, generator=generator), torch.rand(shape, generator=generator).softmax(dim=-1)


def loss(objective, logits, targets, progress=1.0, shared=True):
    statistic = None
    if objective.needs_statistic(shared):
        statistic = objective.statistic(logits.detach(), targets, shared)
    return objective(logits, targets, progress, statistic)


def gradient(objective, logits, targets, progress=1.0, shared=True):
    leaf = logits.detach().clone().requires_grad_()
    loss(objective, leaf, targets, progress, shared).sum().backward()
    return leaf.grad
