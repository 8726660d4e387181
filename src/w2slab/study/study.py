"""What the user writes: a study, checked as a whole before anything runs."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from w2slab import registry
from w2slab.errors import Problem, StudyError
from w2slab.specs import RecipeSpec
from w2slab.study.document import Document, PathTuple, override, read_document
from w2slab.study.parts import HeadTuning, Name, Part, Splits, Statistics, Supervision, parts_problems
from w2slab.study.recipe import PRESETS, Number, Recipe, Whole

Control = Literal["shuffled", "random", "constant", "self-training"]


class _Plugin(Part):
    """An entry whose other fields belong to a row of one of the tables; a bare name is an entry without fields."""

    model_config = ConfigDict(extra="allow", frozen=True)

    @property
    def fields(self) -> dict[str, Any]:
        """What the study wrote beside the entry's own fields."""
        return dict(self.model_extra or {})


class TaskEntry(_Plugin):
    """A task: a row of `w2slab list tasks` with its fields."""

    name: str
    called: Name | None = Field(None, description="name in the results; the task's own name by default")


class Rung(_Plugin):
    """A model of the ladder: a row of `w2slab list models` with its fields."""

    name: Name
    family: str
    lr: Number | None = Field(None, gt=0, description="learning rate of this rung; the recipe's by default")

    @property
    def row_fields(self) -> dict[str, Any]:
        """What the row is made of: its fields, and the rung's name where it wants that."""
        return _own_fields("models", self.family, Rung, {**self.fields, "name": self.name})

    def make(self) -> Any:
        """The model family, as its row makes it.

        Raises:
            StudyError: A field does not fit.
        """
        return registry.build("models", self.family, self.row_fields)


class MethodEntry(_Plugin):
    """A method: a row of `w2slab list methods` with its parameters."""

    name: str
    called: Name | None = Field(None, description="name in the results; needed where one method stands twice")


class Study(Part):
    """A study of weak-to-strong generalization: tasks, a ladder, methods, seeds."""

    name: Name
    tasks: Annotated[list[TaskEntry], Field(min_length=1)]
    ladder: Annotated[list[Rung], Field(min_length=1, description="models, weakest first")]
    pairs: Literal["all"] | Annotated[list[tuple[str, str]], Field(min_length=1)] = Field(
        "all", description="[weak, strong] by name, or all pairs in which the weak one stands before the strong one"
    )
    methods: Annotated[list[MethodEntry], Field(min_length=1)]
    controls: list[Control] = Field([])
    seeds: Annotated[list[Annotated[Whole, Field(ge=0, lt=2**31)]], Field(min_length=1)] = Field([0])
    splits: Splits = Splits()
    weak_labels: Literal["hard", "soft"] = "soft"
    ceiling_learns_on: Literal["student_train", "supervisor_train"] = "student_train"
    recipe: Recipe = Recipe()
    supervision: Supervision | None = Field(
        None, description="where weak labels come from: a weak `model` (the default), `corrupted` labels or a `file`"
    )
    tuning: HeadTuning | None = Field(
        None, description="what is trained: `full` (the default), all that a rung's family trains; or a `head` alone"
    )
    statistics: Statistics = Statistics()

    @field_validator("tasks", "methods", mode="before")
    @classmethod
    def _bare_names(cls, entries: Any) -> Any:
        return [{"name": e} if isinstance(e, str) else e for e in entries] if isinstance(entries, list) else entries

    @field_validator("supervision")
    @classmethod
    def _of_a_model(cls, asked: Supervision | None) -> Supervision | None:
        return None if asked == Supervision(source="model") else asked

    @field_validator("tuning", mode="before")
    @classmethod
    def _whole_or_head(cls, written: Any) -> Any:
        if isinstance(written, str) and written not in ("full", "head"):
            raise ValueError("allowed: full, head, or a mapping of what is said of heads")
        return {"full": None, "head": {}}.get(written, written) if isinstance(written, str) else written

    @property
    def source(self) -> Rung | None:
        """What stands for a source of labels that no rung does, below the whole ladder; `None` where there is none."""
        if self.supervision is None or not self.supervision.is_its_own_supervisor:
            return None
        return Rung(name=self.supervision.called, family=self.supervision.source)

    @property
    def sides(self) -> list[Rung]:
        """What may stand in a pair, weakest first: the source of labels, where no rung stands for it, and the rungs."""
        return [*([] if self.source is None else [self.source]), *self.ladder]

    def rung(self, name: str) -> Rung:
        """The model of the ladder with this name, or the source of labels."""
        return next(r for r in self.sides if r.name == name)

    def all_pairs(self) -> list[tuple[Rung, Rung]]:
        """Every pair of the study, weak before strong, in ladder order."""
        if self.pairs == "all":
            below = [[self.source] if self.source else self.ladder[:j] for j in range(len(self.ladder))]
            return [(weak, strong) for strong, own in zip(self.ladder, below, strict=True) for weak in own]
        return [(self.rung(weak), self.rung(strong)) for weak, strong in self.pairs]

    def between(self, weak: str, strong: str) -> list[str]:
        """Names of the rungs between two others, weakest first."""
        names = [side.name for side in self.sides]
        return names[names.index(weak) + 1 : names.index(strong)]

    def recipe_of(self, rung: Rung) -> RecipeSpec:
        """The recipe with the rung's own learning rate, as it enters a job."""
        values = self.recipe.model_dump(exclude={"preset"})
        return RecipeSpec(**(values | ({"lr": rung.lr} if rung.lr is not None else {})))


def label(entry: TaskEntry | MethodEntry) -> str:
    """The entry's name in the results."""
    return entry.called or entry.name


def load_study(path: Path | str, settings: Sequence[str] = ()) -> Study:
    """Read a study file, apply `--set` overrides and check everything.

    Raises:
        StudyError: With every problem found, each with its place.
    """
    path = Path(path)
    document = read_document(path)
    for setting in settings:
        override(document, setting)
    return check_study(document, base=path.parent)


def check_study(document: Document, base: Path) -> Study:
    """The study a document describes; relative paths in it start from `base`.

    Raises:
        StudyError: With every problem found, each with its place.
    """
    problems = list(document.problems)
    study = None
    if isinstance(document.values, dict):
        try:
            study = Study.model_validate(document.values)
        except ValidationError as error:
            problems += [_explain(document, e, Study) for e in error.errors() if not _is_other_branch(e)]
        problems += _plugin_problems(document)
    else:
        problems.append(Problem(document.place(()), "a study is a mapping of fields. To write one: w2slab init"))
    if study is not None:
        study = study if problems else _with_fields(study, base)
        problems += [Problem(document.place(path), message) for path, message in _cross_checks(study)]
    if problems or study is None:
        raise StudyError(sorted(problems, key=_line_and_column))
    return study


def _line_and_column(problem: Problem) -> tuple[int, int]:
    """Where a problem stands, for the order of the list; those of `--set` come first."""
    found = re.search(r":(\d+):(\d+)(?::|$)", problem.place)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _plugins(values: dict[str, Any]) -> Iterator[tuple[str, PathTuple, str, type[_Plugin], dict[str, Any]]]:
    """Each entry of a table with its kind, path, row and own model; entries that are no mapping are left out."""
    sections = (
        ("tasks", "tasks", "name", TaskEntry),
        ("ladder", "models", "family", Rung),
        ("methods", "methods", "name", MethodEntry),
    )
    for section, kind, key, model in sections:
        entries = values.get(section)
        for i, entry in enumerate(entries if isinstance(entries, list) else []):
            entry = {"name": entry} if isinstance(entry, str) and key == "name" else entry
            if isinstance(entry, dict) and isinstance(entry.get(key), str):
                yield kind, (section, i), key, model, entry


def _plugin_problems(document: Document) -> list[Problem]:
    problems = []
    for kind, path, key, model, entry in _plugins(document.values):
        row = entry[key]
        if row not in registry.table(kind):
            place = document.place((*path, key))
            noun = "family" if kind == "models" else kind.removesuffix("s")
            hint = registry.closest(row, registry.table(kind))
            problems.append(Problem(place, f'unknown {noun} "{row}".{hint} To see them: w2slab list {kind}'))
            continue
        allowed = [n for n in registry.parameters(kind, row) if n != "name"]
        for clash in sorted(set(allowed) & model.model_fields.keys()):
            message = f'the {row} row has a field "{clash}", which a study uses itself; rename it where it is defined'
            problems.append(Problem(document.place(path), message))
        try:
            own_fields = _own_fields(kind, row, model, entry)
            registry.check(kind, row, own_fields)
            registry.build(kind, row, own_fields)
        except StudyError as error:
            problems.append(Problem(document.place(path), str(error)))
        except ValidationError as error:
            own = [n for n in model.model_fields if n not in allowed]
            for e in error.errors():
                problems.append(_explain(document, e, [*own, *allowed], path))
    return problems


def _own_fields(kind: str, row: str, model: type[_Plugin], entry: dict[str, Any]) -> dict[str, Any]:
    """What belongs to the table's row: all but the entry's own fields, and the rung's name where the row wants it."""
    fields = {k: v for k, v in entry.items() if k not in model.model_fields}
    if kind == "models" and "name" in registry.parameters(kind, row):
        fields["name"] = entry.get("name", "")
    return fields


def _explain(document: Document, error: Any, allowed: Any, prefix: PathTuple = ()) -> Problem:
    """A pydantic error in our words, at its place."""
    path = (*prefix, *(part for part in error["loc"] if _is_real(part)))
    kind, value = error["type"], error.get("input")
    if kind == "extra_forbidden":
        names = allowed if isinstance(allowed, list) else _fields_at(allowed, path)
        hint = registry.closest(path[-1], names)
        return Problem(document.place(path, of_key=True), f'unknown field "{path[-1]}".{hint}')
    if kind == "missing":
        return Problem(document.place(path), "is required and missing")
    message = error["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    if len(repr(value)) < 200:
        message += f", not {value!r}"
    if kind == "literal_error":
        hint = registry.nearest(value, re.findall(r"'([^']*)'", error["ctx"]["expected"]))
        message += f".{hint}" if hint else ""
    return Problem(document.place(path), message)


def _is_other_branch(error: Any) -> bool:
    """Whether a branch of `pairs` complains that was not meant: of `all` about a list, of the list about a word."""
    branch = str(error["loc"][1]) if len(error["loc"]) > 1 and error["loc"][0] == "pairs" else ""
    if branch.startswith("literal"):
        return isinstance(error["input"], list)
    return bool(branch) and len(error["loc"]) == 2 and isinstance(error["input"], str)


def _is_real(part: object) -> bool:
    """Whether a part of pydantic's location stands in the file, and does not merely name a branch of a union."""
    return isinstance(part, int) or (isinstance(part, str) and "[" not in part and part not in ("literal", "list"))


def _fields_at(model: type[BaseModel], path: PathTuple) -> list[str]:
    """Field names of the part of a study that holds the last element of the path."""
    for part in path[:-1]:
        annotation = model.model_fields[part].annotation if part in model.model_fields else None
        for branch in (annotation, *get_args(annotation)):  # a part, or a part that may be absent
            if isinstance(branch, type) and issubclass(branch, BaseModel):
                model = branch
    return list(model.model_fields)


def _cross_checks(study: Study) -> Iterator[tuple[PathTuple, str]]:
    """What no single field shows: names that clash, pairs that lead nowhere, reserves that are too small."""
    names = [r.name for r in study.sides]
    yield from parts_problems(study)
    for section, labels in (
        ("ladder", [r.name for r in study.ladder]),
        ("methods", [label(m) for m in study.methods]),
        ("tasks", [label(t) for t in study.tasks]),
        ("seeds", study.seeds),
        ("pairs", [] if study.pairs == "all" else [f"{weak}, {strong}" for weak, strong in study.pairs]),
        ("controls", study.controls),
    ):
        seen: Counter[Any] = Counter()
        for i, name in enumerate(labels):
            seen[name] += 1
            if seen[name] > 1:
                hint = "; give each a name of its own with `called:`" if section in ("methods", "tasks") else ""
                yield (section, i), f'"{name}" stands twice{hint}'
    if study.pairs != "all":
        for i, (weak, strong) in enumerate(study.pairs):
            unknown = [n for n in (weak, strong) if n not in names]
            for name in unknown:
                yield ("pairs", i), f'"{name}" is no rung of the ladder.{registry.closest(name, names)}'
            if not unknown and names.index(weak) >= names.index(strong):
                yield ("pairs", i), f'"{weak}" does not stand before "{strong}" on the ladder, which goes weakest first'
    elif len(names) < 2:
        yield ("ladder",), "one rung makes no pair; add a stronger model"
    if study.recipe.stop_at == "weak-labels" and not study.recipe.curve_points:
        yield ("recipe", "stop_at"), "weak-labels needs curve_points above 0"
    for i, method in enumerate(study.methods):
        for message in _method_problems(study, method):
            yield ("methods", i), message


def _method_problems(study: Study, entry: MethodEntry) -> Iterator[str]:
    """What the method itself finds wrong with the study."""
    try:
        method = registry.build("methods", entry.name, entry.fields)
    except StudyError:
        return  # reported with its place already
    yield from method.problems(study)


def _with_fields(study: Study, base: Path) -> Study:
    """The study with every plugin's fields complete, and paths that start from the study's folder."""

    def complete(kind: str, row: str, model: type[_Plugin], entry: Any) -> Any:
        values = registry.check(kind, row, _own_fields(kind, row, model, {**entry.model_dump()}))
        values = {k: _from(base, v) for k, v in values.items() if k != "name"}
        own = {name: getattr(entry, name) for name in model.model_fields}
        return model.model_validate(own | values)

    return study.model_copy(
        update={
            "tasks": [complete("tasks", t.name, TaskEntry, t) for t in study.tasks],
            "ladder": [complete("models", r.family, Rung, r) for r in study.ladder],
            "methods": [complete("methods", m.name, MethodEntry, m) for m in study.methods],
            "supervision": study.supervision
            and study.supervision.model_copy(update={"path": _from(base, study.supervision.path)}),
        }
    )


def _from(base: Path, value: Any) -> Any:
    """The value with every relative path in it started from `base`."""
    if isinstance(value, list | tuple):
        return type(value)(_from(base, each) for each in value)
    return base / value if isinstance(value, Path) else value


def schema() -> dict[str, Any]:
    """The JSON Schema of a study file, with every row's fields, for editors."""
    result = Study.model_json_schema()
    for kind, entry, key in (
        ("tasks", "TaskEntry", "name"),
        ("models", "Rung", "family"),
        ("methods", "MethodEntry", "name"),
    ):
        definitions = result["$defs"]
        rows = [_row_schema(kind, row, key, definitions[entry], definitions) for row in registry.table(kind)]
        bare = [{"enum": list(registry.table(kind))}] if key == "name" else []
        result["$defs"][entry] = {"anyOf": [*bare, *rows]}
    names = {"Recipe": list(PRESETS), "Supervision": ["model", "corrupted"], "HeadTuning": ["full", "head"]}
    for part, allowed in names.items():
        result["$defs"][part] = {"anyOf": [{"enum": allowed}, result["$defs"][part]]}
    return result


def _row_schema(kind: str, row: str, key: str, entry: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    own = registry.model(kind, row).model_json_schema()
    definitions.update(own.get("$defs", {}))
    properties = {**own.get("properties", {}), **entry["properties"], key: {"const": row}}
    required = [name for name in {*own.get("required", []), *entry["required"]}]
    return {
        "type": "object",
        "description": registry.describe(kind, row),
        "properties": properties,
        "required": sorted(required),
        "additionalProperties": False,
    }


def to_yaml(study: Study, base: Path) -> str:
    """The study with every default written out: YAML that describes the same study from the folder `base`."""
    import yaml

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            left_out = ("called", "lr", "preset", "supervision", "tuning")
            return {k: plain(v) for k, v in value.items() if v is not None or k not in left_out}
        if isinstance(value, list | tuple):
            return [plain(v) for v in value]
        return os.path.relpath(value, base) if isinstance(value, Path) else value

    return yaml.safe_dump(plain(study.model_dump()), sort_keys=False, width=120)
