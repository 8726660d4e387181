"""The input of a network's head: features observed, dropped out, or anchored to those before training."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from w2slab.errors import JobError
from w2slab.objectives.loss_terms import PADDED_BELOW
from w2slab.randomness import derived_seed

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def head_of(network: torch.nn.Module) -> torch.nn.Module:
    """Return the module that reads the network's features.

    Raises:
        JobError: The network has none.
    """
    from w2slab.models.network import Network

    if not isinstance(network, Network):
        raise JobError(f"{type(network).__name__}: the network has no `head` that reads features")
    return network.head_layer()


class Watch:
    """Sees what the head of a network reads in each forward pass, and drops some of it while `is_learning`.

    Args:
        network: Has a `head`.
        dropout: Probability with which an entry is set to 0; the others are scaled up by 1 / (1 - dropout).
        seed: With the step and an example's place in its batch, decides what is dropped.
    """

    def __init__(self, network: Any, dropout: float = 0.0, seed: int = 0) -> None:
        self.dropout, self.seed = dropout, seed
        self.is_learning = False
        self.step, self.n_batch, self.places = 0, 0, np.zeros(0, dtype=np.int64)
        self.features: Tensor | None = None
        head_of(network).register_forward_pre_hook(self._see, with_kwargs=True)

    def _see(self, _: Any, given: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        # A network that is nothing but its head is called by name.
        features, *others = given or named.values()
        if self.dropout and self.is_learning:
            kept = self._draws(features.shape) >= self.dropout
            features = features * (kept.to(features) / (1.0 - self.dropout))
        self.features = features
        return (features, *others), {}

    def _draws(self, shape: torch.Size) -> Tensor:
        """Even draws of this shape; an example's own depend on no other, unless its candidates have rows each."""
        import torch

        def drawn(of: str, *sizes: int) -> Tensor:
            generator = torch.Generator().manual_seed(derived_seed(self.seed, "dropout", str(self.step), of))
            return torch.rand(sizes, generator=generator)

        if len(shape) == 2 and shape[0] == len(self.places):  # a row per example: those of the whole batch at once
            return drawn("0", self.n_batch, *shape[1:])[torch.from_numpy(self.places)]
        if shape[0] == len(self.places):  # padded to the most candidates of these examples
            return torch.stack([drawn(str(place), *shape[1:]) for place in self.places.tolist()])
        return drawn("rows", *shape)


class Anchor:
    """Features as the network gave them before training: the reference of `Objective.penalty`."""

    def __init__(self, network: Any) -> None:
        self.network = copy.deepcopy(network)
        for parameter in self.network.parameters():
            parameter.requires_grad_(False)
        self._watch = Watch(self.network)

    def features(self, batch: dict[str, Tensor]) -> Tensor:
        """Return the features of a batch in the untrained network."""
        import torch

        with torch.no_grad():
            self.network(**batch)
        assert self._watch.features is not None
        return self._watch.features


def penalties(objective: Any, features: Tensor, initial: Tensor, logits: Tensor) -> Tensor:
    """The objective's penalty of each example, the mean over its rows of features: [B].

    Args:
        objective: Has a `penalty`.
        features: `[R, D]`, a row per example or one per candidate, or `[B, K, D]` with rows of no candidate.
        initial: The same, of the network before training.
        logits: `[B, K]`.
    """
    real = logits.detach() > PADDED_BELOW
    if features.dim() == 3:
        features, initial = features[real], initial[real]
    by_row: Tensor = objective.penalty(features, initial)
    if len(by_row) == len(logits):
        return by_row
    counts = real.sum(dim=1)
    owners = (counts.new_ones(len(counts)).cumsum(0) - 1).repeat_interleave(counts)
    return by_row.new_zeros(len(counts)).index_add(0, owners, by_row) / counts
