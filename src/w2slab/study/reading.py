"""Study files: YAML into frozen objects, each made once, every mistake with its place."""

from __future__ import annotations

import re
import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar, Union, get_args, get_origin

from w2slab import registry
from w2slab.errors import DataError, Problem, StudyError
from w2slab.fields import Checked, FieldError, Mistake, Parameter, checked, closest, mentions, parameters
from w2slab.graph.component import Component
from w2slab.models.model import Model
from w2slab.study.document import Document, PathTuple, override, read_document
from w2slab.study.study import Study, StudyMethod
from w2slab.tasks.task import Task

T = TypeVar("T", bound=Checked)


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
    """Return the study that a document describes; relative paths in it start from `base`.

    Raises:
        StudyError: With every problem found, each with its place.
    """
    if not isinstance(document.values, dict):
        problem = Problem(document.place(()), "a study is a mapping of fields. To write one: w2slab init")
        raise StudyError([*document.problems, problem])
    return read_object(Study, document, base)


def read_object(kind: type[T], document: Document, base: Path) -> T:
    """Return an object made of a document's values.

    Raises:
        StudyError: With every problem found, each with its place.
    """
    reader = _Reader(document, base)
    made = reader.fields(kind, parameters(kind), document.values, ())
    if reader.problems or made is _BROKEN:
        raise StudyError(sorted(reader.problems, key=_line_and_column))
    assert isinstance(made, kind)
    return made


def _line_and_column(problem: Problem) -> tuple[int, int]:
    """Place of a problem, for the order of the list; those of `--set` come first."""
    found = re.search(r":(\d+):(\d+)(?::|$)", problem.place)
    return (int(found[1]), int(found[2])) if found else (0, 0)


_BROKEN = object()  # in the place of what could not be made


class _Reader:
    """Makes objects of what a document holds, and collects what is wrong with it."""

    def __init__(self, document: Document, base: Path) -> None:
        self._document = document
        self._base = base
        self.problems = list(document.problems)

    def _add(self, path: PathTuple, message: str, *, of_key: bool = False) -> None:
        self.problems.append(Problem(self._document.place(path, of_key=of_key), message))

    def _add_all(self, mistakes: Iterable[Mistake], path: PathTuple) -> None:
        for each in mistakes:
            self._add((*path, *each.path), each.message, of_key=each.of_key)

    # --- objects of known classes -------------------------------------------------------------------------------------

    def part(self, kind: type[Checked], written: Any, path: PathTuple) -> Any:
        """Return a part of a study, such as its recipe."""
        try:
            written = kind.from_shorthand(written)
        except FieldError as error:
            self._add_all(error.mistakes, path)
            return _BROKEN
        except ValueError as error:
            self._add(path, f"{error}, not {written!r}")
            return _BROKEN
        if written is None:
            return None
        if not isinstance(written, Mapping):
            self._add(path, f"should be a mapping of fields, not {written!r}")
            return _BROKEN
        return self.fields(kind, parameters(kind), written, path)

    def fields(
        self,
        kind: type[Checked],
        known: Mapping[str, Parameter],
        written: Mapping[str, Any],
        path: PathTuple,
        make: Any = None,
        also: Sequence[str] = (),
    ) -> Any:
        """Return an object made of fields.

        Args:
            kind: Its class.
            known: What may be written.
            written: What is.
            path: Its place.
            make: Makes it of the values; `None` is the class.
            also: Names that may stand beside the fields.
        """
        values: dict[str, Any] = {}
        is_broken = False
        for name, value in written.items():
            if name in also and name not in known:
                continue
            if name not in known:
                names = [*[each for each in also if each not in known], *known]
                hint = closest(name, names) if known else " It has no fields."
                self._add((*path, str(name)), f'unknown field "{name}".{hint}', of_key=True)
                is_broken = True
                continue
            made = self._value(known[name].annotation, value, (*path, name))
            is_broken = is_broken or made is _BROKEN
            if made is not _BROKEN:
                values[name] = made
        for name, each in known.items():
            if each.is_required and name not in written:
                self._add((*path, name), "is required and missing")
                is_broken = True
        if is_broken:
            own = {name: value for name, value in values.items() if name in parameters(kind)}
            self._add_all(checked(kind, own)[1], path)
            return _BROKEN
        try:
            return (make or (lambda found: kind(**found)))(values)
        except FieldError as error:
            self._add_all(error.mistakes, path)
        except (StudyError, ValueError) as error:
            self._add(path, str(error))
        return _BROKEN

    def _value(self, annotation: Any, written: Any, path: PathTuple) -> Any:
        """The value of one field, with objects and paths made of what is written."""
        if mentions(annotation, Checked):
            kind, is_sequence = _class_in(annotation)
            if is_sequence:
                return self._sequence(kind, written, path)
            if issubclass(kind, Component):
                return self._component(kind, written, path)
            return self.part(kind, written, path)
        return self._from_base(written) if mentions(annotation, Path) else written

    def _sequence(self, kind: Any, written: Any, path: PathTuple) -> Any:
        if not isinstance(written, list):
            return written  # checked with the other fields
        made = [self._component(kind, each, (*path, i)) for i, each in enumerate(written)]
        return _BROKEN if any(each is _BROKEN for each in made) else tuple(made)

    def _from_base(self, written: Any) -> Any:
        """The value with every relative path in it started from the study's folder."""
        if isinstance(written, list):
            return [self._from_base(each) for each in written]
        return self._base / written if isinstance(written, str) else written

    # --- rows of the tables -------------------------------------------------------------------------------------------

    def _component(self, kind: type[Component], written: Any, path: PathTuple) -> Any:
        """An object of a row: a task, a model, a method or a part of one."""
        table = kind.TABLE
        key = "family" if table == "models" else "name"
        if isinstance(written, str) and key == "name":
            written = {"name": written}
        if not isinstance(written, Mapping):
            what = "a mapping of fields" if key == "family" else "a name, or a mapping with its `name`"
            self._add(path, f"should be {what}, not {written!r}. To see what there is: w2slab list {table}")
            return self._stand_in(kind, {})
        name = written.get(key)
        if not isinstance(name, str):
            message = "is required and missing" if key not in written else f"should be a name, not {name!r}"
            self._add((*path, key), message)
            return self._stand_in(kind, written)
        try:
            row = registry.row(table, name, self._base)
        except (StudyError, DataError) as error:
            self._add((*path, key), str(error))
            return self._stand_in(kind, written)
        made = self.fields(row.kind, row.parameters, written, path, make=row.build, also=[key])
        if made is _BROKEN:
            return self._stand_in(kind, written)
        if isinstance(made, StudyMethod) and row.wrap is None and ".py:" not in name and made.display_name != name:
            made = replace(made, called=made.called or name)
        return made

    def _stand_in(self, kind: type[Component], written: Mapping[str, Any]) -> Any:
        """An object in the place of one with mistakes, so that the rest of the study can be checked as well."""
        found = _stand_in_of(kind)
        name = written.get("name") if kind is Model else written.get("called") or written.get("name")
        try:
            return found(name=name) if kind is Model else found(called=name)
        except (StudyError, TypeError):
            return _BROKEN


def _stand_in_of(kind: type) -> Any:
    """A class for objects in the place of those with mistakes; a part of a method has none."""
    return {Task: _SomeTask, Model: _SomeModel, StudyMethod: _SomeMethod}.get(kind, _no_stand_in)


def _no_stand_in(**_: Any) -> Any:
    raise TypeError


@dataclass(frozen=True)
class _SomeTask(Task):
    """A task with mistakes."""


@dataclass(frozen=True)
class _SomeModel(Model):
    """A model with mistakes."""

    has_features: ClassVar[bool] = True
    generates: ClassVar[bool] = True


@dataclass(frozen=True)
class _SomeMethod(StudyMethod):
    """A method with mistakes."""


def _class_in(annotation: Any) -> tuple[Any, bool]:
    """The class of ours that an annotation names, and whether it is of a sequence of such objects."""
    if isinstance(annotation, type):
        return annotation, False
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _class_in(arguments[0])
    if origin in (Union, types.UnionType):
        return _class_in(next(each for each in arguments if mentions(each, Checked)))
    return _class_in(arguments[0])[0], True
