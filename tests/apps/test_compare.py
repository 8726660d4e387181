"""Two studies side by side: paired where they can be, told where they cannot."""

from __future__ import annotations

import csv
import json
import sys
import textwrap
from dataclasses import replace
from math import isnan
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))

from fake_study import FakePlan, FakeStore, FakeStudy, ModelSpec, SplitSpec, TaskSpec

from tests.conftest import w2slab
from w2slab.apps.compare.compare_page import write_page
from w2slab.apps.compare.compare_table import plain, render
from w2slab.apps.compare.compare_text import notes
from w2slab.apps.compare.side_by_side import compare, compare_sides
from w2slab.apps.compare.sides import Side
from w2slab.data.artifacts import read_predictions, write_positions, write_predictions, write_task
from w2slab.data.examples import Examples, TaskTable, Truth
from w2slab.data.labels import Labels
from w2slab.data.task_data import TaskData
from w2slab.errors import DataError, StudyError
from w2slab.graph.job import Graph
from w2slab.graph.store import Store
from w2slab.jobs.comparison import Comparison
from w2slab.jobs.spec import FileDigests, job
from w2slab.objectives import CrossEntropy
from w2slab.stats.comparing import holm
from w2slab.tasks.task import Task
from w2slab.training.recipe import Recipe

ROLES = ("supervisor", "student", "ceiling")


def fake(
    root,
    name="A",
    *,
    seeds=(0, 1, 2),
    ids=range(400),
    methods=(("naive", 0.70, 1),),
    group=lambda i: i,
    label=lambda i: i % 2,
    tasks=("science",),
    luck=0,
    ceiling=0.85,
    classes=("no", "yes"),
):
    """A study of one pair; methods are (name, accuracy of the students, epochs). Models err independently."""
    store, comparisons = FakeStore(Path(root)), []
    ids = list(ids)
    right = np.array([label(i) for i in ids])

    def put(spec, **inputs):
        made = job(spec, title=spec.KIND, files=FileDigests(), **inputs)
        store.records[made.key] = {"key": made.key}
        store.folder(made.key).mkdir(parents=True, exist_ok=True)
        return made

    def model(title, accuracy, data, *, draw, on="student_train", labels=None, epochs=1):
        spec = ModelSpec(
            rung=title, method=title, train_split=on, labels="soft" if labels else "true", objective=CrossEntropy(),
            recipe=Recipe(epochs=epochs), seed=data.spec.seed,
        )  # fmt: skip
        made = put(spec, data=data, **({"labels": labels} if labels else {}))
        is_right = np.random.default_rng([*map(ord, title), *draw, data.spec.seed]).random(1000)[ids] < accuracy
        probs = np.eye(2, dtype=np.float32)[np.where(is_right, right, 1 - right)] * np.float32(0.6) + np.float32(0.2)
        write_predictions(store.folder(made.key), "test", Labels(np.arange(len(ids)), probs, np.full(len(ids), 2)))
        return made

    names = [f"x-{i}" for i in ids]
    table = pa.table({"id": names, "group": [f"g-{group(i)}" for i in ids], "text": names})
    truth = Truth(names, [[int(r)] for r in right])
    for task in tasks:
        examples = put(TaskSpec(name=f"{task} {ids[0]} {len(ids)}", task=Task()))
        write_task(store.folder(examples.key), TaskTable(task, Examples(table, classes), truth, None, {"name": task}))
        for seed in seeds:
            data = put(SplitSpec(seed=seed), task=examples)
            write_positions(store.folder(data.key), {"test": np.arange(len(ids))}, {"chance": 0.5})
            supervisor = model("weak", 0.6, data, draw=[0], on="supervisor_train")
            strong = model("strong", ceiling, data, draw=[0], epochs=round(100 * ceiling))
            for method, accuracy, epochs in methods:
                student = model(method, accuracy, data, draw=[epochs, luck], labels=supervisor, epochs=epochs)
                comparisons.append(
                    Comparison(
                        task=task, weak="small", strong="large", method=method, seed=seed, control=None, data=data,
                        supervisor=supervisor, student=student, ceiling=strong,
                    )
                )  # fmt: skip
    return Side(name, f"{name.lower()}.yaml", FakePlan(Graph(), comparisons, study=FakeStudy("fake")), store)


def put(a, b, **options):
    return compare_sides(a, b, **({"resamples": 400} | options))


def stored(side, comparison):
    """Whether each model is right, by id, from what is stored and nothing else."""
    truth = TaskData.made_by(comparison.data, side.store.folder).truth("test")
    found = {}
    for role in ROLES:
        predictions = read_predictions(side.store.folder(getattr(comparison, role).key), "test")
        found[role] = dict(zip(truth.ids, truth.is_right(predictions.choices), strict=True))
    return found


# "Test examples are paired by id, on those that both have."
def test_numbers_are_those_of_a_plain_loop_over_the_examples_and_seeds_of_both(tmp_path):
    order = np.random.default_rng(3).permutation(np.arange(100, 520)).tolist()
    a = fake(tmp_path / "a", "A")
    b = fake(tmp_path / "b", "B", ids=order, seeds=(1, 2, 7), methods=(("naive", 0.78, 2),))
    row = put(a, b).rows[0]
    shared = [f"x-{i}" for i in range(100, 400)]
    means = {}
    for side, own in (("a", a), ("b", b)):
        judged = [stored(own, c) for c in own.plan.comparisons if c.seed in (1, 2)]
        for role in ROLES:
            means[side, role] = np.mean([[of[role][i] for i in shared] for of in judged])
            assert row[f"{role}_accuracy_{side}"] == pytest.approx(means[side, role])
        recovered = means[side, "student"] - means[side, "supervisor"]
        pgr = recovered / (means[side, "ceiling"] - means[side, "supervisor"])
        assert row[f"pgr_{side}"] == pytest.approx(pgr)
    for role in ROLES:
        assert row[f"{role}_difference"] == pytest.approx(means["b", role] - means["a", role])
        assert row[f"{role}_difference_low"] <= row[f"{role}_difference"] <= row[f"{role}_difference_high"]
    assert row["pgr_difference"] == pytest.approx(row["pgr_b"] - row["pgr_a"])
    assert (row["n_test"], row["n_test_a"], row["n_test_b"]) == (300, 400, 420)
    assert (row["seeds_a"], row["seeds_only_a"], row["seeds_only_b"]) == ((1, 2), (0,), (7,))
    said = " ".join(notes(put(a, b)))
    assert "300 test examples common to both studies, of 400 in A and 420 in B" in said
    assert "seeds 1, 2 in common; left out: seed 0 of A and seed 7 of B" in said


@pytest.mark.parametrize("seeds", [(0, 1, 2), (5, 6)], ids=["paired", "independent"])
def test_b_against_a_is_a_against_b_with_the_other_sign(tmp_path, seeds):
    a = fake(tmp_path / "a", "A")
    b = fake(tmp_path / "b", "B", seeds=seeds, ids=range(50, 450), methods=(("naive", 0.76, 2),))
    one, other = (put(*sides, resamples=2000).rows[0] for sides in ((a, b), (b, a)))
    for name in ("supervisor_difference", "student_difference", "ceiling_difference", "pgr_difference"):
        assert one[name] == pytest.approx(-other[name])
        width = one[f"{name}_high"] - one[f"{name}_low"]
        assert one[f"{name}_low"] == pytest.approx(-other[f"{name}_high"], abs=0.02 * width + 1e-12)
    assert (one["p"], one["n_only_a"]) == (pytest.approx(other["p"]), other["n_only_b"])
    assert (one["student_accuracy_a"], one["pgr_b"]) == (other["student_accuracy_b"], other["pgr_a"])


@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2), (5, 6, 7)], ids=["one-seed", "paired", "independent"])
def test_a_planted_difference_is_found_and_a_null_is_not(tmp_path, seeds):
    a = fake(tmp_path / "a", "A", seeds=seeds[:1] if len(seeds) == 1 else (0, 1, 2), methods=(("naive", 0.65, 1),))
    better, same = (
        fake(tmp_path / name, "B", seeds=seeds, methods=(("naive", accuracy, 2),))
        for name, accuracy in (("better", 0.82), ("same", 0.65))
    )
    assert [put(*sides).rows[0]["verdict"] for sides in ((a, better), (better, a))] == ["better", "worse"]
    null = put(a, same).rows[0]
    assert null["verdict"] == "not significant"
    assert 0.01 < null["detectable_accuracy"] < 0.2
    assert "MDE: " in render(put(a, same))


# "students whose jobs are the same say so, and are not counted among the comparisons corrected for"
def test_a_study_against_itself_is_the_same_job_throughout(tmp_path):
    a = fake(tmp_path, methods=(("naive", 0.7, 1), ("other", 0.75, 1)))
    compared = put(a, replace(a, name="B"))
    assert [row["verdict"] for row in compared.rows] == ["same job", "same job"]
    assert compared.n_compared == 0
    for row in compared.rows:
        found = [row[f"{of}_difference{end}"] for of in (*ROLES, "pgr") for end in ("", "_low", "_high")]
        assert found == [0.0] * len(found)
        assert isnan(row["p"])
        assert isnan(row["p_adjusted"])
    assert "All 2 students are the same job in A and B.\n" in render(compared)


def test_a_ceiling_of_another_kind_moves_pgr_and_no_student(tmp_path):
    a, b = fake(tmp_path / "a", "A"), fake(tmp_path / "b", "B", ceiling=0.95)
    row = put(a, b).rows[0]
    assert (row["verdict"], row["student_difference"], row["same_ceiling"]) == ("same job", 0.0, False)
    assert row["pgr_difference_low"] < row["pgr_b"] - row["pgr_a"] == pytest.approx(row["pgr_difference"])
    assert row["pgr_difference"] < 0 < row["ceiling_difference_low"]
    assert "; supervisors or ceilings are not." in render(put(a, b))


def test_the_same_job_is_not_corrected_for_and_everything_else_is(tmp_path):
    methods = [(f"m{i}", 0.7, 1) for i in range(4)]
    a = fake(tmp_path / "a", "A", methods=methods, tasks=("science", "history"))
    changed = [(name, 0.72, 2) for name, _, _ in methods[:2]]
    b = fake(tmp_path / "b", "B", methods=[*changed, *methods[2:]], tasks=("science", "history"))
    compared = put(a, b)
    tested = [row for row in compared.rows if row["verdict"] != "same job"]
    assert (len(compared.rows), len(tested), compared.n_compared) == (8, 4, 4)
    assert [row["p_adjusted"] for row in tested] == pytest.approx(holm([row["p"] for row in tested]))
    assert "4 of 8 students are the same job" in render(compared)


# "Where two stores disagree on one job, each has its own"
def test_predictions_of_one_job_that_differ_between_stores_are_told(tmp_path):
    a, b = fake(tmp_path / "a", "A"), fake(tmp_path / "b", "B", luck=1)
    compared = put(a, b)
    row = compared.rows[0]
    assert row["verdict"] == "same job"
    own = np.mean([[*stored(b, c)["student"].values()] for c in b.plan.comparisons])
    assert row["student_accuracy_b"] == pytest.approx(own)
    assert "differ between the two stores" in " ".join(notes(compared))


# --- what does not fit ------------------------------------------------------------------------------------------------


def test_no_example_in_common_is_an_error_that_says_so(tmp_path):
    a, b = fake(tmp_path / "a", "A"), fake(tmp_path / "b", "B", ids=range(500, 900))
    with pytest.raises(DataError, match="no test example in common"):
        put(a, b)


def test_truths_that_differ_are_an_error_that_names_an_example(tmp_path):
    a = fake(tmp_path / "a", "A")
    b = fake(tmp_path / "b", "B", ids=range(10, 400), label=lambda i: i % 2 if i != 17 else 0)
    with pytest.raises(DataError, match=r"1 of the 390 test examples .*x-17: yes in A, no in B"):
        put(a, b)


def test_classes_in_another_order_are_the_same_truth(tmp_path):
    a = fake(tmp_path / "a", "A")
    b = fake(tmp_path / "b", "B", ids=range(10, 400), label=lambda i: 1 - i % 2, classes=("yes", "no"))
    assert put(a, b).rows[0]["n_test"] == 390


def test_nothing_in_common_says_what_each_has(tmp_path):
    a, b = fake(tmp_path / "a", "A"), fake(tmp_path / "b", "B", tasks=("history",), methods=(("other", 0.7, 1),))
    with pytest.raises(StudyError) as caught:
        put(a, b)
    assert "A: a.yaml: task science; pair small → large; method naive" in str(caught.value)
    assert "B: b.yaml: task history; pair small → large; method other" in str(caught.value)


def test_what_only_one_has_and_what_is_not_done_is_told_and_counted(tmp_path):
    a = fake(tmp_path / "a", "A", methods=(("naive", 0.7, 1), ("only-here", 0.7, 1), ("late", 0.7, 1)))
    b = fake(tmp_path / "b", "B", methods=(("naive", 0.7, 2), ("late", 0.7, 1), ("new", 0.7, 1)))
    for comparison in b.plan.comparisons:
        if comparison.method == "late" or (comparison.method, comparison.seed) == ("naive", 2):
            del b.store.records[comparison.student.key]
    compared = put(a, b)
    assert [(row["method"], row["seeds_a"], row["seeds_only_a"]) for row in compared.rows] == [("naive", (0, 1), (2,))]
    assert [each[3] for each in compared.only_a] == ["only-here"]
    assert [each[3] for each in compared.only_b] == ["new"]
    assert [each[3] for each in compared.waiting] == ["late"]
    assert compared.n_lacking == (0, 4)
    said = render(compared)
    assert "Only in A: 1 student: science: small → large, only-here." in said
    assert "Not done in both yet: 1 student" in said
    assert "4 students of B (each seed counted) are not done yet" in said
    assert json.loads(json.dumps(plain(compared), allow_nan=False))["only_b"][0]["method"] == "new"


# --- seeds and groups -------------------------------------------------------------------------------------------------


def test_seeds_that_are_not_in_both_are_independent_samples_and_their_variances_add(tmp_path):
    a = fake(tmp_path / "a", "A", seeds=range(6))
    b = fake(tmp_path / "b", "B", seeds=range(10, 14))
    row = put(a, b, resamples=4000).rows[0]
    assert row["seeds_are"] == "independent"
    assert "6 in A and 4 in B, independent" in row["interval_covers"]
    by_seed = [[np.mean([*stored(side, c)["student"].values()]) for c in side.plan.comparisons] for side in (a, b)]
    assert row["student_difference"] == pytest.approx(np.mean(by_seed[1]) - np.mean(by_seed[0]))
    # Models that err independently of each other: over examples their mean errs by p (1 - p) / n / S, and no more.
    expected = np.sqrt(0.7 * 0.3 / 400 * (1 / 6 + 1 / 4))
    half = (row["student_difference_high"] - row["student_difference_low"]) / 2
    assert 1.6 * expected < half < 3.2 * expected
    assert "No common seed" in " ".join(notes(put(a, b)))


def test_one_seed_on_each_side_is_an_exact_test_of_two_models(tmp_path):
    a = fake(tmp_path / "a", "A", seeds=[0])
    b = fake(tmp_path / "b", "B", seeds=[1], methods=(("naive", 0.75, 2),))
    row = put(a, b).rows[0]
    ours, theirs = (np.array([*stored(side, side.plan.comparisons[0])["student"].values()]) for side in (a, b))
    assert (row["n_only_a"], row["n_only_b"]) == ((ours & ~theirs).sum(), (~ours & theirs).sum())
    assert row["test"] == "exact McNemar"
    assert "one seed on each side" in row["interval_covers"]


def test_what_either_study_keeps_together_is_drawn_together(tmp_path):
    a = fake(tmp_path / "a", "A", ids=range(100), group=lambda i: i // 2)
    b = fake(tmp_path / "b", "B", ids=range(100), group=lambda i: (i + 1) // 2 if i < 10 else i, luck=1)
    row = put(a, b).rows[0]
    # 0 to 11 hang together, link by link; the other pairs are those of A.
    assert (row["n_test"], row["n_groups"]) == (100, 1 + 45)


# --- pages and the command line ---------------------------------------------------------------------------------------


def test_the_page_and_its_tables_hold_every_match(tmp_path):
    a = fake(tmp_path / "a", "A", methods=(("naive", 0.62, 1), ("other", 0.7, 1)))
    b = fake(tmp_path / "b", "B", methods=(("naive", 0.8, 2), ("other", 0.7, 1), ("new", 0.7, 1)))
    b = replace(b, title="<script>alert(1)</script>.yaml")
    b.plan.study = FakeStudy("another")
    compared = put(a, b)
    html = write_page(compared, tmp_path / "out").read_text()
    assert "<script>alert" not in html
    for words in ("better", "same job", "Only in B", "another", "B minus A"):
        assert words in html
    with (tmp_path / "out" / "compare.csv").open() as file:
        written = list(csv.DictReader(file))
    assert [row["verdict"] for row in written] == [row["verdict"] for row in compared.rows] == ["better", "same job"]
    table = pq.read_table(tmp_path / "out" / "compare.parquet")
    assert table.column("student_difference").to_pylist() == [row["student_difference"] for row in compared.rows]
    assert (tmp_path / "out" / "figures" / "differences.svg").exists()


TOY = """
    name: small
    tasks: [toy]
    ladder:
      - {name: sees-2, family: linear, n_features: 2}
      - {name: sees-32, family: linear, n_features: 32}
    methods: [naive, {name: auxiliary-confidence, max_weight: 0.5}]
    seeds: [0, 1]
    splits: {supervisor_train: 200, student_train: 200, validation: 60, test: 300}
    recipe: {epochs: 1, lr: 0.05, curve_points: 0}
    statistics: {resamples: 200}
"""


@pytest.fixture(scope="module")
def two_versions(tmp_path_factory):
    path = tmp_path_factory.mktemp("versions") / "s.yaml"
    path.write_text(textwrap.dedent(TOY))
    for settings in ([], ["--set", "recipe.epochs=3"]):
        done = w2slab("run", path, "--executor", "inline", "--no-report", "--no-progress", *settings)
        assert done.returncode == 0, done.stderr
    return path


def test_two_versions_of_a_study_from_the_command_line(two_versions, tmp_path):
    from w2slab.experiment.plan import plan
    from w2slab.study.reading import load_study

    out = tmp_path / "page"
    done = w2slab("compare", two_versions, two_versions, "--set-b", "recipe.epochs=3", "--json", "--out", out)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["changed"] == [{"field": "recipe.epochs", "a": 1, "b": 3}]
    assert found["resamples"] == 200
    store = Store(two_versions.parent / ".w2slab")
    sides = [
        Side(name, "", plan(load_study(two_versions, settings)), store)
        for name, settings in (("A", []), ("B", ["recipe.epochs=3"]))
    ]
    for row in found["rows"]:
        means = [
            np.mean(
                [[*stored(side, c)["student"].values()] for c in side.plan.comparisons if c.method == row["method"]]
            )
            for side in sides
        ]
        assert [row["student_accuracy_a"], row["student_accuracy_b"]] == pytest.approx(means)
        assert row["student_difference"] == pytest.approx(means[1] - means[0])
        assert row["n_test"] == row["n_test_a"] == 300
    assert len(found["rows"]) == 2
    assert (out / "index.html").exists()


def test_two_studies_from_python(two_versions):
    from w2slab.study.reading import load_study

    a, store = load_study(two_versions), two_versions.parent / ".w2slab"
    compared = compare(a, two_versions, settings_b=["recipe.epochs=3"], store_a=store)
    assert [row["n_test"] for row in compared.rows] == [300, 300]
    assert compared.changed == [("recipe.epochs", 1, 3)]
    assert "A: small\n" in render(compared)
    with pytest.raises(StudyError, match="settings override a study file"):
        compare(a, two_versions, settings_a=["recipe.epochs=3"])


def test_the_same_study_and_one_that_differs_in_a_method_from_the_command_line(two_versions):
    done = w2slab("compare", two_versions, two_versions, "--set-b", "methods=[naive]")
    assert done.returncode == 0, done.stderr
    assert "same job" in done.stdout
    assert "Only in A: 1 student: toy: sees-2 → sees-32, auxiliary-confidence." in done.stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--set-b", "recipe.epochs=7"], "B: no comparison of"),
        (["--set-a", "methods=[auxiliary-confidence]", "--set-b", "methods=[naive]"], "no student in common"),
        (["--set-b", "recipe.epoch=7"], "--set-b recipe.epoch=7"),
        (["--set-b", "splits.test=[]"], "--set-b splits.test=[]"),
    ],
    ids=["not-run", "nothing-in-common", "unknown-field", "malformed"],
)
def test_what_cannot_be_compared_ends_with_2_and_writes_nothing(two_versions, tmp_path, options, said):
    done = w2slab("compare", two_versions, two_versions, *options, "--out", tmp_path / "out")
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
