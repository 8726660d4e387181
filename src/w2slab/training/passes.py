"""Passes over examples in batches of similar length, as large as fit into memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from w2slab.training import memory
from w2slab.training.batches import bucketed, cut

if TYPE_CHECKING:
    from w2slab.training.placement import Placement


def passes(lengths: np.ndarray, size: int, placement: Placement, work: Callable[[np.ndarray], None]) -> None:
    """Call `work` with the positions of every batch, the longest examples first.

    Where memory runs out, that batch and those after it are halved until they fit.

    Args:
        lengths: Cost of each example, [N].
        size: Most examples of a batch.
        placement: Where the network is.
        work: Does one batch; called again with parts of it if it did not fit.

    Raises:
        JobError: A single example does not fit.
    """
    todo = bucketed(lengths, size)
    while todo:
        indices = todo.pop(0)
        try:
            work(indices)
            continue
        except RuntimeError as error:
            if not memory.ran_out(error):
                raise
        placement.free()
        if len(indices) == 1:
            raise memory.does_not_fit("a single text")
        todo = cut(np.concatenate([indices, *todo]), -(-len(indices) // 2))
