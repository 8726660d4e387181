"""Logistic regression on given features: the smallest ladder there is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from w2slab.errors import DataError
from w2slab.models.model import Model

if TYPE_CHECKING:
    import torch

    from w2slab.data.examples import Examples
    from w2slab.models.linear.linear_network import LinearNetwork


@dataclass(frozen=True)
class Linear(Model):
    """Logistic regression on some of an example's features.

    A model of n features reads the n that follow the first n of the list. So models whose sizes differ by a factor of
    two or more read different ones. If a large model read all that a small one reads, it could copy the small one's
    labels exactly, errors included, and no weak-to-strong generalization would be left to see.

    Args:
        name: The model's name in the study.
        n_features: Features that the model reads; `None` is all of them.
    """

    n_features: Annotated[int, Field(ge=1)] | None = None

    has_features: ClassVar[bool] = True

    def problems(self, examples: Examples) -> Iterable[str]:
        """Refuse a task without common classes, without features or with too few of them."""
        if examples.classes is None:
            yield "linear models need common classes; this task's candidates differ by example"
        elif examples.features is None:
            yield "linear models read the column `features`; this task has none"
        elif self.n_features is not None and len(examples):
            width = examples.features.shape[1]
            if 2 * self.n_features > width:
                yield (
                    f"n_features {self.n_features} needs a task of at least {2 * self.n_features} features, and there "
                    f"are {width}; ask for at most {width // 2}, or for all"
                )

    def build(self, examples: Examples, seed: int) -> LinearNetwork:
        """Return the network before training: all weights are zero, whatever the seed.

        Raises:
            DataError: The examples have no common classes or too few features.
        """
        from w2slab.models.linear.linear_network import build

        width = self.encode(examples.take(np.arange(1))).shape[1]
        assert examples.classes is not None
        return build(width, len(examples.classes))

    def encode(self, examples: Examples) -> Any:
        """Return the features that the model reads: a float32 tensor [N, features].

        Raises:
            DataError: The task has no features, or too few.
        """
        import torch

        for problem in self.problems(examples):
            raise DataError(f"{self.name}: {problem}")
        values = examples.features
        assert values is not None
        if self.n_features is not None:
            values = values[:, self.n_features : 2 * self.n_features]
        return torch.from_numpy(values.copy())

    def collate(self, encoded: torch.Tensor, indices: np.ndarray) -> dict[str, torch.Tensor]:
        """Return the features of some examples, under the name that `torch.nn.Linear` gives them."""
        import torch

        return {"input": encoded[torch.from_numpy(indices)]}
