"""Rows of the tables as they enter jobs: names settled, files by their digests, wherever they are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from w2slab import registry
from w2slab.errors import DataError, UnavailableError
from w2slab.graph.fingerprint import Aside, LocalFile
from w2slab.specs import PluginSpec
from w2slab.study.study import Rung, TaskEntry


def task_spec(entry: TaskEntry) -> PluginSpec:
    """The task as it enters a job.

    Raises:
        DataError: A file of it is missing.
    """
    return _plugin("tasks", entry.name, entry.fields, DataError)


def model_spec(rung: Rung) -> PluginSpec:
    """The rung's model as it enters a job.

    Raises:
        UnavailableError: It is missing on this machine.
    """
    return _plugin("models", rung.family, rung.row_fields, UnavailableError)


def _plugin(kind: str, name: str, fields: dict[str, Any], missing: type[Exception]) -> PluginSpec:
    """A row with all its fields as it enters a job: names settled, files by their digests, wherever they are."""
    row = registry.build(kind, name, fields)
    row = row.resolved() if hasattr(row, "resolved") else row
    files = (*row.files(), *_foreign(kind, name))
    for path in files:
        if not path.exists():
            raise missing(f"{name}: {path} does not exist; mend the path in the study")
    values = {each: _aside(each, getattr(row, each)) for each in registry.parameters(kind, name)}
    return PluginSpec(name=name, fields=values, files=tuple(LocalFile.of(path) for path in files))


def checked(kind: str, name: str, fields: Mapping[str, Any]) -> PluginSpec:
    """An objective or a relabeling as it enters a job."""
    files = tuple(LocalFile.of(path) for path in _foreign(kind, name))
    return PluginSpec(name=name, fields=registry.check(kind, name, fields), files=files)


def _foreign(kind: str, name: str) -> tuple[Path, ...]:
    """The code of a row that other people change: what it does is in no version of ours."""
    path = registry.foreign_source(kind, name)
    return () if path is None else (path,)


def _aside(name: str, value: Any) -> Any:
    """The value of a field; names of rungs and places of files decide nothing, since `files` stand beside them."""
    if name == "name":
        return Aside(value)
    if isinstance(value, list | tuple):
        return tuple(_aside("", each) for each in value)
    return Aside(str(value)) if isinstance(value, Path) else value
