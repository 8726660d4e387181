"""Objects as JSON and back: the same object, or an error with its place."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from w2slab.errors import StudyError, UnavailableError
from w2slab.graph import codec
from w2slab.graph.codec import decode, encode
from w2slab.graph.component import NOT_IN_KEY, Component


@dataclass(frozen=True)
class Part(Component):
    """A component that counts how often it is made."""

    size: int = 1
    name: str = field(default="part", metadata=NOT_IN_KEY)
    made = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        Part.made += 1


@dataclass(frozen=True)
class WholeSpec:
    part: Part
    sizes: tuple[int, ...] = (1, 2)
    path: Path | None = Path("a/b")
    ranges: tuple[tuple[str, float | None], ...] = (("x", 0.5), ("y", None))


def through_json(value):
    return decode(json.loads(json.dumps(encode(value))))


# "The spec object that a worker receives equals the study's object."
def test_an_object_comes_back_equal_with_what_enters_no_key():
    spec = WholeSpec(Part(3, name="third"))
    assert through_json(spec) == spec
    assert through_json(spec).part.name == "third"
    assert through_json([1, {"a": (None, True)}]) == [1, {"a": (None, True)}]


# "Each row's object is constructed once in the parent and at most once per worker."
def test_a_component_is_made_once_in_a_process():
    coded = [encode(WholeSpec(Part(5))), encode(WholeSpec(Part(5), sizes=()))]
    codec._known.clear()  # as in another process
    Part.made = 0
    first, second = map(decode, coded)
    assert first.part is second.part
    assert Part.made == 1
    assert through_json(first).part is first.part


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sise": 3}, "part.sise: Part has no such field"),
        ({"size": 0.5}, "size: input should be a valid integer"),
    ],
)
def test_unknown_and_wrong_fields_are_refused_with_their_path(change, words):
    coded = encode(WholeSpec(Part(7)))
    coded["part"] |= change
    with pytest.raises(StudyError, match=words):
        decode(coded)


def test_a_missing_field_is_refused():
    coded = encode(WholeSpec(Part(7)))
    del coded["part"]
    with pytest.raises(StudyError, match=r"missing 1 required positional argument: 'part'"):
        decode(coded)


@pytest.mark.parametrize("value", [{1, 2}, np.float64(1), b"a", lambda: 0, {1: 2}], ids=lambda v: type(v).__name__)
def test_what_has_no_form_is_refused_with_its_place(value):
    with pytest.raises(StudyError, match=r"^part\.1: "):
        encode({"part": [0, value]})


def test_a_class_that_another_process_cannot_import_is_told_plainly():
    @dataclass(frozen=True)
    class Inner(Component):
        """Defined inside a function."""

    coded = encode(Inner())
    assert decode(coded) == Inner()  # in the process that has it
    codec._known.clear()
    with pytest.raises(UnavailableError, match="put it into a file and import that, or run in this process"):
        decode(coded)
