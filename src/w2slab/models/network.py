"""The base of networks: logits of candidates and, where a network has them, the features that its head reads."""

from __future__ import annotations

from torch import Tensor, nn

from w2slab.errors import JobError

HIDDEN = -1e9  # the logit of a candidate that an example does not have; finite, so that gradients stay finite


class Network(nn.Module):
    """A module that returns logits `[B, K]` for a batch given as keyword arguments.

    A network with features overrides `features`, and calls the module that reads them `head` or overrides `head_layer`.
    """

    def head_layer(self) -> nn.Module:
        """Return the module that reads the features.

        Raises:
            JobError: The network has none.
        """
        for name, module in self.named_children():
            if name == "head":
                return module
        raise JobError(f"{type(self).__name__}: the network has no `head` that reads features")

    def features(self, *, readout: str = "head", layer: int | None = None, **batch: Tensor) -> Tensor:
        """Frozen features, `[R, D]`: a row per example, or one per candidate, example by example in order.

        Args:
            readout: One of the family's `readouts`; `head` is the input of the network's own head.
            layer: Block after which features are read, counted from 1; `None` is the last.
            batch: Arguments of `forward`.

        Raises:
            DataError: There is no such layer.
            JobError: The network has no features.
        """
        raise JobError(f"{type(self).__name__}: the network has no features")

    def checkpoint_activations(self) -> bool:
        """Recompute activations in the backward pass instead of keeping them; return False if that is not possible."""
        return False
