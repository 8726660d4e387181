"""Studies whose weak labels come from a file or from true labels with errors: from the mistake to the page."""

from __future__ import annotations

import csv
import json
import re
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import w2slab
from tests.conftest import result_bytes
from w2slab.analysis import render
from w2slab.analysis.sources import source_notes
from w2slab.apps.export.export_source import _supervisor
from w2slab.cli import examples_command as cli_examples
from w2slab.cli.main import main
from w2slab.errors import DataError, StudyError
from w2slab.experiment import run as api
from w2slab.graph import atomic
from w2slab.report.answers import answer
from w2slab.study.document import parse_document
from w2slab.study.reading import check_study, load_study
from w2slab.study.writing import schema, to_yaml

LADDER = """\
name: sources
tasks: [{name: toy, n_examples: 2000}]
ladder:
  - {name: small, family: linear, n_features: 2}
  - {name: middle, family: linear, n_features: 8}
  - {name: large, family: linear, n_features: 32}
methods: [naive]
splits: {supervisor_train: 200, student_train: 200, validation: 50, test: 300}
recipe: {epochs: 1, lr: 0.02, curve_points: 0}
statistics: {resamples: 100}
"""


def study_text(fields: str) -> str:
    """The study with these fields in place of its own."""
    written = {line.partition(":")[0] for line in fields.splitlines()}
    own = [line for line in LADDER.splitlines() if line.partition(":")[0] not in written]
    return "\n".join([*own, fields]) + "\n"


def study_of(fields: str, base: Path = Path()):
    return check_study(parse_document(study_text(fields), "s.yaml"), base)


# --- what is written --------------------------------------------------------------------------------------------------

# By what is wrong: what is written, what stands at the place that is told, and what is said.
MISTAKES = {
    "a rung that is none": (
        "supervision: {source: corrupted, errors_of: smal}",
        "smal}",
        'supervision.errors_of: "smal" is no rung of the ladder. Did you mean "small"?',
    ),
    "a file without its path": (
        "supervision: file",
        "file",
        "supervision.path: a file needs its path; what is to be labelled is written by: w2slab examples",
    ),
    "two numbers of errors": (
        "supervision: {source: corrupted, errors_of: small, rate: 0.2}",
        "0.2",
        "supervision.rate: errors_of says already how many labels are wrong",
    ),
    "a rate for a file": (
        "supervision: {source: file, path: a.jsonl, rate: 0.2}",
        "0.2",
        "supervision.rate: belongs to source: corrupted, and the source is file",
    ),
    "a choice for a model": (
        "supervision: {source: model, choose: longest}",
        "longest",
        "supervision.choose: belongs to source: corrupted, and the source is model",
    ),
    "a path for corrupted labels": (
        "supervision: {source: corrupted, path: a.jsonl}",
        "a.jsonl",
        "supervision.path: belongs to source: file, and the source is corrupted",
    ),
    "a source that is none": (
        "supervision: corupted",
        "corupted",
        "supervision.source: input should be 'model', 'corrupted' or 'file', not 'corupted'. Did you mean",
    ),
    "a share that is none": (
        "supervision: {source: corrupted, rate: 1}",
        "1}",
        "supervision.rate: input should be less than 1",
    ),
    "a rung as weak model": (
        "supervision: {source: file, path: a, called: crowd}\npairs: [[crowd, large], [small, large]]",
        "[small, large]",
        'pairs.1: the supervisor is "crowd" and no rung: write [crowd, strong], or pairs: all',
    ),
    "a weak model that is nothing": (
        "supervision: {source: corrupted, rate: 0.1}\npairs: [[label, large]]",
        "[label, large]",
        'pairs.0: "label" is no rung of the ladder. Did you mean "labels"?',
    ),
    "a source as a student": (
        "supervision: {source: corrupted, rate: 0.1}\npairs: [[small, labels]]",
        "[small, labels]",
        'pairs.0: "small" does not stand before "labels"',
    ),
    "a rung's name for a source": (
        "supervision: {source: corrupted, rate: 0.1, called: middle}",
        "middle",
        'supervision.called: "middle" is a rung of the ladder',
    ),
    "a name where a rung stands": (
        "supervision: {source: corrupted, called: flips}",
        "flips",
        "supervision.called: each pair's weak rung stands for these labels",
    ),
    "a copy of a weak model": (
        "supervision: corrupted\ncontrols: [shuffled, self-training]",
        "self-training",
        "controls.1: it copies a weak model, and these weak labels come from none",
    ),
    "several supervisors": (
        "supervision: {source: corrupted, rate: 0.1}\nmethods: [naive, supervisor-ensemble]",
        "supervisor-ensemble",
        "methods.1: supervision: this method trains weak models of its own",
    ),
    "a weak model that writes first": (
        "supervision: corrupted\nmethods: [naive, {name: generative-finetuning, variant: all}]",
        "{name: generative",
        "methods.1: supervision: this method trains weak models of its own",
    ),
    "a file for two tasks": (
        "supervision: {source: file, path: a}\ntasks: [toy, {name: toy, called: other}]",
        "[toy",
        "tasks: a file labels the examples of one task, not of 2; make a study of each",
    ),
    "a reserve that is too small for the chain": (
        "supervision: {source: corrupted, rate: 0.1}\npairs: [[labels, large]]\nmethods: [naive, bootstrapping]",
        "bootstrapping",
        "methods.1: fresh examples need splits.reserve of 400 (2 steps of 200)",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_told_with_their_place(name):
    written, at, message = MISTAKES[name]
    text = study_text(written)
    with pytest.raises(StudyError) as caught:
        check_study(parse_document(text, "s.yaml"), Path())
    told = next((str(problem) for problem in caught.value.problems if message in str(problem)), None)
    assert told is not None, caught.value
    line, column = map(int, re.match(r"s\.yaml:(\d+):(\d+): ", told).groups())
    assert text.splitlines()[line - 1][column - 1 :].startswith(at)


@pytest.mark.parametrize(
    "text",
    [
        "supervision: model",
        "supervision: {source: model}",
        "supervision: corrupted",
        "supervision: {source: corrupted, choose: least-sure}",
        "supervision: {source: corrupted, errors_of: middle, choose: longest, called: flips}",
        "supervision: {source: corrupted, rate: 0.25}",
        "supervision: {source: file, path: sub/weak.csv, called: crowd}",
    ],
)
def test_a_study_is_written_out_as_it_was_read(text, tmp_path):
    study = study_of(text, tmp_path)
    assert check_study(parse_document(to_yaml(study, tmp_path), "again.yaml"), tmp_path) == study
    assert (study.supervision is None) == ("model" in text)


def test_a_path_starts_from_the_folder_of_the_study(tmp_path):
    assert study_of("supervision: {source: file, path: weak.csv}", tmp_path).supervision.path == tmp_path / "weak.csv"


def test_the_schema_lets_sources_be_named():
    definitions = schema()["$defs"]
    assert definitions["Supervision"]["anyOf"][0] == {"enum": ["model", "corrupted"]}
    assert definitions["HeadTuning"]["anyOf"][0] == {"enum": ["full", "head"]}


# --- what is planned --------------------------------------------------------------------------------------------------


def pairs(text: str) -> list[str]:
    return [f"{weak.name} {strong.name}" for weak, strong in study_of(text).all_pairs()]


def test_a_source_of_its_own_teaches_every_rung_and_other_labels_stand_in_for_the_weak_one():
    by_rung = ["small middle", "small large", "middle large"]
    assert pairs("supervision: corrupted") == by_rung
    assert pairs("supervision: {source: corrupted, choose: longest}") == by_rung
    of_source = ["labels small", "labels middle", "labels large"]
    assert pairs("supervision: {source: corrupted, rate: 0.1}") == of_source
    assert pairs("supervision: {source: corrupted, errors_of: middle}") == of_source
    assert pairs("supervision: {source: file, path: a}\npairs: [[labels, large]]") == ["labels large"]


def test_only_a_choice_by_the_ceiling_waits_for_one():
    for choose, inputs in (("random", {"task", "data", "like"}), ("least-sure", {"task", "data", "like", "ceiling"})):
        planned = w2slab.plan(study_of(f"supervision: {{source: corrupted, choose: {choose}}}"))
        assert {frozenset(job.inputs) for job in planned.graph if job.kind == "corrupt"} == {frozenset(inputs)}
    planned = w2slab.plan(study_of("supervision: {source: corrupted, rate: 0.1}"))
    corrupted = [job for job in planned.graph if job.kind == "corrupt"]
    assert [set(job.inputs) for job in corrupted] == [{"task", "data"}]  # the same for all students
    assert not [job for job in planned.graph if "supervisor_train" in getattr(job.spec, "train_split", "")]


def test_bootstrapping_goes_from_a_source_up_the_ladder():
    text = (
        "supervision: {source: corrupted, rate: 0.1}\npairs: [[labels, large]]\n"
        "methods: [{name: bootstrapping, examples: same}]"
    )
    (comparison,) = w2slab.plan(study_of(text)).comparisons
    steps = [comparison.student]
    while "labels" in steps[-1].inputs:
        steps.append(steps[-1].inputs["labels"])
    assert [step.title.partition(" ")[0] for step in steps[:-1]] == ["large", "middle", "small"]
    assert steps[-1].title == "ground truth made wrong, 10% of them, at random"
    assert steps[-1].key == comparison.supervisor.key


def test_a_file_that_is_not_there_is_told_when_the_study_is_planned(tmp_path):
    with pytest.raises(DataError, match=r"weak\.csv does not exist; mend the path in the study\. .* w2slab examples"):
        w2slab.plan(study_of("supervision: {source: file, path: weak.csv}", tmp_path))


# --- what is run ------------------------------------------------------------------------------------------------------


@pytest.fixture
def command(monkeypatch, capsys):
    """The command line in this process: exit code, output, errors."""

    def command(*arguments):
        monkeypatch.setattr(sys, "argv", ["w2slab", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def write_study(folder: Path, text: str) -> Path:
    path = folder / "study.yaml"
    path.write_text(study_text(text))
    return path


# "corrupted true labels with exactly as many errors as a named supervisor"
def test_corrupted_labels_are_as_good_as_the_supervisor_on_every_split(tmp_path):
    store, text = tmp_path / "store", "pairs: [[small, large], [middle, large]]\nsupervision: "
    for source in ("model", "corrupted", "{source: corrupted, choose: surely-right}"):
        assert w2slab.run(study_of(text + source), store, executor="inline").outcome.exit_code == 0
    of_model, at_random, by_ceiling = (
        api.load_results(study_of(text + source), store)
        for source in ("model", "corrupted", "{source: corrupted, choose: surely-right}")
    )
    names = ["weak", "strong", "seed"]
    accuracies = [
        {tuple(r[n] for n in names): r["supervisor_accuracy"] for r in results.rows if r["is_reported"]}
        for results in (of_model, at_random, by_ceiling)
    ]
    assert len(accuracies[0]) == 2
    assert accuracies[0] == accuracies[1] == accuracies[2]
    assert of_model.label_sources == {}
    assert source_notes(by_ceiling.label_sources) == [
        "As supervisors, small, middle stand for ground truth made wrong, as many as each has, where the ceiling "
        "is most surely right; no model gave them."
    ]
    assert answer(by_ceiling)[0].startswith("A student trained on labels that no model gave recovered")
    # Errors that the ceiling would never make are worse to learn from than errors at random.
    means = [np.mean([r["student_accuracy"] for r in results.rows]) for results in (at_random, by_ceiling)]
    assert means[0] > means[1] + 0.1


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """A study with a file of a crowd's votes, right on two of three: run, with its report."""
    folder = tmp_path_factory.mktemp("labelled")
    text = "pairs: [[crowd, small], [crowd, large]]\ncontrols: [shuffled]\nsupervision: "
    text += "{source: file, path: votes.jsonl, called: crowd}"
    study = load_study(write_study(folder, text))
    rows = cli_examples.to_label(study, study.tasks[0])
    draws = np.random.default_rng(0)
    with (folder / "votes.jsonl").open("w") as file:
        for row in rows:
            votes = [str(draws.choice(row["classes"])) for _ in range(3)]
            file.write(json.dumps({"id": row["id"], "votes": votes}) + "\n")
    store = folder / ".w2slab"
    assert w2slab.run(study, store, executor="inline").outcome.exit_code == 0
    api.write_report(study, store, folder / "report")
    return folder


def test_the_page_calls_a_source_by_its_name_and_says_what_it_is(labelled):
    page = (labelled / "report" / "index.html").read_text()
    assert "A student trained on crowd (labels of votes.jsonl)" in page
    assert "As a supervisor, crowd stands for labels of votes.jsonl; no model gave them." in page
    assert "labels of votes.jsonl (supervisor)" in page
    assert "true labels (supervisor)" not in page
    assert "crowd → large" in page


def test_tables_have_no_size_for_a_source(labelled):
    results = api.load_results(load_study(labelled / "study.yaml"), labelled / ".w2slab")
    summary = results.frame("summary")
    assert set(summary["weak"]) == {"crowd"}
    assert set(summary["strong"]) == {"small", "large"}
    assert summary["weak_parameters"].isna().all()
    assert str(summary["weak_parameters"].dtype) == "float64"
    assert (summary["strong_parameters"] > 0).all()
    found = results.predictions(weak="crowd", strong="large", probs=True)
    shares = np.unique(np.round(np.stack(found["supervisor_probs"])[:, 0] * 3, 4))
    assert shares.tolist() == [0, 1, 2, 3]  # three votes each


def test_looking_at_such_a_study_works_from_the_command_line(labelled, command, tmp_path):
    study = labelled / "study.yaml"
    assert command("status", study)[0] == 0
    told = render(api.load_results(load_study(study), labelled / ".w2slab"))
    assert "crowd → large" in told
    assert "As a supervisor, crowd stands for" in told
    code, told, _ = command("compare", study, study, "--set-b", "statistics.level=0.9", "--out", tmp_path / "compared")
    assert code == 0
    assert "crowd" in told


def test_running_it_again_makes_nothing_and_another_file_makes_its_students(labelled, tmp_path):
    study, store = load_study(labelled / "study.yaml"), labelled / ".w2slab"
    before = result_bytes(store)
    assert w2slab.run(study, store, executor="inline").outcome.exit_code == 0
    assert result_bytes(store) == before
    lines = (labelled / "votes.jsonl").read_text().splitlines(keepends=True)
    (labelled / "turned.jsonl").write_text("".join(reversed(lines)))
    other = load_study(labelled / "study.yaml", [f"supervision.path={labelled / 'turned.jsonl'}"])
    states = {job.kind: [] for job in w2slab.plan(other).graph}
    for job in w2slab.plan(other).graph:
        states[job.kind].append(api.open_store(store).has(job.key))
    assert all(states["task"] + states["split"])
    assert not any(states["label-file"])


def test_what_a_file_lacks_is_told_before_anything_is_started(labelled, command):
    study = labelled / "study.yaml"
    lines = (labelled / "votes.jsonl").read_text().splitlines(keepends=True)
    (labelled / "short.jsonl").write_text("".join(lines[:-40]))
    (labelled / "wrong.jsonl").write_text("".join([*lines, '{"id": "toy-0", "votes": ["class 0"]}\n']))
    for name, message in (
        ("short.jsonl", "short.jsonl: "),
        ("wrong.jsonl", f'wrong.jsonl:{len(lines) + 1}: id: "toy-0" is not in the examples of the task'),
    ):
        for store in (labelled / ".w2slab", labelled / f"new-{name}"):
            arguments = ("--set", f"supervision.path={name}", "--store", store, "--executor", "inline")
            code, _, told = command("run", study, *arguments)
            assert code == 2
            assert message in told
            assert "have no label" in told or "is not in" in told
        assert not (labelled / f"new-{name}").exists()


def test_lengths_of_no_texts_are_told_before_anything_is_started(tmp_path):
    study = study_of("supervision: {source: corrupted, choose: longest}")
    with pytest.raises(DataError, match="the examples of this task are no texts"):
        w2slab.run(study, tmp_path / "store", executor="inline")
    assert not (tmp_path / "store").exists()


def test_the_card_of_an_exported_student_names_the_labels_it_learned(labelled):
    study = load_study(labelled / "study.yaml")
    of_file = _supervisor(w2slab.plan(study).comparisons[0], study.supervision)
    assert of_file == "crowd: labels of votes.jsonl (not a model)"
    assert _supervisor(w2slab.plan(study_of("")).comparisons[0], None).startswith("small, finetuned on ground truth")


def test_heads_learn_from_a_file_as_well(labelled):
    study = load_study(labelled / "study.yaml", ["tuning={features_of: task}"])
    assert w2slab.run(study, labelled / ".w2slab", executor="inline").outcome.exit_code == 0
    kinds = [job.kind for job in w2slab.plan(study).graph]
    assert kinds.count("task") == 1


# --- w2slab examples --------------------------------------------------------------------------------------------------


def test_what_is_to_be_labelled_is_all_that_any_seed_asks_a_supervisor(tmp_path, command):
    study = write_study(tmp_path, "seeds: [0, 1]\nsupervision: {source: file, path: not-there-yet.jsonl}")
    code, told, _ = command("examples", study, "--out", tmp_path / "all.jsonl")
    assert code == 0
    rows = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text().splitlines()]
    assert f"{len(rows)} examples" in told
    asked = {}
    for seed in (0, 1):
        one = load_study(study, [f"seeds=[{seed}]"])
        for row in cli_examples.to_label(one, one.tasks[0]):
            asked.setdefault(row["id"], set()).update(row["splits"])
    assert {row["id"]: set(row["splits"]) for row in rows} == asked
    assert sum("test" in row["splits"] for row in rows) == 300
    assert {split for row in rows for split in row["splits"]} == {"student_train", "validation", "test"}
    assert list(rows[0]) == ["id", "splits", "features", "classes"]
    assert rows[0]["classes"] == ["class 0", "class 1"]


def test_neither_columns_nor_order_tell_the_truth(tmp_path):
    names = (f"{which} {i}" for which in ("good", "bad") for i in range(40))
    data = tmp_path / "data.csv"
    data.write_text("text,label\n" + "".join(f"{name},{name.split()[0]}\n" for name in names))
    splits = "splits: {supervisor_train: 10, student_train: 20, validation: 5, test: 20}"
    study = study_of("tasks: [{name: text, data: data.csv}]\n" + splits, tmp_path)
    rows = cli_examples.to_label(study, study.tasks[0])
    assert set(rows[0]) <= {"id", "splits", "text", "answer", "classes"}
    first = [row["text"].startswith("good") for row in rows]
    assert 0.2 < np.mean(first[: len(first) // 2]) < 0.8


def test_tables_can_be_labelled_in_place(tmp_path, command):
    study = write_study(tmp_path, "supervision: {source: file, path: table.csv}")
    for name in ("table.csv", "table.parquet"):
        assert command("examples", study, "--out", tmp_path / name)[0] == 0
    with (tmp_path / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert json.loads(rows[0]["splits"]) in (["test"], ["student_train"], ["validation"])
    table = pq.read_table(tmp_path / "table.parquet")
    assert table.column("id").to_pylist() == [row["id"] for row in rows]
    with (tmp_path / "table.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], "label"])
        writer.writeheader()
        writer.writerows(row | {"label": json.loads(row["classes"])[i % 2]} for i, row in enumerate(rows))
    api.check_data(w2slab.plan(load_study(study)), api.open_store(tmp_path / "store"))


def test_a_file_is_replaced_only_when_asked_and_never_half(tmp_path, command, monkeypatch):
    study, out = write_study(tmp_path, ""), tmp_path / "all.jsonl"
    out.write_text("mine")
    code, _, told = command("examples", study, "--out", out)
    assert (code, out.read_text()) == (2, "mine")
    assert "exists already; choose another name, or add --force" in told
    with monkeypatch.context() as broken:
        broken.setattr(atomic.os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
        assert command("examples", study, "--out", out, "--force")[0] == 2
    assert out.read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    assert command("examples", study, "--out", out, "--force")[0] == 0
    assert out.read_text().startswith("{")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "all.xlsx"], "a name that ends in .jsonl, .csv, .parquet is needed"),
        (["--out", "no/such/folder.csv"], "does not exist; make it first"),
        (["--out", "all.csv", "--task", "toi"], "--task toi: name one of the study's tasks: toy"),
        (
            ["--out", "all.csv", "--set", "tasks=[toy, {name: toy, called: two}]"],
            "name one of the study's tasks: toy, two",
        ),
    ],
)
def test_examples_says_what_it_needs(arguments, message, tmp_path, command, monkeypatch):
    study = write_study(tmp_path, "")
    monkeypatch.chdir(tmp_path)
    code, _, told = command("examples", study, *arguments)
    assert code == 2
    assert message in told
