"""Parts of a study beside its plugins: splits, where weak labels come from, what is trained, how it is judged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from w2slab import registry
from w2slab.errors import W2SError
from w2slab.specs import HeadShape, RecipeSpec
from w2slab.study.document import PathTuple
from w2slab.study.recipe import Number, Recipe, Size, Whole

if TYPE_CHECKING:
    from w2slab.study.study import Study

Name = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")]


class Part(BaseModel):
    """A part of a study: frozen, and unknown fields are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Splits(Part):
    """Examples of each split. `null` takes an equal share of what the others leave."""

    supervisor_train: Size | None = None
    student_train: Size | None = None
    validation: Size | None = 500
    test: Size | None = 2000
    reserve: Annotated[Whole, Field(ge=0)] = Field(0, description="further unlabelled examples, for bootstrapping")


class Statistics(Part):
    """How results are judged; changing it recomputes no model."""

    level: Number = Field(0.95, gt=0.5, lt=1)
    resamples: Annotated[Whole, Field(ge=100, le=1_000_000)] = 2000
    min_gap: Number = Field(0.01, ge=0, lt=1, description="smallest gap for which PGR is defined")


class HeadRecipe(Part):
    """How heads are trained on frozen features; fields as in a study's `recipe`."""

    epochs: Annotated[Whole, Field(ge=1, le=10_000)] = 20
    batch_size: Size = 128
    lr: Number = Field(1e-2, gt=0)
    warmup_frac: Number = Field(0.1, ge=0, lt=1)
    decay: Literal["linear", "cosine", "none"] = "linear"
    weight_decay: Number = Field(0.0, ge=0)
    dropout: Number = Field(0.0, ge=0, lt=1)
    ema_decay: Number | None = Field(None, gt=0, lt=1)
    curve_points: Annotated[Whole, Field(ge=0, le=1000)] = 4
    curve_examples: Size | None = None
    stop_at: Literal["last", "weak-labels"] = "last"


class HeadTuning(Part):
    """Features of every model are read once and stay; supervisors, students and ceilings are heads on them."""

    hidden: Size | None = Field(None, description="units of one hidden layer; by default the head is linear")
    readout: str = Field("head", description="what is read of an example: what the model's own head reads, or another")
    layer: Size | None = Field(None, description="block after which it is read; the last by default")
    features_of: Literal["splits", "task"] = Field(
        "splits", description="read each seed's examples, or once all of the task's: sooner where seeds are many"
    )
    recipe: HeadRecipe = HeadRecipe()

    @property
    def shape(self) -> HeadShape:
        """The head as it enters a job."""
        return HeadShape(hidden=self.hidden)

    def recipe_spec(self, recipe: Recipe) -> RecipeSpec:
        """How heads are trained, as it enters a job; features are computed in the precision of the study's recipe."""
        return RecipeSpec(**self.recipe.model_dump(), gradient_clip=None, precision=recipe.precision)


# Which labels are wrong, in words.
_CHOSEN = {
    "random": "at random",
    "longest": "on the longest prompts",
    "shortest": "on the shortest prompts",
    "least-sure": "where the ceiling is least sure",
    "surely-right": "where the ceiling is most surely right",
}


class Supervision(Part):
    """Weak labels that do not come from a weak model.

    Corrupted labels stand in place of each pair's weak rung, with as many errors as it has; unless `errors_of` or
    `rate` says how many, and then they are a source of their own, as a file of labels is: every rung learns from it.
    """

    source: Literal["model", "corrupted", "file"]
    called: Name = Field("labels", description="name of the source in the results, where no rung stands for it")
    choose: Literal["random", "longest", "shortest", "least-sure", "surely-right"] = Field(
        "random", description="corrupted: which labels are wrong; the last two ask the ceiling"
    )
    errors_of: str | None = Field(None, description="corrupted: as many errors as this rung's; each pair's weak one")
    rate: Number | None = Field(None, gt=0, lt=1, description="corrupted: this share of errors instead")
    path: Path | None = Field(None, description="file: labels by example id, as JSON Lines, CSV or Parquet")

    @model_validator(mode="before")
    @classmethod
    def _bare_name(cls, written: Any) -> Any:
        return {"source": written} if isinstance(written, str) else written

    @property
    def is_its_own_supervisor(self) -> bool:
        """Whether no rung stands for it: then every rung is a student, held against this source."""
        return self.source == "file" or self.rate is not None or self.errors_of is not None

    def words(self, weak: str) -> str:
        """What corrupted labels are, with as many errors as this rung's unless there is a rate."""
        share = f"as many as {weak} has" if self.rate is None else f"{100 * self.rate:g} % of them"
        return f"true labels made wrong, {share}, {_CHOSEN[self.choose]}"

    def of_others(self) -> Iterator[tuple[str, str]]:
        """Fields that were written and belong to another source, each with that source."""
        for name, source in (
            ("choose", "corrupted"),
            ("errors_of", "corrupted"),
            ("rate", "corrupted"),
            ("path", "file"),
        ):
            if source != self.source and getattr(self, name) != type(self).model_fields[name].default:
                yield name, source


def parts_problems(study: Study) -> Iterator[tuple[PathTuple, str]]:
    """What does not fit together in `supervision` and `tuning`, each with its place in the study."""
    yield from _supervision_problems(study)
    yield from _tuning_problems(study)


def _tuning_problems(study: Study) -> Iterator[tuple[PathTuple, str]]:
    """What heads cannot have: a stopping point that nothing shows, models without features or with other readouts."""
    tuning = study.tuning
    if tuning is None:
        return
    if tuning.recipe.stop_at == "weak-labels" and not tuning.recipe.curve_points:
        yield ("tuning", "recipe", "stop_at"), "weak-labels needs curve_points above 0"
    for i, rung in enumerate(study.ladder):
        try:
            family = rung.make()
            has_features = family.has_features
        except W2SError:
            continue  # a file or a model is missing; planning tells it with its own advice
        readouts = family.readouts
        if not has_features:
            yield ("ladder", i), f'tuning: head: the network of "{rung.name}" has no features that a head could read'
        elif tuning.readout not in readouts:
            allowed = ", ".join(readouts)
            yield ("tuning", "readout"), f'"{tuning.readout}" is not read of "{rung.name}"; allowed: {allowed}'


def _supervision_problems(study: Study) -> Iterator[tuple[PathTuple, str]]:
    """What does not fit together where weak labels do not come from a weak model."""
    asked = study.supervision
    if asked is None:
        return
    rungs = [rung.name for rung in study.ladder]
    for name, source in asked.of_others():
        yield ("supervision", name), f"belongs to source: {source}, and the source is {asked.source}; leave it out"
    if asked.source == "file" and asked.path is None:
        yield ("supervision", "path"), "a file needs its path; what is to be labelled is written by: w2slab examples"
    if asked.source == "file" and len(study.tasks) > 1:
        yield ("tasks",), f"a file labels the examples of one task, not of {len(study.tasks)}; make a study of each"
    if asked.errors_of is not None and asked.errors_of not in rungs:
        hint = registry.closest(asked.errors_of, rungs)
        yield ("supervision", "errors_of"), f'"{asked.errors_of}" is no rung of the ladder.{hint}'
    if asked.errors_of is not None and asked.rate is not None:
        yield ("supervision", "rate"), "errors_of says already how many labels are wrong; leave one of the two out"
    if "self-training" in study.controls:
        place = ("controls", study.controls.index("self-training"))
        yield place, "it copies a weak model, and these weak labels come from none; leave it out"
    if asked.is_its_own_supervisor:
        yield from _own_supervisor_problems(study, asked.called, rungs)
    elif asked.called != "labels":
        yield ("supervision", "called"), "each pair's weak rung stands for these labels; leave it out, or give a rate"


def _own_supervisor_problems(study: Study, called: str, rungs: list[str]) -> Iterator[tuple[PathTuple, str]]:
    """Names that clash, and pairs whose weak side is a rung where a source of labels teaches all of them."""
    if called in rungs:
        yield ("supervision", "called"), f'"{called}" is a rung of the ladder; give the labels a name of their own'
    for i, (weak, _) in enumerate(study.pairs if study.pairs != "all" else []):
        if weak != called and weak in rungs:
            yield ("pairs", i), f'the supervisor is "{called}" and no rung: write [{called}, strong], or pairs: all'
