"""Frozen dataclasses whose fields are checked by their annotations, the same from Python and from a file.

A class that derives from `Checked` refuses wrong values where it is made. Annotations carry the allowed range
(`Annotated[float, Field(ge=0)]`); lists become tuples, and whole numbers floats where floats are asked for.
"""

from __future__ import annotations

import difflib
import inspect
import re
import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, fields
from functools import cache, partial
from typing import Annotated, Any, NamedTuple, TypeAlias, Union, get_args, get_origin, get_type_hints

from pydantic import (
    AfterValidator,
    AllowInfNan,
    BaseModel,
    ConfigDict,
    Field,
    Strict,
    ValidationError,
    WithJsonSchema,
    create_model,
)

from w2slab.errors import Problem, StudyError

Whole: TypeAlias = Annotated[int, Strict()]
Number: TypeAlias = Annotated[float, Strict(), AllowInfNan(False)]
Size: TypeAlias = Annotated[Whole, Field(ge=1)]
Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")]

OBJECT = "object of"
"""Key of a JSON Schema in the place of an object of ours; its value is the name of the class."""

_SHOWN = 200  # characters of a wrong value


class Mistake(NamedTuple):
    """A wrong value in an object.

    Args:
        path: Names of fields and positions in lists that lead to it.
        message: The reason, and what is allowed.
        of_key: The name is wrong, and not its value.
    """

    path: tuple[str | int, ...]
    message: str
    of_key: bool = False


class FieldError(StudyError):
    """An object that cannot be made, with every mistake in its fields."""

    def __init__(self, mistakes: Sequence[Mistake], of: str = "") -> None:
        self.mistakes = list(mistakes)
        prefix = [of] if of else []
        super().__init__([Problem(".".join(map(str, (*prefix, *m.path))), m.message) for m in mistakes])


class Checked:
    """Base of frozen dataclasses that check their fields as they are made.

    A subclass with a `__post_init__` of its own calls this one first.

    Raises:
        StudyError: With every wrong value.
    """

    def __post_init__(self) -> None:
        """Check every field, and put each value into the form that its annotation asks for."""
        values = {name: getattr(self, name) for name in parameters(type(self))}
        clean, mistakes = checked(type(self), values)
        if mistakes:
            raise FieldError(mistakes, type(self).__name__)
        for name, value in clean.items():
            if value is not values[name]:
                object.__setattr__(self, name, value)

    @classmethod
    def from_shorthand(cls, written: Any) -> Any:
        """Return the mapping that a short form in a study file stands for, such as a bare name; others as they are."""
        return written


class Parameter(NamedTuple):
    """A field that a study may write.

    Args:
        name: Of the field.
        annotation: Its type and range.
        default: Its default; `inspect.Parameter.empty` where it is required.
        text: Its description in the docstring of the class that declares it.
    """

    name: str
    annotation: Any
    default: Any
    text: str

    @property
    def is_required(self) -> bool:
        """True if there is no default."""
        return self.default is inspect.Parameter.empty


def parameters(kind: type) -> Mapping[str, Parameter]:
    """Return what can be written of a dataclass, by name, in the order of its signature."""
    return _parameters(kind)


@cache
def _parameters(kind: Any) -> Mapping[str, Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    texts: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        texts |= argument_texts(base.__dict__.get("__doc__") or "")
    found = {}
    for each in fields(kind):
        default = each.default
        if each.default_factory is not MISSING:
            default = each.default_factory()
        elif default is MISSING:
            default = inspect.Parameter.empty
        if each.init:
            found[each.name] = Parameter(each.name, hints[each.name], default, texts.get(each.name, ""))
    return types.MappingProxyType(found)


def argument_texts(docstring: str) -> dict[str, str]:
    """Return the descriptions under `Args:` of a docstring, by name."""
    _, _, section = inspect.cleandoc(docstring).partition("Args:\n")
    texts: dict[str, str] = {}
    names: list[str] = []
    for line in section.splitlines():
        entry = re.match(r" {4}(\w+(?:, \w+)*): (.*)", line)
        if entry:
            names = entry[1].split(", ")
            texts |= dict.fromkeys(names, entry[2])
        elif line.startswith("     ") and names:
            texts |= {name: f"{texts[name]} {line.strip()}" for name in names}
        elif line.strip() and not line.startswith(" "):
            break
    return texts


# --- checking ---------------------------------------------------------------------------------------------------------


def checked(kind: type, values: Mapping[str, Any]) -> tuple[dict[str, Any], list[Mistake]]:
    """Return values of some fields in their proper form, or what is wrong with them.

    Args:
        kind: The dataclass.
        values: Of any of its fields.
    """
    if values.keys() == parameters(kind).keys():
        model = checker(kind)
    else:
        some: Any = {name: (_own(parameters(kind)[name].annotation), ...) for name in values}
        model = create_model(kind.__name__, __config__=_CONFIG, **some)
    try:
        clean = model(**{name: tuple(v) if isinstance(v, range) else v for name, v in values.items()})
    except ValidationError as error:
        return {}, [explained(e) for e in error.errors() if not _is_other_branch(e)]
    return {name: getattr(clean, name) for name in values}, []


_CONFIG = ConfigDict(extra="forbid", allow_inf_nan=False, arbitrary_types_allowed=True)


def checker(kind: type) -> type[BaseModel]:
    """Return a pydantic model of a dataclass's fields; objects in them are checked to be such, and stay the same."""
    return _checker(kind)


@cache
def _checker(kind: Any) -> type[BaseModel]:
    definitions: Any = {
        each.name: (_own(each.annotation), ... if each.is_required else each.default)
        for each in parameters(kind).values()
    }
    return create_model(kind.__name__, __config__=_CONFIG, **definitions)


def _own(annotation: Any) -> Any:
    """The annotation, with a plain check of its class in the place of each of our own classes."""
    if isinstance(annotation, type) and issubclass(annotation, Checked):
        schema = WithJsonSchema({OBJECT: annotation.__name__})
        return Annotated[Any, AfterValidator(partial(_require, annotation)), schema]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is None or not any(mentions(each, Checked) for each in arguments):
        return annotation
    if origin is Annotated:
        return Annotated[(_own(arguments[0]), *arguments[1:])]
    if origin in (Union, types.UnionType):
        return Union[tuple(_own(each) for each in arguments)]  # noqa: UP007 - made at run time
    return origin[tuple(_own(each) for each in arguments)]


def _require(kind: type, value: Any) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"should be an object of {kind.__module__}.{kind.__qualname__}")
    return value


def mentions(annotation: Any, kind: type) -> bool:
    """Return whether an annotation names a class, or a subclass of it, anywhere."""
    if isinstance(annotation, type) and issubclass(annotation, kind):
        return True
    return any(mentions(each, kind) for each in get_args(annotation))


def explained(error: Any) -> Mistake:
    """Return a pydantic error in our words."""
    path = tuple(part for part in error["loc"] if _is_real(part))
    kind, value = error["type"], error.get("input")
    if kind == "missing":
        return Mistake(path, "is required and missing")
    message = error["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    if len(repr(value)) < _SHOWN:
        message += f", not {value!r}"
    if kind == "literal_error":
        hint = nearest(value, re.findall(r"'([^']*)'", error["ctx"]["expected"]))
        message += f".{hint}" if hint else ""
    return Mistake(path, message)


def _is_other_branch(error: Any) -> bool:
    """True for an error of a branch of a union that was not meant: a word about a list, or a list about a word."""
    branch = str(error["loc"][1]) if len(error["loc"]) > 1 else ""
    if branch.startswith("literal"):
        return isinstance(error["input"], list | tuple)
    return (
        branch.startswith(("tuple", "constrained-tuple")) and len(error["loc"]) == 2 and isinstance(error["input"], str)
    )


def _is_real(part: object) -> bool:
    """True for a part of pydantic's location that is in the object, and does not merely name a branch of a union."""
    if isinstance(part, int):
        return True
    return (
        isinstance(part, str) and not re.search(r"[\[(]", part) and part not in ("literal", "list", "tuple", "nullable")
    )


# --- names ------------------------------------------------------------------------------------------------------------


def closest(name: object, known: Iterable[str]) -> str:
    """Return `Did you mean "x"?` and what is allowed, for an error message."""
    known = list(known)
    return f"{nearest(name, known)} Allowed: {', '.join(known)}."


def nearest(name: object, known: Iterable[str]) -> str:
    """Return `Did you mean "x"?` for a message that says itself what is allowed; empty if nothing is near."""
    near = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.5)
    return f' Did you mean "{near[0]}"?' if near else ""
