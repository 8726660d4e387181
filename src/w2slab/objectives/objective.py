"""The base of every objective."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from w2slab.graph.component import Component
from w2slab.shapes import Float, Shaped, Tensor

Logits = Float[Tensor, "*S B K"]
Probs = Float[Tensor, "*S B K"]
Losses = Float[Tensor, "*S B"]
Entries = Shaped[Tensor, "*S B"]
"""One number or index for each example of a batch, computed from the whole batch."""


class Objective(Component, ABC):
    """A loss function: a frozen dataclass whose fields are what a study may write.

    A loss that looks at one example at a time defines `__call__` and nothing else. The dimensions `*S` in front of all
    shapes are independent models of a stack, each with its own batch; what is written of one model holds for each.
    """

    TABLE: ClassVar[str] = "objectives"
    needs_features: ClassVar[bool] = False
    """If true, `penalty` is added to the loss."""

    @abstractmethod
    def __call__(self, logits: Logits, targets: Probs, progress: float, statistic: Entries | None) -> Losses:
        """Return the loss of each example.

        Args:
            logits: Of a micro-batch.
            targets: Labels of its examples; rows sum to one.
            progress: Share of training that is done, in [0, 1].
            statistic: The entries of these examples in `statistic`.
        """

    def needs_statistic(self, shared_candidates: bool) -> bool:
        """Return true if the loss of an example depends on the rest of the optimizer batch, through `statistic`."""
        return False

    def statistic(self, logits: Logits, targets: Probs, shared_candidates: bool) -> Entries | None:
        """Return an entry for each example of the whole optimizer batch, computed before the micro-batches.

        Args:
            logits: Of the whole optimizer batch, without gradient.
            targets: Labels of its examples; rows sum to one.
            shared_candidates: True if candidates are classes, common to all examples.
        """
        return None

    def penalty(self, features: Float[Tensor, "*S R D"], initial: Float[Tensor, "*S R D"]) -> Float[Tensor, "*S R"]:
        """Return a penalty on the student's features for each row.

        A row is an example where candidates are common classes, and a candidate where each has features of its own. The
        training loop adds to the loss of each example the mean over its rows. Gradient flows through `features` only.

        Args:
            features: Of the network that is trained.
            initial: Of the same network before training.
        """
        return features.new_zeros(features.shape[:-1])
