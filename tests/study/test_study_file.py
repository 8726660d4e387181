"""Study files: YAML 1.2 values, and a place for each of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from w2slab.errors import StudyError
from w2slab.study.document import override, parse_document, plain_scalar


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),  # a string by YAML 1.1
        ("no", "no"),  # false by YAML 1.1
        ("010", 10),  # eight by YAML 1.1
        ("12:30:45", "12:30:45"),  # a number by YAML 1.1
        ("true", True),
        ("~", None),
        (".5", 0.5),
        ("-3", -3),
        ("1_000", "1_000"),
    ],
)
def test_plain_scalars_follow_yaml_1_2(text, value):
    result = plain_scalar(text)
    assert result == value
    assert type(result) is type(value)


def test_quoted_text_stays_text():
    assert parse_document('a: "1e-4"').values == {"a": "1e-4"}


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_that_python_writes_is_read_back(value):
    assert parse_document(f"a: {value!r}").values == {"a": value}


def test_places_are_lines_and_columns_from_one():
    document = parse_document("a: 1\nb:\n  - c: 2\n", "s.yaml")
    assert document.place(("b", 0, "c")) == "s.yaml:3:8: b.0.c"
    assert document.place(("b", 0, "c"), of_key=True) == "s.yaml:3:5: b.0.c"
    assert document.place(("b", 0, "missing")) == "s.yaml:3:5: b.0.missing"


def test_a_key_that_stands_twice_is_reported_with_both_places():
    document = parse_document("a: 1\na: 2\n", "s.yaml")
    assert [str(p) for p in document.problems] == ["s.yaml:2:1: a: the key stands twice (first at 1:1); keep one"]


def test_tags_are_refused():
    document = parse_document("a: !!python/object:os.system x\n", "s.yaml")
    assert "is not supported" in str(document.problems[0])


def test_a_value_that_contains_itself_is_refused():
    assert "contains itself" in str(parse_document("a: &x [*x]\n").problems[0])


@pytest.mark.parametrize("text", ["a: [1, 2", "a: b: c", "\t- x", "", "# only a comment"])
def test_what_is_not_yaml_is_a_study_error(text):
    with pytest.raises(StudyError):
        parse_document(text)


def test_override_sets_nested_values_and_list_items():
    document = parse_document("ladder: [{layers: 1}, {layers: 2}]\n")
    override(document, "ladder.1.layers=4")
    override(document, "recipe.lr=1e-3")
    override(document, "seeds=[0, 1]")
    assert document.values == {"ladder": [{"layers": 1}, {"layers": 4}], "recipe": {"lr": 1e-3}, "seeds": [0, 1]}
    assert document.place(("recipe", "lr")) == "--set recipe.lr=1e-3: recipe.lr"


@pytest.mark.parametrize("setting", ["seeds", "=3", "ladder.7.x=1", "name.x=1"])
def test_an_override_that_leads_nowhere_is_a_study_error(setting):
    document = parse_document("name: a\nladder: [{layers: 1}]\n")
    with pytest.raises(StudyError, match="--set"):
        override(document, setting)
