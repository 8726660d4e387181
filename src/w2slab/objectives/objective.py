"""The base of every objective."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from w2slab.graph.component import Component

if TYPE_CHECKING:
    from torch import Tensor


class Objective(Component, ABC):
    """A loss function: a frozen dataclass whose fields are what a study may write.

    A loss that looks at one example at a time defines `__call__` and nothing else. All shapes may have the same further
    dimensions in front: independent models of a stack, each with its own batch. What is written of one model below
    holds for each of them.
    """

    TABLE: ClassVar[str] = "objectives"
    needs_features: ClassVar[bool] = False
    """If true, `penalty` is added to the loss."""

    @abstractmethod
    def __call__(self, logits: Tensor, targets: Tensor, progress: float, statistic: Tensor | None) -> Tensor:
        """Return the loss of each example, [B].

        Args:
            logits: [B, K].
            targets: [B, K], rows that sum to one.
            progress: Share of training that is done, in [0, 1].
            statistic: The entries of these B examples in `statistic`, [B].
        """

    def needs_statistic(self, shared_candidates: bool) -> bool:
        """Return true if the loss of an example depends on the rest of the optimizer batch, through `statistic`."""
        return False

    def statistic(self, logits: Tensor, targets: Tensor, shared_candidates: bool) -> Tensor | None:
        """Return an entry for each example of the whole optimizer batch, computed before the micro-batches.

        Args:
            logits: [N, K], without gradient.
            targets: [N, K], rows that sum to one.
            shared_candidates: True if candidates are classes, common to all examples.
        """
        return None

    def penalty(self, features: Tensor, initial: Tensor) -> Tensor:
        """Return a penalty on the student's features for each row, [R].

        A row is an example where candidates are common classes, and a candidate where each has features of its own. The
        training loop adds to the loss of each example the mean over its rows. Gradient flows through `features` only.

        Args:
            features: Of the network that is trained, [R, D].
            initial: Of the same network before training, [R, D].
        """
        return features.new_zeros(features.shape[:-1])
