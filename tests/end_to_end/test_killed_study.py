"""Killed at any moment and started again; two runs at once; one of two killed."""

from __future__ import annotations

import csv
import json
import random
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import result_bytes, w2slab

pytestmark = pytest.mark.slow

KILLS = 20
# Jobs of some seconds with many checkpoints, so that kills find them at work.
LONGER = ["--set", "seeds=[0]", "--set", "recipe.epochs=400", "--checkpoint-every", "0.1"]


def run_in_background(study: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "w2slab", "run", str(study), "--no-report", *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, finished_toy_study):
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "study.yaml").write_text(finished_toy_study.read_text())
    assert w2slab("run", folder / "study.yaml", *LONGER).returncode == 0
    return folder


# "Killed at any moment and started again, a study ends with the same bytes as one that was never killed."
def test_twenty_kills_leave_the_bytes_of_an_undisturbed_run(toy_study, undisturbed):
    moments = random.Random(0)
    store = toy_study.parent / ".w2slab"
    for kill in range(KILLS):
        started = time.time()
        running = run_in_background(toy_study, *LONGER)
        if kill % 2:
            wait_for_checkpoint(store, since=started)
        time.sleep(moments.uniform(0.0, 0.6))
        assert running.poll() is None, "the study was finished before the last kill; make its jobs longer"
        running.kill()
        running.communicate()
    assert w2slab("run", toy_study, *LONGER).returncode == 0
    assert result_bytes(toy_study.parent / ".w2slab") == result_bytes(undisturbed / ".w2slab")
    for name in ("results.csv", "summary.csv"):
        tables = [folder / "small-report" / name for folder in (toy_study.parent, undisturbed)]
        assert without_times(tables[0]) == without_times(tables[1])


def wait_for_checkpoint(store: Path, since: float) -> None:
    """Wait until a job of this run has saved its place."""
    for _ in range(3000):
        for path in (store / "work").rglob("*"):
            try:
                if path.is_file() and path.stat().st_mtime > since:
                    return
            except FileNotFoundError:  # renamed meanwhile
                continue
        time.sleep(0.02)
    raise AssertionError("no job saved its place within a minute")


def without_times(table: Path) -> list[dict[str, str]]:
    with table.open(newline="") as file:
        return [{k: v for k, v in row.items() if "seconds" not in k} for row in csv.DictReader(file)]


def n_made(run: subprocess.Popen[str]) -> int:
    _, shown = run.communicate(timeout=180)
    assert run.returncode == 0, shown
    found = re.search(r"(\d+) made", shown)
    assert found is not None
    return int(found[1])


# "Two runs over the same store help each other: neither does the other's job twice, neither waits on a dead one."
def test_two_runs_at_once_do_no_job_twice(toy_study, finished_toy_study):
    both = [run_in_background(toy_study), run_in_background(toy_study)]
    n_jobs = len(json.loads(w2slab("plan", toy_study, "--json").stdout))
    assert sum(map(n_made, both)) == n_jobs
    assert result_bytes(toy_study.parent / ".w2slab") == result_bytes(finished_toy_study.parent / ".w2slab")


def test_the_other_run_finishes_what_a_killed_one_had_begun(toy_study, undisturbed):
    first, second = (run_in_background(toy_study, *LONGER) for _ in range(2))
    time.sleep(4)
    assert first.poll() is None
    first.kill()
    first.communicate()
    assert n_made(second) > 0
    assert result_bytes(toy_study.parent / ".w2slab") == result_bytes(undisturbed / ".w2slab")
