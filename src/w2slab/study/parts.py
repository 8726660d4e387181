"""Parts of a study beside its components: the source of weak labels, what is trained, how results are judged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from w2slab.fields import Checked, Mistake, Name, Number, Size, Whole
from w2slab.models.model import Model
from w2slab.training.recipe import OF_HEADS, HeadShape, Recipe


@dataclass(frozen=True, kw_only=True)
class Statistics(Checked):
    """Settings of the statistics; changing them recomputes no model.

    Args:
        level: Of confidence intervals.
        resamples: Number of resamples of the test examples.
        min_gap: Smallest gap, in accuracy, for which PGR is defined.
    """

    level: Annotated[Number, Field(gt=0.5, lt=1)] = 0.95
    resamples: Annotated[Whole, Field(ge=100, le=1_000_000)] = 2000
    min_gap: Annotated[Number, Field(ge=0, lt=1)] = 0.01


@dataclass(frozen=True, kw_only=True)
class HeadTuning(Checked):
    """Heads in place of networks: supervisors, students and ceilings are heads on frozen features, read once.

    Args:
        hidden: Units of one hidden layer; `None` is a linear head.
        readout: The features read of an example: those of the model's own head, or another readout of its family.
        layer: Block after which they are read, counted from 1; `None` is the last.
        features_of: Read the `splits` of each seed, or once the whole `task`: sooner where seeds are many.
        recipe: How heads are trained. `gradient_clip`, `precision` and `head_first` are not of heads.
    """

    hidden: Size | None = None
    readout: str = "head"
    layer: Size | None = None
    features_of: Literal["splits", "task"] = "splits"
    recipe: Recipe = Recipe(**OF_HEADS)

    @classmethod
    def from_shorthand(cls, written: Any) -> Any:
        """Return what is written, its recipe with the usual values of heads."""
        if isinstance(written, str) and written not in ("full", "head"):
            raise ValueError("allowed: full, head, or a mapping of what is said of heads")
        written = {"full": None, "head": {}}[written] if isinstance(written, str) else written
        if isinstance(written, dict) and isinstance(written.get("recipe"), dict):
            return {**written, "recipe": {**OF_HEADS, **written["recipe"]}}
        return written

    @property
    def shape(self) -> HeadShape:
        """The head as it enters a job."""
        return HeadShape(hidden=self.hidden)

    def recipe_of(self, recipe: Recipe) -> Recipe:
        """Return how heads are trained; features are computed in the precision of the study's recipe."""
        return replace(self.recipe, precision=recipe.precision)

    def mistakes(self) -> Iterator[Mistake]:
        """Iterate over fields of the recipe that the training of heads does not read."""
        usual = Recipe(**OF_HEADS)
        for name in HeadShape.NOT_OF_HEADS:
            if getattr(self.recipe, name) != getattr(usual, name):
                yield Mistake(("recipe", name), "is not of heads; leave it out")
        if self.recipe.stop_at == "weak-labels" and not self.recipe.curve_points:
            yield Mistake(("recipe", "stop_at"), "weak-labels needs curve_points above 0")


# Which labels are wrong, in words.
_CHOSEN = {
    "random": "at random",
    "longest": "on the longest prompts",
    "shortest": "on the shortest prompts",
    "least-sure": "where the ceiling is least sure",
    "surely-right": "where the ceiling is most surely right",
}


@dataclass(frozen=True, kw_only=True)
class Supervision(Checked):
    """Weak labels that do not come from a weak model.

    Corrupted labels stand in place of each pair's weak rung, with as many errors as it has; unless `errors_of` or
    `rate` says how many, and then they are a source of their own, as a file of labels is: every rung learns from it.

    Args:
        source: A weak `model`, the ground truth `corrupted`, or a `file` of labels.
        called: Name of the source in the results, where no rung stands for it.
        choose: Of corrupted labels: which are wrong. The last two ask the ceiling.
        errors_of: Of corrupted labels: as many errors as this rung has; `None` is each pair's weak one.
        rate: Of corrupted labels: this share of errors instead.
        path: Of a file: labels by example id, as JSON Lines, CSV or Parquet.
    """

    source: Literal["model", "corrupted", "file"]
    called: Name = "labels"
    choose: Literal["random", "longest", "shortest", "least-sure", "surely-right"] = "random"
    errors_of: str | None = None
    rate: Annotated[Number, Field(gt=0, lt=1)] | None = None
    path: Path | None = None

    @classmethod
    def from_shorthand(cls, written: Any) -> Any:
        """Return the fields that a bare name stands for."""
        return {"source": written} if isinstance(written, str) else written

    @property
    def is_its_own_supervisor(self) -> bool:
        """True if it is a supervisor of its own: then every rung is a student, compared with this source."""
        return self.source == "file" or self.rate is not None or self.errors_of is not None

    def words(self, weak: str) -> str:
        """Return a description of corrupted labels, with as many errors as this rung's unless there is a rate."""
        share = f"as many as {weak} has" if self.rate is None else f"{100 * self.rate:g}% of them"
        return f"ground truth made wrong, {share}, {_CHOSEN[self.choose]}"

    def mistakes(self, rungs: list[str]) -> Iterator[Mistake]:
        """Iterate over fields that belong to another source, and names that lead nowhere.

        Args:
            rungs: Names on the ladder.
        """
        defaults = {each.name: each.default for each in fields(self)}
        for name, source in (
            ("choose", "corrupted"),
            ("errors_of", "corrupted"),
            ("rate", "corrupted"),
            ("path", "file"),
        ):
            if source != self.source and getattr(self, name) != defaults[name]:
                message = f"belongs to source: {source}, and the source is {self.source}; leave it out"
                yield Mistake((name,), message)
        if self.source == "file" and self.path is None:
            message = "a file needs its path; what is to be labelled is written by: w2slab examples"
            yield Mistake(("path",), message)
        if self.errors_of is not None and self.rate is not None:
            yield Mistake(("rate",), "errors_of says already how many labels are wrong; leave one of the two out")
        if self.is_its_own_supervisor:
            if self.called in rungs:
                message = f'"{self.called}" is a rung of the ladder; give the labels a name of their own'
                yield Mistake(("called",), message)
        elif self.called != "labels":
            message = "each pair's weak rung stands for these labels; leave it out, or give a rate"
            yield Mistake(("called",), message)


@dataclass(frozen=True)
class SourceOfLabels(Model):
    """The weak side of a pair whose labels come from no model: a name, and nothing that could be trained."""
