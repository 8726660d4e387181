"""The network of logistic regression."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from w2slab.errors import DataError
from w2slab.models.network import Network


class LinearNetwork(nn.Linear, Network):
    """A linear layer that is its own head."""

    def head_layer(self) -> LinearNetwork:
        """Return the layer itself."""
        return self

    def features(self, *, readout: str = "head", layer: int | None = None, **batch: Tensor) -> Tensor:
        """Return the features that it is given, `[B, D]`.

        Raises:
            DataError: A layer is asked for.
        """
        if layer is not None:
            raise DataError("layer: a linear model has none; leave layer out")
        return batch["input"]


def build(width: int, n_classes: int) -> LinearNetwork:
    """Return a network whose weights are all zero."""
    network = nn.utils.skip_init(LinearNetwork, width, n_classes)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    return network
