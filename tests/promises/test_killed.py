"""Promise 10, and what a run leaves behind when it is killed."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from functools import partial
from pathlib import Path

import pytest
from small_jobs import Options, graph_of, make, quick_graph, slow_graph

from w2slab.graph.executors import Inline, Processes
from w2slab.graph.runner import run, state
from w2slab.graph.store import Store

pytestmark = pytest.mark.slow

N_KILLS = 20
N_STEPS = 30


def workers_of(process_id):
    """Process ids of the children of a process."""
    return [int(each) for each in Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()]


def is_alive(process_id):
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def has_two_workers(process):
    return len(workers_of(process.pid)) == 2


def wait_for(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.01)


# 10. "Killed at any moment and started again, a study ends with the same bytes as one that was never killed."
def test_twenty_kills_at_random_moments_change_no_byte(store, tmp_path, start_run, result_bytes):
    undisturbed = Store(tmp_path / "undisturbed")
    graph = slow_graph(n_steps=120)
    with Processes(1) as executor:
        assert run(graph, undisturbed, executor).exit_code == 0

    moments = random.Random(10)
    n_killed_at_work = 0
    for _ in range(N_KILLS):
        process = start_run(store.root, step_seconds=0.03, n_steps=120)
        time.sleep(moments.uniform(0.1, 0.9))
        n_killed_at_work += process.poll() is None
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    last = start_run(store.root, step_seconds=0.0, n_steps=120)
    assert last.wait(30) == 0, last.stderr.read()

    assert n_killed_at_work == N_KILLS
    assert result_bytes(store.root) == result_bytes(undisturbed.root)
    assert all(store.verify(job) for job in graph)
    leftovers = {name: list((store.root / name).iterdir()) for name in ("tmp", "work", "logs", "failures")}
    assert leftovers == {"tmp": [], "work": [], "logs": [], "failures": []}


# 10. "Killed at any moment": also while one result after the other is being published
def test_kills_during_publication_leave_whole_results_or_none(store, tmp_path, start_run, result_bytes):
    graph, undisturbed = quick_graph(), Store(tmp_path / "undisturbed")
    run(graph, undisturbed, Inline())

    moments = random.Random(6)
    for _ in range(6):
        process = start_run(store.root, step_seconds=0, n_steps=0)
        wait_for(partial(has_two_workers, process))
        time.sleep(moments.uniform(0.1, 0.25))
        process.kill()
        process.wait()
        assert all(store.verify(job) for job in graph if store.has(job.key))
        assert not (store.root / "damaged").exists()
    last = start_run(store.root, step_seconds=0, n_steps=0)
    assert last.wait(30) == 0, last.stderr.read()
    assert result_bytes(store.root) == result_bytes(undisturbed.root)


# 10. "Killed at any moment and started again": a job goes on from its checkpoint and does not begin anew.
def test_a_job_goes_on_from_its_checkpoint(store, tmp_path, start_run):
    process = start_run(store.root, step_seconds=0.02, n_steps=200)
    wait_for(lambda: sum(1 for _ in (store.root / "work").glob("*/place.json")) >= 2)
    time.sleep(0.5)
    process.kill()
    process.wait()

    assert start_run(store.root, step_seconds=0.0, n_steps=200).wait(30) == 0
    places = [int(line.split()[-1]) for line in (tmp_path / "side.txt").read_text().splitlines() if "at" in line]
    assert sum(place > 0 for place in places) == 2


# 10. "Killed at any moment": no orphan keeps writing into the store.
def test_workers_end_with_a_killed_run(store, start_run):
    process = start_run(store.root, step_seconds=0.05, n_steps=1000)
    wait_for(lambda: sum(1 for _ in (store.root / "work").glob("*/place.json")) == 2)
    workers = workers_of(process.pid)
    assert len(workers) == 2

    process.kill()
    process.wait()

    wait_for(lambda: not any(map(is_alive, workers)), seconds=2.0)


# 10. "Killed at any moment": a worker that dies alone (memory ran out) costs one more attempt, not the run.
def test_a_killed_worker_is_replaced_and_its_job_goes_on(store, start_run, result_bytes, tmp_path):
    process = start_run(store.root, step_seconds=0.02, n_steps=N_STEPS)
    wait_for(lambda: sum(1 for _ in (store.root / "work").glob("*/place.json")) == 2)
    os.kill(workers_of(process.pid)[0], signal.SIGKILL)

    assert process.wait(30) == 0, process.stderr.read()
    with Processes(1) as executor:
        run(slow_graph(n_steps=N_STEPS), Store(tmp_path / "undisturbed"), executor)
    assert result_bytes(store.root) == result_bytes(tmp_path / "undisturbed")


# 10. A job that dies each time fails in words that say how, and the rest is done.
def test_a_job_that_dies_each_time_fails_and_stops_nothing_else(store):
    once, always = make("once", "die", number=1), make("always", "die", number=99)
    graph = graph_of(once, always, make("aside", number=5))

    with Processes(2) as executor:
        outcome = run(graph, store, executor)

    assert list(outcome.failed) == [always.key]
    assert "killed by SIGKILL, perhaps because memory ran out (tried 2 times)" in outcome.failed[always.key]
    assert len(outcome.done) == 2


# Exit codes: "75 stopped on purpose after a checkpoint; 130 interrupted."
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 75)], ids=["SIGINT", "SIGTERM"])
def test_a_signal_lets_jobs_save_their_place_and_ends_the_run(store, start_run, tmp_path, number, code):
    process = start_run(store.root, step_seconds=0.02, n_steps=500)
    wait_for(lambda: sum(1 for _ in (store.root / "work").glob("*/place.json")) == 2)
    process.send_signal(number)

    assert process.wait(5) == code, process.stderr.read()
    assert set(state(slow_graph(n_steps=500), store).values()) == {"missing"}
    assert len(list((store.root / "work").glob("*/place.json"))) == 2
    assert list((store.root / "tmp").iterdir()) == []


# "second SIGINT kills": for a job that does not listen
def test_a_second_signal_does_not_wait(store):
    deaf = make("deaf", "deaf", number=30)
    second = threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGINT])

    def interrupt(event):
        if event.kind == "progress":
            signal.raise_signal(signal.SIGINT)
            second.start()

    began = time.monotonic()
    with Processes(1) as executor:
        outcome = run(graph_of(deaf), store, executor, on_event=interrupt)

    assert outcome.exit_code == 130
    assert outcome.stopped == [deaf.key]
    assert 0.5 < time.monotonic() - began < 10


# Exit codes: "75 stopped on purpose after a checkpoint"
def test_a_run_that_is_given_a_time_stops_on_purpose(store):
    with Processes(2) as executor:
        outcome = run(slow_graph(n_steps=500), store, executor, options=Options(step_seconds=0.02), max_seconds=0.6)

    assert outcome.exit_code == 75
    assert outcome.interrupted == "max_seconds"
    assert len(outcome.stopped) == 7
