"""The command line's own words."""

from __future__ import annotations

import json
import shlex

import pytest

from tests.conftest import w2slab


def test_list_shows_every_row_with_a_description():
    shown = w2slab("list").stdout
    for name in ("toy", "chess", "linear", "chessformer", "naive", "auxiliary-confidence", "bootstrapping"):
        assert any(line.split()[0] == name and len(line.split()) > 3 for line in shown.splitlines() if line.strip())


def test_list_of_one_kind_shows_only_that():
    assert "naive" in w2slab("list", "methods").stdout
    assert "chessformer" not in w2slab("list", "methods").stdout


def test_schema_is_json_and_names_the_fields():
    schema = json.loads(w2slab("schema").stdout)
    assert {"name", "tasks", "ladder", "methods", "seeds"} <= schema["properties"].keys()


def test_doctor_says_what_is_here():
    shown = w2slab("doctor").stdout
    for word in ("torch", "cores", "gpu", "shipped ladder"):
        assert word in shown


def test_status_counts_and_exits_with_0_when_nothing_failed(finished_toy_study):
    done = w2slab("status", finished_toy_study)
    assert done.returncode == 0
    assert "0 missing, 0 failed" in done.stdout


# "A damaged file is noticed, set aside and made again."
def test_status_can_read_every_file_again(toy_study):
    settings = ["--set", "methods=[naive]", "--set", "seeds=[0]"]
    assert w2slab("run", toy_study, *settings, "--executor", "inline", "--no-report").returncode == 0
    damaged = next((toy_study.parent / ".w2slab" / "objects").rglob("curve.json"))
    damaged.write_text(damaged.read_text().replace("0", "1"))
    assert "0 missing" in w2slab("status", toy_study, *settings).stdout
    assert "1 missing" in w2slab("status", toy_study, *settings, "--verify").stdout
    assert "1 made" in w2slab("run", toy_study, *settings, "--no-report").stderr


def test_report_of_a_study_that_has_not_begun_says_how_to_begin(toy_study):
    done = w2slab("report", toy_study)
    assert done.returncode == 2
    assert "w2slab run" in done.stderr
    assert [p.name for p in toy_study.parent.iterdir()] == ["study.yaml"]


def test_a_run_without_a_finished_comparison_says_that_all_wait_for_jobs_that_failed(toy_study):
    settings = ["--set", "recipe.lr=1e39", "--set", "seeds=[0]", "--store", toy_study.parent / "kept"]
    done = w2slab("run", toy_study, *settings, "--executor", "inline")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("no report: every comparison of small waits for jobs that failed")
    told = last.partition("see why: w2slab ")[2].partition("; ")[0]
    why = w2slab(*shlex.split(told))
    assert why.returncode == 1
    assert "the loss is" in why.stdout
    assert not (toy_study.parent / "small-report").exists()


def test_a_report_tells_jobs_that_failed_from_those_that_were_not_begun(toy_study):
    settings = ["--set", "methods=[naive]"]
    planned = json.loads(w2slab("plan", toy_study, *settings, "--json").stdout)
    failures = toy_study.parent / ".w2slab" / "failures"
    failures.mkdir(parents=True)
    student = next(row["key"] for row in reversed(planned) if row["kind"] == "finetune")
    (failures / f"{student}.json").write_text('{"message": "broken"}')
    done = w2slab("report", toy_study, *settings)
    assert done.returncode == 2
    assert "no comparison of small is finished, and some (1 of 6) wait for jobs that failed" in done.stderr


@pytest.mark.parametrize("arguments", [["run"], ["run", "missing.yaml"], ["fly"], ["run", "x.yaml", "--workers", "0"]])
def test_wrong_usage_exits_with_2(arguments, tmp_path):
    assert w2slab(*arguments, cwd=tmp_path).returncode == 2
    assert not list(tmp_path.iterdir())
