"""The toy study through the command line, from the file to the page."""

from __future__ import annotations

import csv
import json
import time

import pytest

from tests.conftest import result_bytes, w2slab


def test_the_study_ends_with_table_report_and_csv(finished_toy_study):
    folder = finished_toy_study.parent / "small-report"
    page = (folder / "index.html").read_text()
    assert "<svg" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    with (folder / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["method"] for row in rows} == {"naive", "auxiliary-confidence", "bootstrapping"}
    assert {row["seed"] for row in rows} == {"0", "1"}


def test_a_finished_study_runs_nothing_and_says_so(finished_toy_study):
    before = result_bytes(finished_toy_study.parent / ".w2slab")
    page = finished_toy_study.parent / "small-report" / "index.html"
    assert w2slab("report", finished_toy_study).returncode == 0
    made = page.stat().st_mtime_ns
    records = {p: p.stat().st_mtime_ns for p in finished_toy_study.parent.rglob("record.json")}
    done = w2slab("run", finished_toy_study)
    assert done.returncode == 0
    assert "sees-2 → sees-32" in done.stdout
    assert page.stat().st_mtime_ns == made
    assert result_bytes(finished_toy_study.parent / ".w2slab") == before
    assert {p: p.stat().st_mtime_ns for p in finished_toy_study.parent.rglob("record.json")} == records


def test_the_same_study_elsewhere_gives_the_same_bytes(finished_toy_study, toy_study):
    assert w2slab("run", toy_study, "--executor", "inline", "--no-report").returncode == 0
    assert result_bytes(toy_study.parent / ".w2slab") == result_bytes(finished_toy_study.parent / ".w2slab")


# "Adding a method to a finished study" costs that method's jobs, and no other.
def test_a_finished_study_takes_a_new_method_without_repeating_anything(toy_study):
    fewer = ["--set", "methods=[naive]"]
    assert w2slab("run", toy_study, *fewer, "--executor", "inline", "--no-report").returncode == 0
    plan = json.loads(w2slab("plan", toy_study, "--json").stdout)
    missing = [row for row in plan if row["state"] == "missing"]
    cached = [row for row in plan if row["state"] == "cached"]
    assert cached
    assert missing
    assert all("auxiliary-confidence" in row["title"] or row["title"].count("←") > 2 for row in missing)


def test_changing_how_results_are_judged_trains_nothing(finished_toy_study):
    plan = json.loads(w2slab("plan", finished_toy_study, "--set", "statistics.level=0.9", "--json").stdout)
    assert {row["state"] for row in plan} == {"cached"}


def test_stopping_on_purpose_exits_with_75_and_goes_on_later(toy_study):
    stopped = w2slab("run", toy_study, "--max-hours", "0")
    assert stopped.returncode == 75
    assert w2slab("run", toy_study, "--no-report").returncode == 0


def test_a_newcomer_writes_a_study_and_sees_its_plan(tmp_path):
    started = time.monotonic()
    assert w2slab("init", tmp_path / "mine.yaml").returncode == 0
    done = w2slab("plan", tmp_path / "mine.yaml")
    assert done.returncode == 0, done.stderr
    assert "missing" in done.stdout
    assert not (tmp_path / ".w2slab").exists()
    assert time.monotonic() - started < 60


# A change that is not meant to move numbers moves none of these; one that is says so in the changelog.
def test_the_toy_table_is_as_it_was(finished_toy_study):
    with (finished_toy_study.parent / "small-report" / "summary.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["is_reported"] == "True"]
    found = {(r["weak"], r["strong"], r["method"]): float(r["student_accuracy"]) for r in rows}
    assert found == pytest.approx(PINNED, abs=0.006)


PINNED = {
    ("sees-2", "sees-8", "naive"): 0.543,
    ("sees-2", "sees-8", "auxiliary-confidence"): 0.624,
    ("sees-2", "sees-8", "bootstrapping"): 0.543,
    ("sees-2", "sees-32", "naive"): 0.583,
    ("sees-2", "sees-32", "auxiliary-confidence"): 0.815,
    ("sees-2", "sees-32", "bootstrapping"): 0.509,
    ("sees-8", "sees-32", "naive"): 0.784,
    ("sees-8", "sees-32", "auxiliary-confidence"): 0.912,
    ("sees-8", "sees-32", "bootstrapping"): 0.784,
}
