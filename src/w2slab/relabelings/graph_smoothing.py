"""Label correction by smoothing over a graph of neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from w2slab.relabelings.neighbours import graph_of, vote
from w2slab.relabelings.relabeling import LabelBatch, Relabeling, RelabelResult


@dataclass(frozen=True)
class GraphSmoothing(Relabeling):
    """Smooth the weak labels over a graph of neighbours, a variant (Lang et al. 2025, arXiv 2511.14166).

    Y(0) = W and Y(t+1) = (1 - a) W + a S Y(t), with W the weak labels and S Y the mean label of each example's k
    nearest neighbours among frozen features (`neighbour-relabel` says how, and how where candidates differ). That is
    label spreading (Zhou et al. 2003) with W in place of a few ground-truth labels. A variant: the source smooths only
    the labels of questions that the strong model does not know, and its graph's own weights are not followed.

    Args:
        k: Neighbours of each.
        alpha: The share a of the neighbours in a new label; 0 changes nothing.
        rounds: Steps of propagation along the graph.
    """

    needs_features: ClassVar[bool] = True

    k: Annotated[int, Field(ge=1)] = 10
    alpha: Annotated[float, Field(ge=0, le=1)] = 0.8
    rounds: Annotated[int, Field(ge=1)] = 10

    def __call__(self, batch: LabelBatch) -> RelabelResult:
        """Return Y after the last round."""
        graph = graph_of(batch, self.k)
        probs = batch.probs
        for _ in range(self.rounds):
            probs = (1 - self.alpha) * batch.probs + self.alpha * vote(batch, graph, probs)
        return RelabelResult(probs.astype("float32"))
