"""One head on frozen features: its training and its results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from w2slab.training import batches
from w2slab.training.recipe import HeadShape, Recipe
from w2slab.training.rows import Rows

if TYPE_CHECKING:
    from w2slab.objectives import Objective


@dataclass(frozen=True, eq=False)
class HeadTraining:
    """Everything that decides one head.

    Heads that are given the same objects (`examples`, `targets`, `judges`) share what is made of them.

    Args:
        examples: The whole split learned on; it decides the scale of features.
        kept: Positions of the examples that are learned, int64 [M].
        targets: Labels of the whole split, float32 [N, K], rows that sum to one.
        weights: What each kept example counts, float32 [M] with mean 1; `None` is 1 for all.
        recipe: `precision`, `gradient_clip` and `head_first` are not read.
        seed: Decides the order of examples, dropout, and first weights where they are drawn.
        judges: By column of the curve: examples, and which of their candidates count as right, bool [M, K].
        predicted: By split, the examples to predict.
    """

    examples: Rows
    kept: np.ndarray
    targets: np.ndarray
    weights: np.ndarray | None
    objective: Objective
    recipe: Recipe
    shape: HeadShape
    seed: int
    judges: Mapping[str, tuple[Rows, np.ndarray]] = field(default_factory=dict)
    predicted: Mapping[str, Rows] = field(default_factory=dict)

    @property
    def steps(self) -> int:
        """Optimizer steps of the whole training."""
        return self.recipe.epochs * batches.steps_per_epoch(len(self.kept), self.recipe.batch_size)


@dataclass(frozen=True)
class FittedHead:
    """Results of one head.

    Args:
        probs: By split, probabilities at the recipe's stopping point: float32 [N, K], rows that sum to one.
        stopping: Probabilities of `test` by stopping point; empty without a curve.
        curve: One row per curve point.
        n_parameters: Of this head.
        n_together: How many heads its stack had.
        seconds: This head's equal share of the stack's time.
    """

    probs: dict[str, np.ndarray]
    stopping: dict[str, np.ndarray]
    curve: list[dict[str, float]]
    n_parameters: int
    n_together: int
    seconds: float


def objective_key(objective: Any) -> str:
    """Equal for objectives that are the same function."""
    return f"{type(objective).__module__}.{objective!r}"


def n_parameters(training: HeadTraining) -> int:
    """Parameters of one head."""
    shape, is_shared = training.shape, training.examples.shared_candidates
    n_features = training.examples.values.shape[1]
    outputs = (training.targets.shape[1] if is_shared else 1) * shape.n_heads
    n_shares = shape.n_heads if shape.n_heads > 1 else 0
    if shape.hidden is None:
        return (n_features + is_shared) * outputs + n_shares
    return (n_features + 1) * shape.hidden + (shape.hidden + is_shared) * outputs + n_shares
