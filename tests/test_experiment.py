"""A study in, its graph of jobs out."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from w2slab.errors import DataError, UnavailableError
from w2slab.experiment import Plan, plan
from w2slab.study import check_study, load_study
from w2slab.study_file import override, parse_document
from w2slab.tasks.chess.puzzle_task import SHIPPED

TEXT = """
    name: small
    tasks: [toy]
    ladder:
      - {name: a, family: linear, n_features: 2}
      - {name: b, family: linear, n_features: 4}
      - {name: c, family: linear, n_features: 8}
    methods: [naive]
    splits: {supervisor_train: 100, student_train: 100, validation: 50, test: 100, reserve: 200}
"""


def planned(*settings: str, text: str = TEXT) -> Plan:
    document = parse_document(textwrap.dedent(text))
    for setting in settings:
        override(document, setting)
    return plan(check_study(document, Path()))


def cell(of: Plan, weak: str, strong: str, method: str = "naive", control: str | None = None):
    cells = [c for c in of.comparisons if (c.weak, c.strong, c.method, c.control) == (weak, strong, method, control)]
    assert len(cells) == 1
    return cells[0]


def keys(of: Plan) -> list[str]:
    return [job.key for job in of.graph]


def test_one_supervisor_serves_all_its_students_and_one_ceiling_all_its_supervisors():
    of = planned()
    assert cell(of, "a", "b").supervisor is cell(of, "a", "c").supervisor
    assert cell(of, "a", "c").ceiling is cell(of, "b", "c").ceiling
    assert len(of.graph) == 1 + 2 + 2 + 3  # data, supervisors, ceilings, students


def test_the_roles_learn_on_what_they_should():
    row = cell(planned(), "a", "b")
    assert (row.supervisor.spec.train_split, row.supervisor.spec.labels) == ("supervisor_train", "true")
    assert (row.ceiling.spec.train_split, row.ceiling.spec.labels) == ("student_train", "true")
    assert (row.student.spec.train_split, row.student.spec.labels) == ("student_train", "soft")
    assert row.student.inputs["labels"] is row.supervisor
    assert "labels" not in row.ceiling.inputs


def test_the_ceiling_of_the_other_reading_is_the_supervisor_of_its_size():
    of = planned("ceiling_learns_on=supervisor_train")
    assert cell(of, "a", "b").ceiling == cell(of, "b", "c").supervisor


# "Where no rung lies in between, this *is* the naive method."
def test_bootstrapping_between_neighbours_is_the_naive_job():
    of = planned("methods=[naive, bootstrapping]")
    assert cell(of, "a", "b", "bootstrapping").student == cell(of, "a", "b").student


def test_each_step_of_a_chain_learns_on_fresh_examples_and_the_first_is_shared():
    of = planned("methods=[naive, bootstrapping]")
    last = cell(of, "a", "c", "bootstrapping").student
    assert (last.spec.train_split, last.spec.train_range) == ("reserve", (0, 100))
    assert last.inputs["labels"] == cell(of, "a", "b").student


def test_a_stated_chain_goes_through_those_rungs_only():
    ladder = ", ".join(f"{{name: {n}, family: linear, n_features: {2 + i}}}" for i, n in enumerate("abcd"))
    of = planned(f"ladder=[{ladder}]", "methods=[{name: bootstrapping, chain: [c], examples: same}]")
    row = cell(of, "a", "d", "bootstrapping")
    middle = row.student.inputs["labels"]
    assert middle.spec.model == cell(of, "c", "d", "bootstrapping").supervisor.spec.model
    assert middle.inputs["labels"] == row.supervisor


def test_label_controls_stand_on_the_widest_pair_and_copies_on_every_supervisor():
    of = planned("controls=[shuffled, weak-is-strong]")
    assert cell(of, "a", "c", control="shuffled").student.inputs["labels"].kind == "relabel"
    copies = [c for c in of.comparisons if c.control == "weak-is-strong"]
    assert [(c.weak, c.strong) for c in copies] == [("a", "a"), ("b", "b")]
    assert copies[0].student.spec.model == copies[0].supervisor.spec.model


def test_adding_a_method_or_a_seed_keeps_every_key():
    before = set(keys(planned()))
    assert before < set(keys(planned("methods=[naive, auxiliary-confidence]")))
    assert before < set(keys(planned("seeds=[0, 1]")))


# "Suffix Spec: what is computed; it enters the key. Options: how and where; never."
@pytest.mark.parametrize(
    "setting", ["statistics.level=0.9", "name=other", "ladder.0.name=renamed", "ladder.2.lr=0.001"]
)
def test_what_decides_no_result_is_in_no_key(setting):
    assert keys(planned(setting)) == keys(planned())


@pytest.mark.parametrize(
    "setting",
    ["recipe.lr=0.01", "recipe.precision=bf16", "splits.test=90", "weak_labels=hard", "tasks=[{name: toy, seed: 5}]"],
)
def test_what_decides_a_result_changes_keys(setting):
    assert set(keys(planned(setting))) != set(keys(planned()))


def test_a_default_written_out_is_the_same_study():
    method = "methods=[naive, {name: auxiliary-confidence, max_weight: 0.5, ramp_frac: 0.2}]"
    assert keys(planned(method)) == keys(planned("methods=[naive, auxiliary-confidence]"))


def test_keys_do_not_depend_on_where_the_files_are(tmp_path):
    found = []
    for folder in (tmp_path / "here", tmp_path / "there" / "deeper"):
        folder.mkdir(parents=True)
        (folder / "p.parquet").write_bytes(SHIPPED.read_bytes())
        study = textwrap.dedent(TEXT).replace("[toy]", "[{name: chess, puzzles: p.parquet}]")
        (folder / "study.yaml").write_text(study)
        found.append(keys(plan(load_study(folder / "study.yaml"))))
    assert found[0] == found[1]


def test_a_missing_file_of_data_and_a_missing_model_are_told_apart():
    with pytest.raises(DataError, match="nowhere"):
        planned("tasks=[{name: chess, puzzles: nowhere.parquet}]")
    with pytest.raises(UnavailableError, match="nowhere"):
        planned("ladder.0={name: x, family: chessformer, path: nowhere}")


# "Golden keys make an accident visible": whoever changes one of these makes every stored result of that kind stale.
def test_golden_keys():
    of = planned("methods=[naive, auxiliary-confidence]", "controls=[shuffled]")
    found = {
        "prepare": cell(of, "a", "b").data.key,
        "supervisor": cell(of, "a", "b").supervisor.key,
        "naive": cell(of, "a", "b").student.key,
        "confidence": cell(of, "a", "b", "auxiliary-confidence").student.key,
        "relabel": cell(of, "a", "c", control="shuffled").student.inputs["labels"].key,
    }
    assert found == GOLDEN


GOLDEN = {
    "prepare": "prepare-5498e4404f74e1c8ed9aa4ae",
    "supervisor": "finetune-d612cb02d4e065ddb5bbcfa6",
    "naive": "finetune-5b135922d61b6bfd34bd7b66",
    "confidence": "finetune-e98161af966e2035fe807458",
    "relabel": "relabel-5371e65a92c07ea283192b5b",
}
