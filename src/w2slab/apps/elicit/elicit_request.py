"""A request to `elicit`: a model, a method and their training, checked as a whole before anything runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field

from w2slab import registry
from w2slab.errors import StudyError
from w2slab.fields import Checked, FieldError, Mistake, Number, Whole, nearest
from w2slab.methods.method import Method
from w2slab.models.model import Model
from w2slab.study.document import Document, override
from w2slab.study.parts import Supervision
from w2slab.study.reading import read_object
from w2slab.study.study import Study, StudyMethod
from w2slab.tasks.task import Task
from w2slab.training.recipe import Recipe

EPOCHS = 2
LR = 1e-4
SMALL_MODELS_LR = 1e-3  # of the shipped rungs, which are a hundred times smaller than what people finetune
STOPPING_POINTS = 10  # evaluations on weak validation labels, where these decide the end
STOPPING_SHARE = 0.1


@dataclass(frozen=True)
class OwnTexts(Task):
    """A user's texts: a task without ground truth. Its data are an `own-labels` job; nothing else loads them."""


@dataclass(frozen=True, kw_only=True)
class ElicitRequest(Checked):
    """A student, and its training on a user's labels; the names are those of a study.

    Args:
        model: The student's model.
        method: The student's method.
        recipe: Its training.
        weak_labels: Labels as probabilities (`soft`) or as the likeliest class (`hard`).
        seeds: Students are averaged over seeds.
        folds: Number of parts of the texts; a student is trained on the labels of all parts but one.
        level: Coverage of the confidence intervals.

    Raises:
        StudyError: With every mistake.
    """

    model: Model
    method: StudyMethod
    recipe: Recipe
    weak_labels: Literal["hard", "soft"] = "soft"
    seeds: Annotated[tuple[Annotated[Whole, Field(ge=0, lt=2**31)], ...], Field(min_length=1)] = (0,)
    folds: Annotated[Whole, Field(ge=2, le=100)] = 3
    level: Annotated[Number, Field(gt=0.5, lt=1)] = 0.95

    def __post_init__(self) -> None:
        super().__post_init__()
        mistakes = list(self._mistakes())
        if mistakes:
            raise FieldError(mistakes)

    def _mistakes(self) -> Iterator[Mistake]:
        if self.method.uses_truth:
            message = f"{self.method.display_name} uses ground truth, and there is none here; choose another method"
            yield Mistake(("method",), message)
            return
        try:
            self.study(self.model)
        except FieldError as error:
            yield from (Mistake((_FIELDS[str(m.path[0])],), m.message, m.of_key) for m in error.mistakes)

    @property
    def validation_frac(self) -> float:
        """Share of the texts set aside for early stopping on their weak labels."""
        return STOPPING_SHARE if self.recipe.stop_at == "weak-labels" else 0.0

    def study(self, model: Model, labels: Path = Path("labels")) -> Study:
        """Return the study of which the request is a part: one model that learns from a file of labels.

        Args:
            model: The model of the request, perhaps resolved.
            labels: The file of labels.
        """
        return Study(
            name="elicit",
            tasks=(OwnTexts(),),
            ladder=(model,),
            methods=(self.method,),
            supervision=Supervision(source="file", called=f"labels-of-{model.name}"[:80], path=labels),
            seeds=self.seeds,
            weak_labels=self.weak_labels,
            recipe=self.recipe,
        )


# The fields of a study from which a request's mistakes come, by their names in the request.
_FIELDS = {"methods": "method", "ladder": "model", "recipe": "recipe", "supervision": "model", "seeds": "seeds"}


def request_of(model: Model | str, method: Method | str, recipe: Recipe | None, **values: Any) -> ElicitRequest:
    """Return the request of objects, or of names that stand for them.

    Args:
        model: A model; or a shipped rung, a folder, `package:module/folder`, or a hub id.
        method: A method, or a row of the methods' table with its defaults.
        recipe: The training; `None` is the usual one.
        values: Other fields of the request.

    Raises:
        StudyError: With every mistake.
    """
    fields = model_fields(model) if isinstance(model, str) else {}
    usual = Recipe(epochs=EPOCHS, lr=_usual_lr(fields), curve_points=0)
    return ElicitRequest(
        model=registry.build("models", "hf", fields) if isinstance(model, str) else model,
        method=registry.build("methods", method, {}) if isinstance(method, str) else method,
        recipe=recipe or usual,
        **values,
    )


def make_request(
    model: str, method: str, values: Mapping[str, Any] = MappingProxyType({}), settings: Sequence[str] = ()
) -> ElicitRequest:
    """Return the request that options and `--set` overrides describe.

    Args:
        model: A shipped rung, a folder, `package:module/folder`, or a hub id, `org/name` or `org/name@revision`.
        method: A row of the methods' table.
        values: `seeds`, `folds`, `weak_labels`, `level`, where they are given.
        settings: `model.layers=3`, `method.max_weight=0.75`, `recipe.lr=1e-4`, ...

    Raises:
        StudyError: With every mistake.
    """
    fields = model_fields(model)
    document = Document("elicit", {"model": {"family": "hf", **fields}, "method": {"name": method}, "recipe": {}})
    document.values |= {name: value for name, value in values.items() if value is not None}
    for setting in settings:
        override(document, setting)
    document.values["recipe"] = _with_defaults(document.values["recipe"], _usual_lr(fields))
    return read_object(ElicitRequest, document, Path())


def _usual_lr(model: Mapping[str, Any]) -> float:
    return SMALL_MODELS_LR if set(model) == {"name"} else LR


def _with_defaults(recipe: Any, lr: float) -> Any:
    """The recipe as written, with the defaults of `elicit`; a preset of the paper brings its own."""
    recipe = {"preset": recipe} if isinstance(recipe, str) else recipe
    if not isinstance(recipe, dict):
        return recipe
    if recipe.get("preset") is not None:
        return {"lr": lr, **recipe}
    points = STOPPING_POINTS if recipe.get("stop_at") == "weak-labels" else 0
    return {"epochs": EPOCHS, "lr": lr, "curve_points": points, **recipe}


def model_fields(model: str) -> dict[str, Any]:
    """The fields of a Hugging Face model that one word describes.

    Raises:
        StudyError: It is neither a shipped rung nor a folder, and not of the form of a hub id.
    """
    from w2slab.models.hf.hf_sources import shipped

    rungs = shipped()
    if model in rungs:
        return {"name": model}
    if model.startswith("package:"):
        package = model.removeprefix("package:")
        return {"name": _name(package.partition("/")[0]), "package": package}
    name = _name(model)
    if Path(model).is_dir():
        return {"name": name, "path": str(Path(model).absolute())}
    hub_id, _, revision = model.partition("@")
    if hub_id.count("/") == 1 and not model.startswith((".", "/", "~")):
        return {"name": name, "model": hub_id} | ({"revision": revision} if revision else {})
    raise StudyError(
        f"--model {model}: no shipped rung and no folder of this name.{nearest(model, rungs)} Allowed: "
        f'{", ".join(rungs)}, a folder, a hub id ("org/name"), or "package:module/folder"'
    )


def _name(model: str) -> str:
    """A rung's name from the last part of a path or id."""
    last = model.rstrip("/").rpartition("/")[2].partition("@")[0]
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "._+-") else "-" for c in last).strip("._+-")[:80]
    return kept or "student"
