"""Label filtering by connected components of a neighbour graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from w2slab.relabelings.feature_rows import comparable, firsts
from w2slab.relabelings.neighbours import graph_of, neighbour_graph, vote
from w2slab.relabelings.relabeling import LabelBatch, Relabeling, RelabelResult, kept, one_hot
from w2slab.shapes import Array, Bool, Int64

# Sums of 1/k in 32 bits.
ROUNDING = 1e-5


@dataclass(frozen=True)
class TopologicalFilter(Relabeling):
    """Keep each class's largest component, less examples outvoted by neighbours (Wu et al. 2020, arXiv 2012.04835).

    The graph joins each example with its nearest neighbours among standardised frozen features, in either direction;
    of each class (the likeliest of the weak label) the edges within it count. Examples outside the class's largest
    component are left out; of equally large ones that with the earliest example stays. Of what is left, an example
    stays where at least the share zeta of its neighbours there have its class. The source filters again and again while
    a network learns the features; with frozen ones once is all.

    Where candidates differ by example, a variant: the likeliest candidates make up one graph; then an example stays
    where the neighbours of its candidates (as in `neighbour-relabel`) give the likeliest at least the probability 1/n
    that each of n would have by chance, and zeta says nothing.

    Args:
        k_component: Neighbours that make the graph.
        k_vote: Neighbours that vote.
        zeta: Least share of the votes.
    """

    needs_features: ClassVar[bool] = True

    k_component: Annotated[int, Field(ge=1)] = 4
    k_vote: Annotated[int, Field(ge=1)] = 32
    zeta: Annotated[float, Field(ge=0, le=1)] = 0.5

    def __call__(self, batch: LabelBatch) -> RelabelResult:
        """Return weight 1 for examples in a largest component whose neighbours agree."""
        everyone, choices = np.arange(len(batch)), batch.choices
        chosen = comparable(batch)[firsts(batch) + (0 if batch.shared_candidates else choices)]
        graph = neighbour_graph(chosen, everyone, self.k_component, batch.generator)
        classes = choices if batch.shared_candidates else np.zeros(len(batch), dtype=np.int64)
        joined = largest_components(graph, classes)
        votes = vote(batch, graph_of(batch, self.k_vote, joined), one_hot(choices, batch.probs.shape[1]))
        least = self.zeta if batch.shared_candidates else 1 / batch.n_candidates
        keep = joined & (votes[everyone, choices] >= least - ROUNDING)
        return kept(batch, keep, "lower zeta, or raise k_component", component_share=float(joined.mean()))


def largest_components(graph: Any, classes: Int64[Array, " N"]) -> Bool[Array, " N"]:
    """Mark the nodes in the largest connected component of their class.

    Args:
        graph: Sparse [N, N]; an edge counts in both directions.
        classes: Of the nodes.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    edges = graph.tocoo()
    within = classes[edges.row] == classes[edges.col]
    graph = coo_matrix((edges.data[within], (edges.row[within], edges.col[within])), shape=graph.shape)
    _, component = connected_components(graph, directed=False)
    found = np.zeros(len(classes), dtype=bool)
    for each in np.unique(classes):
        members = component[classes == each]
        found |= component == np.bincount(members).argmax()
    return found
