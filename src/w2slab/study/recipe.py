"""How models are finetuned, as a study writes it; and the recipes of Burns et al. 2023 by name.

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
from typing import Annotated, Any, Literal

from pydantic import AllowInfNan, BaseModel, ConfigDict, Field, Strict, model_validator

Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict(), AllowInfNan(False)]
Size = Annotated[Whole, Field(ge=1)]

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "paper-nlp": {"epochs": 2, "batch_size": 32, "curve_points": 20, "stop_at": "weak-labels"},
    "paper-rm": {"epochs": 1, "batch_size": 220, "stop_at": "last"},
    "paper-chess": {"epochs": 5, "batch_size": 32, "stop_at": "last"},
}


class Recipe(BaseModel):
    """How every model is finetuned; the fields and their defaults are those of `specs.RecipeSpec`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    preset: Literal["paper-nlp", "paper-rm", "paper-chess"] | None = Field(
        None, description="a recipe of the paper; fields written beside it go before it"
    )
    epochs: Annotated[Whole, Field(ge=1, le=10_000)] = 5
    batch_size: Size = 32
    lr: Number = Field(1e-3, gt=0)
    warmup_frac: Number = Field(0.1, ge=0, lt=1)
    decay: Literal["linear", "cosine", "none"] = "linear"
    weight_decay: Number = Field(0.0, ge=0)
    gradient_clip: Number | None = Field(1.0, gt=0)
    precision: Literal["fp32", "bf16"] = "fp32"
    curve_points: Annotated[Whole, Field(ge=0, le=1000)] = 20
    curve_examples: Size | None = None
    stop_at: Literal["last", "weak-labels"] = "last"
    ema_decay: Number | None = Field(None, gt=0, lt=1)
    dropout: Number = Field(0.0, ge=0, lt=1)
    head_first: Number = Field(0.0, ge=0, lt=1)

    @model_validator(mode="before")
    @classmethod
    def _preset(cls, written: Any) -> Any:
        """A bare name is a preset; a preset gives what is not written."""
        written = {"preset": written} if isinstance(written, str) else written
        preset = written.get("preset") if isinstance(written, dict) else None
        return {**PRESETS[preset], **written} if isinstance(preset, str) and preset in PRESETS else written
