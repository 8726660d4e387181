"""What a user asks of `elicit`: a model, a method, how to train; checked as a whole before anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from w2slab import registry
from w2slab.errors import Problem, StudyError
from w2slab.study.document import Document, override
from w2slab.study.recipe import Recipe
from w2slab.study.study import MethodEntry, Rung, Study, label

EPOCHS = 2
LR = 1e-4
SMALL_MODELS_LR = 1e-3  # of the shipped rungs, which are a hundred times smaller than what people finetune
STOPPING_POINTS = 10  # how often weak validation is asked, where it decides the end
STOPPING_SHARE = 0.1


class Request(BaseModel):
    """A student, and how it learns from labels; the names are those of a study."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Rung
    method: MethodEntry
    recipe: Recipe
    weak_labels: Literal["hard", "soft"] = "soft"
    seeds: Annotated[list[Annotated[int, Field(ge=0, lt=2**31)]], Field(min_length=1)] = [0]
    folds: Annotated[int, Field(ge=2, le=100)] = 3
    level: Annotated[float, Field(gt=0.5, lt=1)] = 0.95

    @property
    def validation_frac(self) -> float:
        """Share of the texts put aside to judge by their weak labels when to stop."""
        return STOPPING_SHARE if self.recipe.stop_at == "weak-labels" else 0.0

    def study(self) -> Study:
        """What methods ask of a study: one rung, no pair."""
        return Study.model_construct(
            name="elicit",
            tasks=[],
            ladder=[self.model],
            pairs=[(self.model.name, self.model.name)],
            methods=[self.method],
            controls=[],
            seeds=self.seeds,
            weak_labels=self.weak_labels,
            recipe=self.recipe,
        )


def make_request(model: str, method: str, values: Mapping[str, Any], settings: Sequence[str] = ()) -> Request:
    """The request that options and `--set` overrides describe.

    Args:
        model: A shipped rung, a folder, `package:module/folder`, or a hub id, `org/name` or `org/name@revision`.
        method: A row of the methods' table.
        values: `seeds`, `folds`, `weak_labels`, `level`, where they are given.
        settings: `model.layers=3`, `method.max_weight=0.75`, `recipe.lr=1e-4`, ...

    Raises:
        StudyError: With every problem found.
    """
    fields = model_fields(model)
    document = Document("elicit", {"model": {"family": "hf", **fields}, "method": {"name": method}, "recipe": {}})
    document.values |= {name: value for name, value in values.items() if value is not None}
    for setting in settings:
        override(document, setting)
    lr = SMALL_MODELS_LR if set(fields) == {"name"} else LR
    document.values["recipe"] = _with_defaults(document.values["recipe"], lr)
    problems = list(document.problems)
    try:
        request = Request.model_validate(document.values)
    except ValidationError as error:
        problems += [Problem(document.place(tuple(e["loc"])), e["msg"]) for e in error.errors()]
        raise StudyError(problems) from None
    problems += [Problem(document.place(("model",)), m) for m in _row_problems("models", request.model)]
    problems += [Problem(document.place(("method",)), m) for m in _row_problems("methods", request.method)]
    if problems:
        raise StudyError(problems)
    return request


def _with_defaults(recipe: Any, lr: float) -> Any:
    """The recipe that is written, with what is usual here; a preset of the paper brings its own."""
    recipe = {"preset": recipe} if isinstance(recipe, str) else recipe
    if not isinstance(recipe, dict):
        return recipe
    if recipe.get("preset") is not None:
        return {"lr": lr, **recipe}
    points = STOPPING_POINTS if recipe.get("stop_at") == "weak-labels" else 0
    return {"epochs": EPOCHS, "lr": lr, "curve_points": points, **recipe}


def _row_problems(kind: str, entry: Any) -> list[str]:
    """What is wrong with the row that an entry names, and its fields."""
    row = entry.family if isinstance(entry, Rung) else entry.name
    if row not in registry.table(kind):
        return [f'unknown {kind.removesuffix("s")} "{row}".{registry.closest(row, registry.table(kind))}']
    try:
        made = registry.build(kind, row, entry.row_fields if isinstance(entry, Rung) else entry.fields)
    except StudyError as error:
        return [str(error)]
    if getattr(made, "uses_truth", False):
        return [f"{label(entry)} learns from true labels, of which there are none here; choose another method"]
    return []


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
        return {"name": name, "path": Path(model).absolute()}
    hub_id, _, revision = model.partition("@")
    if hub_id.count("/") == 1 and not model.startswith((".", "/", "~")):
        return {"name": name, "model": hub_id} | ({"revision": revision} if revision else {})
    hint = registry.closest(model, rungs) if rungs else ""
    raise StudyError(
        f'--model {model}: no shipped rung and no folder of this name.{hint} Also: a hub id ("org/name"), or '
        '"package:module/folder"'
    )


def _name(model: str) -> str:
    """A rung's name from the last part of a path or id."""
    last = model.rstrip("/").rpartition("/")[2].partition("@")[0]
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "._+-") else "-" for c in last).strip("._+-")[:80]
    return kept or "student"
