"""A study in, its graph of jobs out."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pytest

from w2slab import registry
from w2slab.errors import DataError, StudyError, UnavailableError
from w2slab.experiment import run as api
from w2slab.experiment.plan import Plan, plan
from w2slab.models.model import Model
from w2slab.study.document import override, parse_document
from w2slab.study.reading import check_study, load_study
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
    assert len(of.graph) == 2 + 2 + 2 + 3  # examples and their splits, supervisors, ceilings, students


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


@dataclass(frozen=True)
class Writer(Model):
    """A family that says of itself what text models do; no job of it is run."""

    branch: str = "main"
    generates: ClassVar[bool] = True
    has_features: ClassVar[bool] = True

    def resolved(self) -> Writer:
        commits = {"main": "1f3a", "renamed": "1f3a", "other": "9c0e"}
        if self.branch not in commits:
            raise UnavailableError(f"{self.branch}: no such branch; look at the hub")
        return replace(self, branch=commits[self.branch])


WRITERS = "ladder=[{name: a, family: writer}, {name: b, family: writer, branch: other}]"


@pytest.fixture
def writers(monkeypatch):
    registry.add_row("models", "writer", f"{Writer.__module__}:Writer")
    monkeypatch.setattr("w2slab.jobs.spec.code_files", lambda kind: ())  # this file changes for other reasons
    yield
    registry.remove_row("models", "writer")


def test_names_are_settled_when_a_study_is_planned_and_enter_the_keys_so(writers):
    of = cell(planned(WRITERS), "a", "b")
    assert [row.spec.model.branch for row in (of.supervisor, of.student)] == ["1f3a", "9c0e"]
    assert keys(planned(WRITERS, "ladder.0.branch=renamed")) == keys(planned(WRITERS))
    assert keys(planned(WRITERS, "ladder.0.branch=other")) != keys(planned(WRITERS))
    with pytest.raises(UnavailableError, match="no such branch"):
        planned(WRITERS, "ladder.0.branch=gone")


# "student and ceiling only; PGR uses the ceiling with it and the weak model without it"
def test_generative_finetuning_brings_its_own_ceiling(writers):
    of = planned(WRITERS, "methods=[naive, generative-finetuning]")
    naive, own = cell(of, "a", "b"), cell(of, "a", "b", "generative-finetuning")
    assert own.supervisor is naive.supervisor
    start = own.student.inputs["start"]
    assert start.kind == "generative"
    assert start.spec.model == own.student.spec.model
    assert (start.spec.splits, start.spec.epochs, start.spec.lr) == (("student_train",), 1, 1e-3)
    assert own.ceiling.inputs["start"] == start
    assert own.student.inputs["labels"] == naive.supervisor
    assert (own.student.spec, own.ceiling.spec) == (naive.student.spec, naive.ceiling.spec)
    assert of.graph.wanted.count(own.ceiling) == 1


# "supervisor, student and ceiling all with it"
def test_generative_finetuning_of_all_three_learns_from_its_own_supervisor(writers):
    method = "methods=[naive, {name: generative-finetuning, variant: all, texts: [supervisor_train], lr: 0.01}]"
    own = cell(planned(WRITERS, method), "a", "b", "generative-finetuning")
    assert own.supervisor.inputs["start"].spec.model == own.supervisor.spec.model
    assert own.supervisor.spec.train_split == "supervisor_train"
    assert own.student.inputs["labels"] == own.supervisor
    assert own.ceiling.inputs["start"].spec.lr == 0.01


PROMPTS = """methods=
- naive
- prompting
- {name: prompting, called: weak, shots: 5}
- {name: prompting, called: on-truth, shots: 5, labels: true}
"""


def test_prompts_read_labels_only_where_they_have_shots(writers):
    of = planned(WRITERS, PROMPTS)
    asked, weak, true = (cell(of, "a", "b", name) for name in ("prompting", "weak", "on-truth"))
    assert [row.student.spec.labels for row in (asked, weak, true)] == ["none", "weak", "true"]
    assert [set(row.student.inputs) for row in (asked, weak, true)] == [
        {"task", "data"},
        {"task", "data", "labels"},
        {"task", "data"},
    ]
    assert [row.uses_truth for row in (cell(of, "a", "b"), asked, weak, true)] == [False, False, False, True]
    assert asked.ceiling is cell(of, "a", "b").ceiling


# The five bars of the paper's figure 11.
def test_probes_read_the_model_before_or_after_finetuning(writers):
    methods = "[naive, linear-probe, {name: linear-probe, called: on-truth, labels: true}, finetune-then-probe]"
    of = planned(WRITERS, f"methods={methods}")
    naive, weak, true, after = (
        cell(of, "a", "b", n) for n in ("naive", "linear-probe", "on-truth", "finetune-then-probe")
    )
    assert (weak.student.spec.labels, set(weak.student.inputs)) == ("soft", {"task", "data", "labels"})
    assert (true.student.spec.labels, set(true.student.inputs)) == ("true", {"task", "data"})
    assert (after.student.spec.labels, set(after.student.inputs)) == ("true", {"task", "data", "start"})
    assert after.student.inputs["start"].spec == replace(naive.student.spec, keep_weights=True)
    assert [row.uses_truth for row in (weak, true, after)] == [False, True, True]


# "Bad input is an error with the place, the value, what is allowed and what to do; nothing is half-written."
def test_what_a_model_cannot_do_is_said_where_the_method_stands():
    methods = "methods=[generative-finetuning, prompting, linear-probe]"
    with pytest.raises(StudyError) as caught:
        planned(methods, "pairs=[[a, b]]")
    places = [str(problem) for problem in caught.value.problems]
    assert [("methods.0" in p, "methods.1" in p) for p in places] == [(True, False), (False, True)]
    assert all('"b"' in p for p in places)
    assert "continue a text" in places[0]


def test_what_heads_alone_cannot_do_is_said_where_the_method_stands():
    with pytest.raises(StudyError) as caught:
        planned("methods=[naive, lp-ft, representation-anchor]", "tuning=head")
    places = [str(problem) for problem in caught.value.problems]
    assert [("methods.1" in p, "methods.2" in p) for p in places] == [(True, False), (False, True)]
    assert all("tuning: head" in p for p in places)


def test_heads_take_the_place_of_every_model_and_share_its_features():
    of = planned("tuning=head", "methods=[naive, auxiliary-confidence, confidence-filter, bootstrapping]")
    row = cell(of, "a", "c")
    jobs = [row.supervisor, row.student, row.ceiling, cell(of, "a", "c", "bootstrapping").student]
    assert {job.kind for job in jobs} == {"head"}
    assert row.student.inputs["features"] == row.ceiling.inputs["features"]
    assert row.student.inputs["features"] != row.supervisor.inputs["features"]
    assert cell(of, "b", "c", "auxiliary-confidence").student.inputs["features"] == row.student.inputs["features"]
    assert row.student.fused == "w2slab.jobs.heads:heads"
    assert row.student.batch == row.ceiling.batch != row.supervisor.batch
    assert row.student.spec.recipe.batch_size == 128  # its own recipe, not the study's


def test_features_of_a_task_serve_every_seed_and_those_of_splits_their_own():
    of_task = planned("tuning={features_of: task}", "seeds=[0, 1]")
    of_splits = planned("tuning=head", "seeds=[0, 1]")
    assert [sum(job.kind == "embed" for job in of.graph) for of in (of_task, of_splits)] == [3, 6]
    for of in (of_task, of_splits):  # the runner may do the heads of both seeds together
        assert len({c.student.batch for c in of.comparisons if c.strong == "c"}) == 1


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ("tuning=heads", r"tuning: .*allowed: full, head"),
        ("tuning={hiden: 3}", r'tuning.hiden: unknown field "hiden".* Did you mean "hidden"'),
        ("tuning={recipe: {epochs: 0}}", r"tuning.recipe.epochs: .*greater than or equal to 1"),
        ("tuning={features_of: all}", r"tuning.features_of"),
        ("tuning={readout: last}", r'tuning.readout: "last" is not read of "a"; allowed: head'),
        ("tuning={recipe: {stop_at: weak-labels, curve_points: 0}}", r"tuning.recipe.stop_at: .*curve_points above 0"),
    ],
)
def test_mistakes_about_heads_have_their_place(setting, complaint):
    with pytest.raises(StudyError, match=complaint):
        planned(setting)


def test_heads_are_refused_of_a_model_without_features_before_anything_runs(writers, monkeypatch):
    monkeypatch.setattr(Writer, "has_features", False)
    with pytest.raises(StudyError, match=r'ladder.1: tuning: head: the network of "b" has no features'):
        planned(WRITERS, "tuning=head")


def test_a_model_that_cannot_read_the_task_is_told_before_the_first_job_of_heads_too(tmp_path):
    wide = planned("ladder.2.n_features=99", "tuning={features_of: task}")
    with pytest.raises(DataError, match=r"^c: "):
        api.check_data(wide, api.open_store(tmp_path / "store"))


def test_label_controls_stand_on_the_widest_pair_and_copies_on_every_supervisor():
    of = planned("controls=[shuffled, self-training]")
    assert cell(of, "a", "c", control="shuffled").student.inputs["labels"].kind == "relabel"
    copies = [c for c in of.comparisons if c.control == "self-training"]
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
        "task": cell(of, "a", "b").data.inputs["task"].key,
        "split": cell(of, "a", "b").data.key,
        "supervisor": cell(of, "a", "b").supervisor.key,
        "naive": cell(of, "a", "b").student.key,
        "confidence": cell(of, "a", "b", "auxiliary-confidence").student.key,
        "relabel": cell(of, "a", "c", control="shuffled").student.inputs["labels"].key,
    }
    assert found == GOLDEN


def test_golden_keys_of_heads_and_ensembles():
    methods = "[naive, confidence-filter, bagged-students, ensemw2s]"
    of = planned("tuning={features_of: task}", f"methods={methods}", "pairs=[[a, b]]")
    student = cell(of, "a", "b", "bagged-students").student
    boosted = cell(of, "a", "b", "ensemw2s").student.inputs["labels"]
    found = {
        "head": cell(of, "a", "b").student.key,
        "embed": cell(of, "a", "b").student.inputs["features"].key,
        "filter": cell(of, "a", "b", "confidence-filter").student.inputs["labels"].key,
        "combine": student.key,
        "bootstrap": student.inputs["member_0"].inputs["weights"].key,
        "reweight": boosted.inputs["weights_1"].key,
    }
    corrupted = planned("supervision={source: corrupted, rate: 0.2}", "pairs=all")
    found["corrupt"] = cell(corrupted, "labels", "b").supervisor.key
    assert found == GOLDEN_OF_HEADS


def test_golden_keys_of_language_settings(writers):
    methods = "[generative-finetuning, {name: prompting, shots: 5}, finetune-then-probe]"
    of = planned(WRITERS, f"methods={methods}")
    found = {
        "generative": cell(of, "a", "b", "generative-finetuning").student.inputs["start"].key,
        "started": cell(of, "a", "b", "generative-finetuning").student.key,
        "prompt": cell(of, "a", "b", "prompting").student.key,
        "probe": cell(of, "a", "b", "finetune-then-probe").student.key,
    }
    assert found == GOLDEN_OF_LANGUAGE


GOLDEN = {
    "task": "task-2c6e7ab2a88cc4d4e7482186",
    "split": "split-ae2146974b89e4291a2c932c",
    "supervisor": "finetune-46f964f660522e36e508e2f4",
    "naive": "finetune-4827c458fea202dd52a2070d",
    "confidence": "finetune-92ad93f538d7e49d45fba78d",
    "relabel": "relabel-352ec40e39989d528e9dc020",
}
GOLDEN_OF_LANGUAGE = {
    "generative": "generative-7b582020c5d781a3b9fc07c6",
    "started": "finetune-5c62b3271b267d7269aec74e",
    "prompt": "prompt-bb03bbd561874f550ee26297",
    "probe": "probe-7754397ab7d442657b63b9ae",
}
GOLDEN_OF_HEADS = {
    "head": "head-bd90895fdda0b05b835bda12",
    "embed": "embed-a62e641f5dd95eff7c7e86c4",
    "filter": "relabel-c4d8864df1d77d928b71051c",
    "combine": "combine-b9ab91908a05cf85a49650e4",
    "bootstrap": "bootstrap-ca54317288881c0f6a0a0a37",
    "reweight": "reweight-9833f09de442330ceb66c060",
    "corrupt": "corrupt-7e2fa34ebad2349f3aeaab5b",
}
