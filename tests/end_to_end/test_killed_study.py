"""Killed at any moment and started again, a study ends with the same bytes as one that was never killed."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time

from tests.conftest import result_bytes, w2slab

KILLS = 20


def run_in_background(study):
    command = [sys.executable, "-m", "w2slab", "run", str(study), "--no-report", "--checkpoint-every", "1"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


# "Killed at any moment and started again, a study ends with the same bytes as one that was never killed."
def test_twenty_kills_leave_the_bytes_of_an_undisturbed_run(toy_study, finished_toy_study):
    moments = random.Random(0)
    for _ in range(KILLS):
        running = run_in_background(toy_study)
        time.sleep(moments.uniform(0.3, 4.0))
        running.send_signal(signal.SIGKILL)
        running.wait()
    done = w2slab("run", toy_study)
    assert done.returncode == 0, done.stderr
    assert result_bytes(toy_study.parent / ".w2slab") == result_bytes(finished_toy_study.parent / ".w2slab")
    for name in ("results.csv", "summary.csv"):
        one = (toy_study.parent / "small-report" / name).read_bytes()
        other = (finished_toy_study.parent / "small-report" / name).read_bytes()
        assert drop_costs(one) == drop_costs(other)


def drop_costs(table: bytes) -> list[list[str]]:
    """A results table without the columns that say how long things took."""
    rows = [line.split(",") for line in table.decode().splitlines()]
    kept = [i for i, name in enumerate(rows[0]) if "seconds" not in name]
    return [[row[i] for i in kept if i < len(row)] for row in rows]


# "Two runs over the same store help each other: neither does the other's job twice, neither waits on a dead one."
def test_two_runs_at_once_do_no_job_twice(toy_study, finished_toy_study):
    first, second = run_in_background(toy_study), run_in_background(toy_study)
    assert first.wait(timeout=180) == 0
    assert second.wait(timeout=180) == 0
    store = toy_study.parent / ".w2slab"
    assert result_bytes(store) == result_bytes(finished_toy_study.parent / ".w2slab")
    assert not list((store / "tmp").iterdir())


def test_the_other_run_finishes_what_a_killed_one_had_begun(toy_study, finished_toy_study):
    first, second = run_in_background(toy_study), run_in_background(toy_study)
    time.sleep(3)
    first.kill()
    first.wait()
    assert second.wait(timeout=180) == 0
    assert result_bytes(toy_study.parent / ".w2slab") == result_bytes(finished_toy_study.parent / ".w2slab")
