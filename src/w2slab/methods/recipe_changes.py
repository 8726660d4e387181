"""Changes of the student's recipe; supervisor and ceiling keep the study's. Each is a method by itself, and a part.

Burns et al. 2023 tried these (appendix B) and saw no consistent gain; they state no strengths, so those here are ours.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from pydantic import Field

from w2slab.graph.component import Component
from w2slab.training.recipe import Recipe

TABLE = {
    "dropout": "w2slab.methods.recipe_changes:Dropout",
    "lp-ft": "w2slab.methods.recipe_changes:LPFT",
    "weight-average": "w2slab.methods.recipe_changes:WeightAverage",
    "weight-decay": "w2slab.methods.recipe_changes:WeightDecay",
}


class RecipeChange(Component, ABC):
    """A change of the recipe: a frozen dataclass whose fields are what a study may write."""

    TABLE: ClassVar[str] = "recipe-changes"
    trains_features: ClassVar[bool] = False
    """If true, it means nothing where heads alone are trained."""

    @abstractmethod
    def of(self, recipe: Recipe) -> Recipe:
        """Return the changed recipe."""


@dataclass(frozen=True)
class LPFT(RecipeChange):
    """Train the head alone, then everything, a variant of LP-FT (Kumar et al. 2022, arXiv 2202.10054).

    Procedure: for the first share of the steps only the head learns; from then on the whole network does. Variant: the
    paper fits the head until it is done and then begins another training with a rate of its own; here both are parts of
    one training, with one schedule and as many steps as the naive student has.

    Args:
        head_first: Share of the steps in which the head learns alone.
    """

    head_first: Annotated[float, Field(gt=0, lt=1)] = 0.5
    trains_features: ClassVar[bool] = True

    def of(self, recipe: Recipe) -> Recipe:
        """Return the recipe in which the head begins alone."""
        return replace(recipe, head_first=self.head_first)


@dataclass(frozen=True)
class WeightAverage(RecipeChange):
    """Predict with a running mean of the student's weights, a variant (Burns et al. 2023, appendix B).

    After each step the mean keeps a share of itself and takes the rest from the weights; while there were few steps it
    keeps less, (1 + t) / (10 + t) at most. Variant: the paper states no decay.

    Args:
        ema_decay: The share that is kept.
    """

    ema_decay: Annotated[float, Field(gt=0, lt=1)] = 0.99

    def of(self, recipe: Recipe) -> Recipe:
        """Return the recipe whose running mean of the weights predicts."""
        return replace(recipe, ema_decay=self.ema_decay)


@dataclass(frozen=True)
class WeightDecay(RecipeChange):
    """Let the student's weights decay more, a variant (Burns et al. 2023, appendix B).

    Decoupled from the gradient (AdamW): each step takes the share rate * decay off every weight. Variant: the paper
    states no strength.

    Args:
        weight_decay: The decay; the study's recipe has none by default.
    """

    weight_decay: Annotated[float, Field(gt=0)] = 0.1

    def of(self, recipe: Recipe) -> Recipe:
        """Return the recipe with this decay."""
        return replace(recipe, weight_decay=self.weight_decay)


@dataclass(frozen=True)
class Dropout(RecipeChange):
    """Drop features that the student's head reads at random while it learns, a variant (Burns et al. 2023, appendix B).

    Variant: the paper does not say where it drops; here it is before the head alone, so that it means the same for all
    models, and for heads on frozen features.

    Args:
        dropout: Probability with which a feature is set to 0; the others are scaled up by 1 / (1 - dropout).
    """

    dropout: Annotated[float, Field(gt=0, lt=1)] = 0.2

    def of(self, recipe: Recipe) -> Recipe:
        """Return the recipe with this dropout."""
        return replace(recipe, dropout=self.dropout)
