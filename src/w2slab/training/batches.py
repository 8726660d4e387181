"""Which examples share a batch, and in which order batches come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from w2slab.randomness import rng

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Encoded:
    """Examples as a model family reads them, made once.

    Args:
        ids: Stable names of the examples.
        rows: What the family's `encode` gave.
        collate: Makes a batch of the rows at some positions: keyword arguments of the network.
        lengths: Cost of each example, int64 [N]; examples of like length share a batch.
        n_candidates: int64 [N].
        places: Row of each example, int64 [N]; `None` where they stand in order.
    """

    ids: list[str]
    rows: Any
    collate: Callable[[Any, np.ndarray], dict[str, torch.Tensor]]
    lengths: np.ndarray
    n_candidates: np.ndarray
    places: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def batch(self, indices: np.ndarray) -> dict[str, torch.Tensor]:
        """The batch of the examples at these positions."""
        return self.collate(self.rows, indices if self.places is None else self.places[indices])

    def take(self, positions: np.ndarray) -> Encoded:
        """The examples at these positions; nothing is encoded again."""
        return replace(
            self,
            ids=[self.ids[i] for i in positions],
            lengths=self.lengths[positions],
            n_candidates=self.n_candidates[positions],
            places=positions if self.places is None else self.places[positions],
        )

    def part(self, start: int, stop: int | None) -> Encoded:
        """The examples from `start` (included) to `stop` (excluded; `None` is the end)."""
        return self.take(np.arange(len(self))[start:stop])


def encode(family: Any, examples: Any, rows: Any = None) -> Encoded:
    """The examples as the family reads them; `rows` are what its `encode` gave, if that is at hand."""
    rows = family.encode(examples) if rows is None else rows
    return Encoded(examples.ids, rows, family.collate, family.lengths(rows), examples.n_candidates)


def order(n_examples: int, seed: int, epoch: int) -> np.ndarray:
    """The order of examples in one epoch, int64 [N]: a function of its arguments and of nothing else."""
    return rng(seed, "order", str(epoch)).permutation(n_examples)


def steps_per_epoch(n_examples: int, batch_size: int) -> int:
    """Optimizer steps of one epoch; the last may have fewer examples."""
    return -(-n_examples // batch_size)


def micro_batches(indices: np.ndarray, lengths: np.ndarray, size: int | None) -> list[np.ndarray]:
    """An optimizer batch in parts of at most `size` examples of like length; the whole if `size` is `None`."""
    if size is None or size >= len(indices):
        return [indices]
    return cut(indices[np.argsort(lengths[indices], kind="stable")], size)


def bucketed(lengths: np.ndarray, size: int) -> list[np.ndarray]:
    """All positions in batches of like length, the longest first: what is too big for the memory shows at once."""
    return cut(np.argsort(-lengths, kind="stable"), size)


def cut(indices: np.ndarray, size: int) -> list[np.ndarray]:
    """Parts of `size` examples, in this order; the last may be smaller."""
    return [indices[start : start + size] for start in range(0, len(indices), size)]
