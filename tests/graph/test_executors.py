from __future__ import annotations

import os
import sys

import pytest
from small_jobs import Options, graph_of, make, slow_graph

from w2slab.errors import UnavailableError
from w2slab.graph.executors import Inline, Processes
from w2slab.graph.runner import run


def facts_of(store, *jobs):
    return [store.record(job.key)["facts"] for job in jobs]


def test_a_worker_does_many_jobs(store):
    jobs = [make(str(i), "surroundings", number=i) for i in range(5)]
    with Processes(2, threads=3) as executor:
        run(graph_of(*jobs[:3]), store, executor)
        run(graph_of(*jobs), store, executor)
    facts = facts_of(store, *jobs)

    assert len({each["process"] for each in facts}) <= 2
    assert os.getpid() not in {each["process"] for each in facts}
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    assert all(each["threads"][name] == "3" for each in facts for name in names)


def test_workers_start_when_they_are_needed(store):
    job = make("one", "surroundings", number=1)
    with Processes(2) as executor:
        run(graph_of(job), store, executor)
        first = facts_of(store, job)
        store.remove(job.key)
        run(graph_of(job), store, executor)

        assert facts_of(store, job)[0]["process"] == first[0]["process"]


# "The record: ... peak memory": of the job, not of the process that did larger ones before.
def test_the_peak_memory_of_a_record_is_that_of_its_job(store):
    large, small = make("large", "hold", number=400 * 2**20), make("small", "hold", number=1)
    others = make("others", "hold", number=2)
    with Processes(1) as executor:
        run(graph_of(large), store, executor)
        run(graph_of(small), store, executor)
        run(graph_of(others), store, executor, options=Options(others=(2**40, 2**40)))
    peaks = [store.record(job.key)["peak_memory_bytes"] for job in (large, small, others)]

    assert peaks[0] > 400 * 2**20
    assert 2**20 < peaks[1] < peaks[0] - 300 * 2**20
    assert peaks[2] > 2**41
    assert {each["shared"] for each in facts_of(store, large, small)} == {str(store.root / "shared")}


@pytest.mark.parametrize("make_executor", [Inline, lambda: Processes(1)], ids=["Inline", "Processes"])
def test_a_failure_is_told_with_its_kind(store, make_executor, tmp_path):
    lost = make("lost", "no_such_function", number=1)
    nan = make("nan", "return_what_cannot_be_recorded", number=2)
    leaves = make("leaves", "leave", number=3)
    with make_executor() as executor:
        outcome = run(graph_of(lost, nan, leaves), store, executor)

    assert "small_jobs:no_such_function: cannot be loaded" in outcome.failed[lost.key]
    assert "the facts it returned cannot be recorded: loss: float nan" in outcome.failed[nan.key]
    assert outcome.failed[leaves.key] == "SystemExit: 3"


def test_what_a_failed_job_printed_is_kept(store, tmp_path):
    broken = make("broken", "fail", number=13)
    with Processes(1) as executor:
        run(graph_of(broken), store, executor, options=Options(mended=str(tmp_path / "mended")))

    assert store.failure(broken.key)["output"] == "printed before the failure\n"
    assert "printed" in store.log(broken.key).read_text()


def test_workers_that_cannot_start_end_the_run_in_words(store, tmp_path, monkeypatch):
    (tmp_path / "ctypes.py").write_text("raise ImportError('no such library here')\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    words = r"(?s)a worker process cannot start: .*exit code 1.*no such library here"
    with Processes(1) as executor, pytest.raises(UnavailableError, match=words):
        run(graph_of(make("one", number=1)), store, executor)
    assert list((store.root / "locks").iterdir()) == []


def test_closing_ends_a_job_that_still_runs(store):
    stepping = slow_graph(n_chains=1, n_steps=100)

    def leave(event):
        if event.kind == "progress":
            raise RuntimeError("the display broke")

    with Processes(1) as executor, pytest.raises(RuntimeError, match="the display broke"):
        run(stepping, store, executor, options=Options(step_seconds=0.1), on_event=leave)

    assert list((store.root / "locks").glob("*[0-9a-f]")) == []
    with Processes(1) as executor:
        assert run(slow_graph(n_chains=1, n_steps=100), store, executor).exit_code == 0
