"""Label correction and filtering by nearest neighbours among frozen features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from w2slab.errors import JobError
from w2slab.relabelings.feature_rows import as_probs, comparable, masses, owners
from w2slab.relabelings.relabeling import LabelBatch, Relabeling, RelabelResult, discord, kept, lowest
from w2slab.shapes import Array, Bool, Float, Float32, Float64, Int64

# Of more rows than this, so many are drawn among which neighbours are sought: time grows with rows times these.
MOST_REFERENCES = 10_000
# Distances held in memory at once.
MOST_DISTANCES = 1_000_000


@dataclass(frozen=True)
class NeighbourRelabel(Relabeling):
    """Replace each label by the mean label of its nearest neighbours (EleutherAI 2024, github.com/EleutherAI/w2s).

    Neighbours are the nearest by Euclidean distance of standardised frozen features, never the example itself (which
    the source counts among them); where there are fewer than k, all are. Of equally near ones any may be taken.

    Where candidates differ by example each candidate is a binary example, right with the probability that the label
    gives it; features are taken less their mean over the example's candidates. The mean label of its neighbours among
    other examples' candidates, made to sum to one over the example, is the new label. Where no neighbour has any
    probability the weak label stays. Of more than 10,000 rows of features, that many are drawn to be neighbours.

    Args:
        k: Neighbours of each.
    """

    needs_features: ClassVar[bool] = True

    k: Annotated[int, Field(ge=1)] = 50

    def __call__(self, batch: LabelBatch) -> RelabelResult:
        """Return the mean labels of the neighbours."""
        return RelabelResult(vote(batch, graph_of(batch, self.k), batch.probs))


@dataclass(frozen=True)
class NeighbourFilter(Relabeling):
    """Leave out the labels furthest from their neighbours' mean label (EleutherAI 2024, github.com/EleutherAI/w2s).

    Neighbours and their mean p are those of `neighbour-relabel`, and the distance of a label from it is half the sum of
    |p - w|; where candidates differ by example it is 1 - p(c) / max p, with c the weak label's likeliest candidate.

    Args:
        k: Neighbours of each.
        drop: Share of the examples that is left out, rounded down; of equally far ones those are drawn.
    """

    needs_features: ClassVar[bool] = True

    k: Annotated[int, Field(ge=1)] = 50
    drop: Annotated[float, Field(ge=0, lt=1)] = 0.1

    def __call__(self, batch: LabelBatch) -> RelabelResult:
        """Return weight 0 for the most discordant."""
        apart = discord(batch, vote(batch, graph_of(batch, self.k), batch.probs))
        return kept(batch, lowest(apart, 1 - self.drop, batch.generator), "drop a smaller share")


def graph_of(batch: LabelBatch, k: int, among: Bool[Array, " N"] | None = None) -> Any:
    """Return the graph of all rows with neighbours taken from the examples `among`; see `neighbour_graph`."""
    of_rows = None if among is None else among[owners(batch)]
    return neighbour_graph(comparable(batch), owners(batch), k, batch.generator, of_rows)


def vote(batch: LabelBatch, graph: Any, probs: Float[Array, "N K"]) -> Float32[Array, "N K"]:
    """Return the mean label of each row's neighbours, as labels of examples."""
    return as_probs(batch, graph @ masses(batch, probs))


def neighbour_graph(
    rows: Float64[Array, "R D"],
    owner: Int64[Array, " R"],
    k: int,
    generator: np.random.Generator,
    among: Bool[Array, " R"] | None = None,
) -> Any:
    """Return the nearest neighbours of every row as a sparse matrix [R, R], with 1/k where the column is a neighbour.

    Args:
        rows: Features that are compared.
        owner: The example of each row, rising; rows of one example are no neighbours of each other.
        k: Neighbours of each row; if there are fewer, all are.
        generator: Draws `MOST_REFERENCES` of the rows that may be neighbours, where there are more.
        among: A mask of the rows that may be neighbours; `None` is all.

    Raises:
        JobError: A row has no neighbour: there are no rows of other examples.
    """
    from scipy.sparse import csr_matrix

    references = np.arange(len(rows)) if among is None else np.flatnonzero(among)
    if len(references) > MOST_REFERENCES:
        references = np.sort(generator.choice(references, MOST_REFERENCES, replace=False))
    starts = np.searchsorted(owner[references], owner, side="left")
    ends = np.searchsorted(owner[references], owner, side="right")
    k = min(k, len(references) - int((ends - starts).max()))
    if k < 1:
        raise JobError("an example has no neighbours, for there is no other one to compare it with; give more examples")
    compared = rows.astype(np.float32)
    targets = compared[references]
    squares = (targets**2).sum(axis=1)
    found = np.empty((len(rows), k), dtype=np.int32)
    step = max(1, MOST_DISTANCES // len(references))
    for first in range(0, len(rows), step):
        chunk = slice(first, min(first + step, len(rows)))
        distances = squares - 2 * compared[chunk] @ targets.T  # less the row's own square, which orders nothing
        for distance, start, end in zip(distances, starts[chunk], ends[chunk], strict=True):
            distance[start:end] = np.inf
        found[chunk] = references[np.argpartition(distances, k - 1, axis=1)[:, :k]]
    ones = np.full(found.size, 1 / k, dtype=np.float32)
    return csr_matrix((ones, found.ravel(), np.arange(0, found.size + 1, k)), shape=(len(rows), len(rows)))
