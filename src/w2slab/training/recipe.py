"""Recipes of training, the same class for networks and for heads; and those of Burns et al. 2023 by name.

What the paper states for its three settings:

- `paper-nlp`, appendix A.1: 2 epochs, batches of 32, and the point that is best on weak labels of the validation split.
  The curve has 20 points, one every tenth of an epoch as in figure 13. Its weak labels are probabilities: in a study
  `weak_labels: soft`, the default.
- `paper-rm`, appendix A.3: 1 epoch, batches of 220, the last step; soft labels.
- `paper-chess`, appendix A.2: 5 epochs, batches of 32, the last step. Its weak labels are the supervisor's one move:
  in a study `weak_labels: hard`.

The paper states no learning rate, optimizer, schedule or weight decay. Those are the defaults of this project, made
for models of up to some million parameters. Pretrained models of a hundred million and more need a smaller `lr`, 1e-5
to 5e-5 when all weights are trained; each rung may have its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from w2slab.fields import Checked, FieldError, Mistake, Number, Size, Whole, nearest

PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "paper-nlp": {"epochs": 2, "batch_size": 32, "curve_points": 20, "stop_at": "weak-labels"},
        "paper-rm": {"epochs": 1, "batch_size": 220, "stop_at": "last"},
        "paper-chess": {"epochs": 5, "batch_size": 32, "stop_at": "last"},
    }
)
OF_HEADS: Mapping[str, Any] = MappingProxyType(
    {"epochs": 20, "batch_size": 128, "lr": 1e-2, "gradient_clip": None, "curve_points": 4}
)


@dataclass(frozen=True, kw_only=True)
class Recipe(Checked):
    """A recipe of training.

    Args:
        epochs: Passes over the training examples.
        batch_size: Examples of one optimizer step.
        lr: Peak learning rate of AdamW.
        warmup_frac: Share of all steps over which the rate rises linearly from 0.
        decay: Schedule after warm-up: falling to 0 along a line or a cosine, or constant.
        weight_decay: Decoupled weight decay.
        gradient_clip: Largest norm of the gradient; `None` does not clip.
        precision: Number type of the forward pass; `bf16` keeps the weights in fp32.
        curve_points: Number of evaluations on test and validation, spread evenly over training; 0 is none.
        curve_examples: Examples of each that are used for it; `None` is all.
        stop_at: The point whose predictions count: the last step, or the best accuracy on validation labels
            (weak ones for a student).
        ema_decay: Per step, how much of the running mean of the weights is kept; the mean is what predicts. `None`
            predicts with the weights themselves.
        dropout: Probability with which a feature that the head reads is set to 0 in training.
        head_first: Share of training in which the head alone learns, before everything does (Kumar et al. 2022).
    """

    epochs: Annotated[Whole, Field(ge=1, le=10_000)] = 5
    batch_size: Size = 32
    lr: Annotated[Number, Field(gt=0)] = 1e-3
    warmup_frac: Annotated[Number, Field(ge=0, lt=1)] = 0.1
    decay: Literal["linear", "cosine", "none"] = "linear"
    weight_decay: Annotated[Number, Field(ge=0)] = 0.0
    gradient_clip: Annotated[Number, Field(gt=0)] | None = 1.0
    precision: Literal["fp32", "bf16"] = "fp32"
    curve_points: Annotated[Whole, Field(ge=0, le=1000)] = 20
    curve_examples: Size | None = None
    stop_at: Literal["last", "weak-labels"] = "last"
    ema_decay: Annotated[Number, Field(gt=0, lt=1)] | None = None
    dropout: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    head_first: Annotated[Number, Field(ge=0, lt=1)] = 0.0

    @classmethod
    def preset(cls, name: str, **fields: Any) -> Recipe:
        """Return a recipe of the paper, with other values for some of its fields.

        Raises:
            StudyError: There is no such recipe.
        """
        return cls(**cls.from_shorthand({"preset": name, **fields}))

    @classmethod
    def of_heads(cls, **fields: Any) -> Recipe:
        """Return the usual recipe of heads on frozen features, with other values for some of its fields."""
        return cls(**{**OF_HEADS, **fields})

    @classmethod
    def from_shorthand(cls, written: Any) -> Any:
        """Return the fields that a preset's name, or a mapping with a `preset` in it, stands for.

        Raises:
            StudyError: There is no such preset.
        """
        written = {"preset": written} if isinstance(written, str) else written
        if not isinstance(written, Mapping) or "preset" not in written:
            return written
        name, rest = written["preset"], {key: value for key, value in written.items() if key != "preset"}
        if name is None:
            return rest
        if name not in PRESETS:
            message = f"input should be {_list_of(PRESETS)}, not {name!r}.{nearest(name, PRESETS)}"
            raise FieldError([Mistake(("preset",), message)])
        return {**PRESETS[name], **rest}


def _list_of(names: Mapping[str, Any]) -> str:
    *most, last = [repr(name) for name in names]
    return f"{', '.join(most)} or {last}"


@dataclass(frozen=True, kw_only=True)
class HeadShape(Checked):
    """Shape of a head on features.

    Args:
        hidden: Units of one hidden layer of rectified linear units; `None` is a linear head.
        n_heads: Heads whose probabilities are mixed with learned weights, a convex combination (Mulgund and Pabbaraju
            2025); 1 is a single head.
    """

    hidden: Size | None = None
    n_heads: Size = 1

    NOT_OF_HEADS: ClassVar[tuple[str, ...]] = ("gradient_clip", "precision", "head_first")
    """Fields of a recipe that the training of heads does not read."""
