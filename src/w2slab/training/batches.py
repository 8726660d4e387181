"""Batches: their composition, their order, and their parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from w2slab.randomness import rng

if TYPE_CHECKING:
    import torch

    from w2slab.data.examples import Examples
    from w2slab.models.model import Model

BATCHES_PER_POOL = 64


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


def encode(model: Model, examples: Examples, rows: Any = None) -> Encoded:
    """Return the examples as a model encodes them; `rows` are those of its `encode`, if they are at hand."""
    rows = model.encode(examples) if rows is None else rows
    return Encoded(examples.ids, rows, model.collate, model.lengths(rows), examples.n_candidates)


def order(n_examples: int, seed: int, epoch: int) -> np.ndarray:
    """The order of examples in one epoch, int64 [N]: a function of its arguments and of nothing else."""
    return rng(seed, "order", str(epoch)).permutation(n_examples)


def steps_per_epoch(n_examples: int, batch_size: int) -> int:
    """Optimizer steps of one epoch; the last may have fewer examples."""
    return -(-n_examples // batch_size)


def pooled(
    positions: NDArray[np.int64],
    batch_size: int,
    generator: Callable[[int], np.random.Generator],
    by_size: Callable[[NDArray[np.int64]], NDArray[np.int64]],
    *,
    steps: int,
    first: int = 0,
    drop_last: bool = False,
) -> Iterator[NDArray[np.int64]]:
    """Yield batches of similar size, drawn at random: pools of batches are sorted, so that little is padded.

    Args:
        positions: The examples of an epoch.
        batch_size: Examples of a batch.
        generator: The generator of an epoch.
        by_size: The order of some examples by size.
        steps: Number of batches, over as many epochs as it takes.
        first: Batches that are left out at the beginning.
        drop_last: Leave out the batch at the end of an epoch that has fewer examples.
    """
    pool, step, epoch = batch_size * BATCHES_PER_POOL, 0, 0
    while step < steps:
        drawing = generator(epoch)
        shuffled = drawing.permutation(positions)
        for start in range(0, len(shuffled), pool):
            drawn = shuffled[start : start + pool]
            turns = drawing.permutation(len(drawn) // batch_size if drop_last else -(-len(drawn) // batch_size))
            if step + len(turns) > first:
                drawn = drawn[by_size(drawn)]
            for index in turns[: steps - step]:
                if step >= first:
                    yield drawn[index * batch_size : (index + 1) * batch_size]
                step += 1
            if step >= steps:
                return
        epoch += 1


def micro_batches(indices: np.ndarray, lengths: np.ndarray, size: int | None) -> list[np.ndarray]:
    """An optimizer batch in parts of at most `size` examples of like length; the whole if `size` is `None`."""
    if size is None or size >= len(indices):
        return [indices]
    return cut(indices[np.argsort(lengths[indices], kind="stable")], size)


def bucketed(lengths: np.ndarray, size: int) -> list[np.ndarray]:
    """All positions in batches of similar length, the longest first, so that lack of memory shows at once."""
    return cut(np.argsort(-lengths, kind="stable"), size)


def cut(indices: np.ndarray, size: int) -> list[np.ndarray]:
    """Parts of `size` examples, in this order; the last may be smaller."""
    return [indices[start : start + size] for start in range(0, len(indices), size)]
