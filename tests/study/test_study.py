"""What the user writes: checked as a whole, explained with places."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from w2slab.errors import StudyError
from w2slab.study.document import parse_document
from w2slab.study.reading import check_study, load_study
from w2slab.study.writing import schema, to_yaml


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
        ("recipe: {preset: paper-nlp, curve_points: 0}", "weak-labels needs curve_points above 0"),
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
    assert study.tasks[0].puzzles == tmp_path / "p.parquet"


def test_settings_override_the_file(tmp_path):
    (tmp_path / "s.yaml").write_text(BASE)
    study = load_study(tmp_path / "s.yaml", ["recipe.lr=1e-2", "ladder.0.n_features=1"])
    assert study.recipe.lr == 0.01
    assert study.ladder[0].n_features == 1


# The paper's recipes by name: epochs, batch and stopping point of appendices A.1 to A.3.
@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("paper-nlp", (2, 32, "weak-labels", 1e-3)),
        ("paper-rm", (1, 220, "last", 1e-3)),
        ("paper-chess", (5, 32, "last", 1e-3)),
        ("{preset: paper-nlp, lr: 1e-4, epochs: 3}", (3, 32, "weak-labels", 1e-4)),
        ("{epochs: 3}", (3, 32, "last", 1e-3)),
    ],
)
def test_a_recipe_of_the_paper_gives_what_is_not_written_beside_it(written, expected):
    study = check_study(parse_document(f"{BASE}recipe: {written}\n"), Path())
    recipe = study.recipe_of(study.ladder[0])
    assert (recipe.epochs, recipe.batch_size, recipe.stop_at, recipe.lr) == expected


def test_a_recipe_of_the_paper_can_be_overridden_from_the_command_line(tmp_path):
    (tmp_path / "s.yaml").write_text(f"{BASE}recipe: paper-nlp\n")
    recipe = load_study(tmp_path / "s.yaml", ["recipe.lr=1e-4"]).recipe
    assert (recipe.lr, recipe.epochs) == (1e-4, 2)
    assert load_study(tmp_path / "s.yaml", ["recipe=paper-rm"]).recipe.batch_size == 220
    assert load_study(tmp_path / "s.yaml", ["recipe.preset=paper-chess"]).recipe.epochs == 5


@pytest.mark.parametrize("written", ["paper-nlq", "{preset: paper-nlq}"])
def test_an_unknown_recipe_is_an_error_with_its_place_and_the_nearest(written):
    (found,) = problems(f"{BASE}recipe: {written}\n")
    assert found.startswith("s.yaml:8:")
    assert ": recipe.preset: " in found
    assert "'paper-nlp', 'paper-rm' or 'paper-chess'" in found
    assert found.endswith("not 'paper-nlq'. Did you mean \"paper-nlp\"?")


def test_a_method_asks_of_models_whose_paths_start_from_the_study(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "writes").touch()
    (tmp_path / "models.py").write_text(textwrap.dedent(ON_DISK))
    text = BASE.replace("[naive]", "[prompting]").replace("linear, n_features: 8", "models.py:OnDisk, path: there")
    (tmp_path / "s.yaml").write_text(f"{text}pairs: [[a, c]]\n")
    load_study(tmp_path / "s.yaml")
    (tmp_path / "there" / "writes").unlink()
    with pytest.raises(StudyError, match=r'methods\.0: ladder: "c" is no causal language model'):
        load_study(tmp_path / "s.yaml")


ON_DISK = """
    from dataclasses import dataclass
    from pathlib import Path

    from w2slab.models.model import Model

    @dataclass(frozen=True)
    class OnDisk(Model):
        path: Path

        @property
        def generates(self) -> bool:
            return (self.path / "writes").exists()
"""


def test_the_study_written_out_describes_the_same_study(toy_study):
    settings = ["recipe.gradient_clip=null", "splits.validation=null", "tasks=[{name: chess, puzzles: p.parquet}]"]
    for chosen in ([], settings, ["recipe={preset: paper-nlp, lr: 1e-4}"]):
        study = load_study(toy_study, chosen)
        written = to_yaml(study, toy_study.parent)
        assert str(toy_study.parent) not in written
        assert check_study(parse_document(written), toy_study.parent) == study


def test_the_schema_knows_the_fields_of_every_row():
    definitions = schema()["$defs"]
    rows = definitions["StudyMethod"]["anyOf"]
    assert any("max_weight" in row.get("properties", {}) for row in rows)
    assert any("n_features" in row.get("properties", {}) for row in definitions["Model"]["anyOf"])
    bare, written = definitions["Recipe"]["anyOf"]
    assert "paper-nlp" in bare["enum"]
    assert "lr" in written["properties"]


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[2] / "examples").glob("*.yaml")), ids=lambda p: p.stem)
def test_the_examples_are_valid(path):
    load_study(path)


def test_the_study_that_init_writes_is_valid():
    import w2slab

    load_study(Path(w2slab.__file__).parent / "assets" / "study.yaml")
