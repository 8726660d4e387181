"""Labels over positions of a task's table: the one form in which a model, a file, a relabeling or people speak."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from w2slab.errors import JobError
from w2slab.shapes import Array, Float, Float32, Int


@dataclass(frozen=True, eq=False)
class Labels:
    """Probabilities over the candidates of some examples.

    Args:
        positions: Rows of the task's table; no two are equal.
        probs: Each row sums to one over its own candidates and is 0 beyond them.
        n_candidates: Of each example.
    """

    positions: Int[Array, " N"]
    probs: Float[Array, "N K"]
    n_candidates: Int[Array, " N"]

    def __len__(self) -> int:
        return len(self.positions)

    @cached_property
    def choices(self) -> Int[Array, " N"]:
        """The likeliest candidate of each example, the first of equals."""
        return self.probs.argmax(axis=1)

    def hard(self) -> Labels:
        """Return the same labels, certain of the likeliest candidate."""
        return Labels(self.positions, one_hot(self.choices, self.probs.shape[1]), self.n_candidates)

    def at(self, positions: Int[Array, " M"]) -> Labels:
        """Return the labels of these examples, in their order.

        Raises:
            JobError: An example has none.
        """
        rows = rows_at(self.positions, positions, "label")
        return self if rows is None else Labels(positions, self.probs[rows], self.n_candidates[rows])


@dataclass(frozen=True, eq=False)
class Weights:
    """Weights of some examples: those of weight 0 are left out.

    Args:
        positions: Rows of the task's table.
        values: 0 or more.
    """

    positions: Int[Array, " N"]
    values: Float[Array, " N"]

    def __len__(self) -> int:
        return len(self.positions)

    def at(self, positions: Int[Array, " M"]) -> Weights:
        """Return the weights of these examples, in their order.

        Raises:
            JobError: An example has none.
        """
        rows = rows_at(self.positions, positions, "weight")
        return self if rows is None else Weights(positions, self.values[rows])


def one_hot(choices: Int[Array, " N"], width: int) -> Float32[Array, "N {width}"]:
    """Return rows with 1 at the choice."""
    probs = np.zeros((len(choices), width), dtype=np.float32)
    probs[np.arange(len(choices)), choices] = 1.0
    return probs


def rows_at(known: Int[Array, " N"], wanted: Int[Array, " M"], what: str) -> Int[Array, " M"] | None:
    """Return the row of each wanted position among the known ones; `None` where both are the same.

    Raises:
        JobError: One is not among them; the message says of what it has none.
    """
    if np.array_equal(known, wanted):
        return None
    order = np.argsort(known, kind="stable")
    found = np.searchsorted(known, wanted, sorter=order)
    rows = order[np.minimum(found, max(len(known) - 1, 0))] if len(known) else np.zeros(len(wanted), dtype=np.int64)
    is_known = known[rows] == wanted if len(known) else np.zeros(len(wanted), dtype=bool)
    if not is_known.all():
        missing = wanted[~is_known]
        raise JobError(
            f"{len(missing)} of {len(wanted)} examples have no {what}, the first is number {missing[0]} of the task; "
            f"{what}s and examples must come from the same data"
        )
    return rows
