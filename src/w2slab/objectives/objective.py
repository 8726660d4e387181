"""The interface of an objective, and the base of those that look at one example at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

if TYPE_CHECKING:
    from torch import Tensor


class Objective(Protocol):
    """A function that is minimised: a frozen dataclass whose fields are what a study may write.

    All shapes may have the same further dimensions in front: independent models of a stack, each with its own batch.
    What is written of one model below holds for each of them.

    An objective that looks at the network's features as well has a class attribute `needs_features = True` and a method

        def penalty(self, features: Tensor, initial: Tensor) -> Tensor

    from the features of the network that is trained and those of the same network before training, both [R, D], to a
    loss per row, [R]. A row is an example where candidates are common classes, and a candidate where each has features
    of its own. The training loop adds to the loss of each example the mean of the penalty over its rows. Gradient flows
    through `features` only.
    """

    def needs_statistic(self, shared_candidates: bool) -> bool:
        """Whether `__call__` must be given a statistic of the whole optimizer batch."""
        ...

    def statistic(self, logits: Tensor, targets: Tensor, shared_candidates: bool) -> Tensor | None:
        """What the loss must know of the whole optimizer batch, one entry per example; `None` if nothing.

        Args:
            logits: [N, K], without gradient.
            targets: [N, K], rows that sum to one.
            shared_candidates: Whether the candidates are common to all examples, as classes are.
        """
        ...

    def __call__(self, logits: Tensor, targets: Tensor, progress: float, statistic: Tensor | None) -> Tensor:
        """The loss of each example, [B].

        Args:
            logits: [B, K].
            targets: [B, K], rows that sum to one.
            progress: Share of training that is done, in [0, 1].
            statistic: The entries of these B examples, [B].
        """
        ...


class PerExample:
    """Base of objectives whose loss of an example depends on that example alone."""

    needs_features: ClassVar[bool] = False

    def needs_statistic(self, shared_candidates: bool) -> bool:
        """Never."""
        return False

    def statistic(self, logits: Tensor, targets: Tensor, shared_candidates: bool) -> Tensor | None:
        """Nothing."""
        return None
