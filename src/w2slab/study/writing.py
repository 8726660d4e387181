"""Studies written out: as YAML with every default, and the JSON Schema of study files for editors."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from w2slab import registry
from w2slab.data.splits import Splits
from w2slab.fields import OBJECT, checker
from w2slab.graph.code import reference
from w2slab.graph.component import Component
from w2slab.study.parts import HeadTuning, Statistics, Supervision
from w2slab.study.study import Study, StudyMethod
from w2slab.training.recipe import PRESETS, Recipe

_ABSENT_IF_NONE = ("called", "lr", "supervision", "tuning")


def to_yaml(study: Study, base: Path) -> str:
    """Return the study with every default written out: YAML that describes the same study from the folder `base`."""
    import yaml

    return yaml.safe_dump(plain(study, base), sort_keys=False, width=120)


def plain(value: Any, base: Path) -> Any:
    """Return an object as a study file would write it: mappings, lists, numbers and text."""
    if isinstance(value, Component):
        return _row(value, base)
    if is_dataclass(value):
        return _fields(value, base)
    if isinstance(value, Mapping):
        return {name: plain(each, base) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each, base) for each in value]
    return os.path.relpath(value, base) if isinstance(value, Path) else value


def _fields(value: Any, base: Path) -> dict[str, Any]:
    found = {each.name: plain(getattr(value, each.name), base) for each in fields(value) if each.init}
    return {name: each for name, each in found.items() if each is not None or name not in _ABSENT_IF_NONE}


def _row(component: Component, base: Path) -> dict[str, Any]:
    """A component under the name of its row; one without a row under `file.py:Name`."""
    name = registry.name_of(component)
    if name not in registry.table(component.TABLE):
        place, _, attribute = reference(type(component)).rpartition(":")
        name = f"{os.path.relpath(place, base) if place.endswith('.py') else place}:{attribute}"
    key = "family" if component.TABLE == "models" else "name"
    written = _fields(component, base)
    if isinstance(component, StudyMethod) and component.part is not None:
        part = _row(component.part, base)
        return part | ({} if component.called is None else {"called": component.called})
    return {"name": written.pop("name"), key: name, **written} if key == "family" else {key: name, **written}


# --- schema -----------------------------------------------------------------------------------------------------------


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a study file, with every row's fields, for editors."""
    result = checker(Study).model_json_schema()
    definitions: dict[str, Any] = result.setdefault("$defs", {})
    parts: tuple[tuple[type, list[str]], ...] = (
        (Recipe, list(PRESETS)),
        (Splits, []),
        (Statistics, []),
        (Supervision, ["model", "corrupted"]),
        (HeadTuning, ["full", "head"]),
    )
    for part, short in parts:
        own = _definition(part, definitions)
        if part is Recipe:
            own["properties"]["preset"] = {"enum": list(PRESETS)}
        definitions[part.__name__] = {"anyOf": [{"enum": short}, own]} if short else own
    names = {"tasks": "Task", "models": "Model", "methods": "StudyMethod", "objectives": "Objective"}
    names |= {"relabelings": "Relabeling", "recipe-changes": "RecipeChange"}
    for table, name in names.items():
        key = "family" if table == "models" else "name"
        rows = [_row_schema(table, row, key, definitions) for row in registry.table(table)]
        bare = [{"type": "string"}] if key == "name" else []
        definitions[name] = {"anyOf": [*bare, *rows]}
    linked: dict[str, Any] = _linked(result)
    return linked


def _linked(schema: Any) -> Any:
    """The schema with links to the definitions of our objects."""
    if isinstance(schema, list):
        return [_linked(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if OBJECT in schema:
        return {"$ref": f"#/$defs/{schema[OBJECT]}"}
    return {name: _linked(each) for name, each in schema.items()}


def _definition(kind: type, definitions: dict[str, Any]) -> dict[str, Any]:
    own = checker(kind).model_json_schema()
    definitions.update(own.pop("$defs", {}))
    return {**own, "additionalProperties": False}


def _row_schema(table: str, name: str, key: str, definitions: dict[str, Any]) -> dict[str, Any]:
    row = registry.row(table, name)
    own = _definition(row.kind, definitions)
    properties = {**own.get("properties", {}), key: {"const": name}}
    if row.wrap is not None:
        properties["called"] = {"type": "string"}
    return {
        "type": "object",
        "description": registry.describe(table, name),
        "properties": properties,
        "required": sorted({*own.get("required", []), key}),
        "additionalProperties": False,
    }
