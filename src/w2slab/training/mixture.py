"""A network whose head is a mixture of several (Mulgund and Pabbaraju 2025)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from w2slab.errors import JobError
from w2slab.models.network import Network
from w2slab.objectives.loss_terms import PADDED_BELOW
from w2slab.randomness import derived_seed
from w2slab.training.readout import Watch


class MixtureOfHeads(Network):
    """A network with its head replaced by a convex combination of several.

    The logits are log sum_j pi_j softmax(s_j), with learned weights pi and scores s_j of linear heads that begin as
    the network's own plus a small random draw in which they differ.

    Args:
        network: Its head is a linear layer.
        n_heads: Number of heads.
        shared_candidates: True if candidates are common classes, so that a row of features has a score for each.
        seed: Decides the small draw.

    Raises:
        JobError: The head of the network is no linear layer.
    """

    def __init__(self, network: Network, n_heads: int, shared_candidates: bool, seed: int) -> None:
        super().__init__()
        own = network.head_layer()
        if not isinstance(own, nn.Linear):
            raise JobError(f"{type(network).__name__}: its head is no linear layer, of which several could be mixed")
        self.network, self.shared_candidates = network, shared_candidates
        self.n_heads, self.n_out = n_heads, own.out_features
        width = own.in_features
        self.head = nn.utils.skip_init(nn.Linear, width, n_heads * self.n_out)
        generator = torch.Generator().manual_seed(derived_seed(seed, "mixture"))
        draw = torch.randn(n_heads * self.n_out, width, generator=generator) * (0.1 / math.sqrt(width))
        self.head.weight.data.copy_(own.weight.data.repeat(n_heads, 1) + draw)
        self.head.bias.data.copy_(own.bias.data.repeat(n_heads) if own.bias is not None else torch.zeros(1))
        self.weights = nn.Parameter(torch.zeros(n_heads))
        self._seen = [Watch(network)]  # in a list, so that it is no part of the state
        own.requires_grad_(False)

    def forward(self, **batch: Tensor) -> Tensor:
        """Return the logits `[B, K]` of the mixture."""
        logits = self.network(**batch)
        features = self._seen[0].features
        assert features is not None
        scores = self.head(features)
        if self.shared_candidates:
            scores = scores.unflatten(-1, (self.n_heads, self.n_out)).transpose(0, 1)
        elif features.dim() == 3:
            scores = scores.movedim(-1, 0)
        else:  # a row of features for each candidate, `places` tells which
            scores = scores.T[:, batch["places"].clamp(min=0)]
        scores = scores.float().masked_fill(logits < PADDED_BELOW, 10 * PADDED_BELOW)
        combined = self.weights.log_softmax(0)[:, None, None] + scores.log_softmax(-1)
        return combined.logsumexp(dim=0).clamp(min=10 * PADDED_BELOW)
