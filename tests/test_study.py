"""What the user writes: checked as a whole, explained with places."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from w2slab.errors import StudyError
from w2slab.study import check_study, load_study, schema, to_yaml
from w2slab.study_file import parse_document


def problems(text: str) -> list[str]:
    with pytest.raises(StudyError) as caught:
        check_study(parse_document(textwrap.dedent(text), "s.yaml"), Path())
    return [str(p) for p in caught.value.problems]


# "Unknown fields are errors. All problems of a study are reported together, each with its place in the file, the
# allowed values and the nearest name."
def test_all_problems_are_reported_together_with_their_places():
    found = problems("""\
        name: x
        tasks: [toi]
        ladder:
          - {name: a, family: linear, n_feature: 2}
          - {name: b, family: linear, n_features: two}
        methods:
          - name: auxiliary-confidence
            max_weight: 3
        recipe: {epoch: 2}
        sedes: [1]
        """)
    expected = [
        's.yaml:2:9: tasks.0.name: unknown task "toi". Did you mean "toy"?',
        's.yaml:4:31: ladder.0.n_feature: unknown field "n_feature". Did you mean "n_features"?',
        "s.yaml:5:43: ladder.1.n_features: input should be a valid integer",
        "s.yaml:8:17: methods.0.max_weight: input should be less than or equal to 1, not 3",
        's.yaml:9:10: recipe.epoch: unknown field "epoch". Did you mean "epochs"?',
        's.yaml:10:1: sedes: unknown field "sedes". Did you mean "seeds"?',
    ]
    for line in expected:
        assert any(p.startswith(line) for p in found), (line, found)


BASE = """\
name: x
tasks: [toy]
ladder:
  - {name: a, family: linear, n_features: 2}
  - {name: b, family: linear, n_features: 4}
  - {name: c, family: linear, n_features: 8}
methods: [naive]
"""


@pytest.mark.parametrize(
    ("addition", "message"),
    [
        ("pairs: [[c, a]]", '"c" does not stand before "a"'),
        ("pairs: [[a, z]]", '"z" is no rung of the ladder'),
        ("seeds: [1, 1]", '"1" stands twice'),
        ("seeds: [-1]", "greater than or equal to 0"),
        ("seeds: []", "at least 1 item"),
        ("splits: {test: 0}", "greater than or equal to 1"),
        ("weak_labels: firm", "'hard' or 'soft'"),
        ("controls: [shuffeld]", "shuffled"),
        ("recipe: {lr: 0}", "greater than 0"),
        ("recipe: {lr: .nan}", "finite number"),
        ("recipe: {lr: .inf}", "finite number"),
        ("seeds: [true]", "valid integer"),
        ('recipe: {epochs: "1"}', "valid integer"),
        ("pairs: [[a, b], [a, b]]", '"a, b" stands twice'),
        ("pairs: some", "'all'"),
        ("statistics: {level: 95}", "less than 1"),
    ],
)
def test_a_mistake_is_explained(addition, message):
    assert message in "\n".join(problems(BASE + addition))


def test_bootstrapping_asks_for_the_reserve_it_needs():
    text = BASE.replace("methods: [naive]", "methods: [bootstrapping]\nsplits: {student_train: 100, reserve: 50}")
    assert "splits.reserve of 100 (1 steps of 100), not 50" in "\n".join(problems(text))


def test_one_method_twice_needs_labels():
    assert "stands twice" in "\n".join(problems(BASE.replace("[naive]", "[naive, naive]")))


def test_relative_paths_start_from_the_study(tmp_path):
    (tmp_path / "s.yaml").write_text(BASE.replace("[toy]", "[{name: chess, puzzles: p.parquet}]"))
    study = load_study(tmp_path / "s.yaml")
    assert study.tasks[0].fields["puzzles"] == tmp_path / "p.parquet"


def test_settings_override_the_file(tmp_path):
    (tmp_path / "s.yaml").write_text(BASE)
    study = load_study(tmp_path / "s.yaml", ["recipe.lr=1e-2", "ladder.0.n_features=1"])
    assert study.recipe.lr == 0.01
    assert study.ladder[0].fields["n_features"] == 1


def test_the_study_written_out_describes_the_same_study(toy_study):
    settings = ["recipe.gradient_clip=null", "splits.validation=null", "tasks=[{name: chess, puzzles: p.parquet}]"]
    for chosen in ([], settings):
        study = load_study(toy_study, chosen)
        written = to_yaml(study, toy_study.parent)
        assert str(toy_study.parent) not in written
        assert check_study(parse_document(written), toy_study.parent) == study


def test_the_schema_knows_the_fields_of_every_row():
    definitions = schema()["$defs"]
    rows = definitions["MethodEntry"]["anyOf"]
    assert any("max_weight" in row.get("properties", {}) for row in rows)
    assert any("n_features" in row.get("properties", {}) for row in definitions["Rung"]["anyOf"])


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[1] / "examples").glob("*.yaml")), ids=lambda p: p.stem)
def test_the_examples_are_valid(path):
    load_study(path)


def test_the_study_that_init_writes_is_valid():
    import w2slab

    load_study(Path(w2slab.__file__).parent / "assets" / "study.yaml")
