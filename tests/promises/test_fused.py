"""Promises 6 and 8 to 10 for jobs that one call does together: each is still a job of its own."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import time
from collections import Counter
from dataclasses import replace

import pytest
from small_jobs import Options, graph_of, make, together_graph

from w2slab.graph.executors import Inline, Processes
from w2slab.graph.job import Graph
from w2slab.graph.runner import MOST_TOGETHER, run
from w2slab.graph.store import Store

TIMES = {"started", "ended", "seconds", "cpu_seconds", "peak_memory_bytes", "made_with", "options"}


def with_two_workers():
    return Processes(2)


def of_kind(graph, kind):
    return [job for job in graph if job.kind == kind]


def companies(store, jobs):
    """How many jobs were made in a company of each size."""
    return Counter(store.record(job.key)["made_with"] for job in jobs)


def lines(path, verb):
    """The numbers that the side file says of a verb, line by line."""
    found = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
    return [[int(word) for word in words[1:]] for words in found if words[0] == verb]


def wait_for(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.005)


def apart(graph):
    """The same jobs, each to be done alone."""
    plain = {}
    for job in graph:
        inputs = {name: plain[each.key] for name, each in job.inputs.items()}
        plain[job.key] = replace(job, fused="", batch="", inputs=inputs)
    whole = Graph()
    for job in graph.wanted:
        whole.add(plain[job.key], wanted=True)
    return whole


@pytest.fixture
def undisturbed(tmp_path):
    """A store in which each job of `together_graph()` was done alone."""
    found = Store(tmp_path / "undisturbed")
    run(apart(together_graph()), found, Inline())
    return found


# Each remains its own job: result, record, key.
@pytest.mark.parametrize("make_executor", [Inline, with_two_workers], ids=["Inline", "Processes"])
def test_a_hundred_fused_jobs_give_the_results_and_records_of_jobs_done_alone(
    store, tmp_path, result_bytes, make_executor
):
    graph, plain = together_graph(100, n_batches=1), Store(tmp_path / "plain")
    events = []
    with make_executor() as executor:
        assert run(graph, store, executor, on_event=events.append).exit_code == 0
        n_at_once = executor.capacity()
    run(apart(graph), plain, Inline())
    heads = of_kind(graph, "doubtful")

    assert result_bytes(store.root) == result_bytes(plain.root)
    for job in graph:
        one, other = ({k: v for k, v in each.record(job.key).items() if k not in TIMES} for each in (store, plain))
        one["facts"].pop("process", None)
        assert one == other
    assert companies(store, heads) == {100 // n_at_once: 100}  # an even share for each worker
    assert len({store.record(job.key)["facts"]["process"] for job in heads}) == n_at_once
    counts = Counter((event.kind, event.job.kind) for event in events)
    assert counts["started", "doubtful"] == counts["finished", "doubtful"] == 100
    assert 0 < counts["progress", "doubtful"] <= 100
    assert {name: list((store.root / name).iterdir()) for name in ("tmp", "work", "logs", "locks")} == {
        "tmp": [],
        "work": [],
        "logs": [],
        "locks": [],
    }


def test_times_of_a_record_are_an_equal_share_of_the_call(store):
    graph = together_graph(10, n_batches=1)
    run(graph, store, Inline(), options=Options(step_seconds=0.02))
    seconds = {store.record(job.key)["seconds"] for job in of_kind(graph, "doubtful")}

    assert len(seconds) == 1
    assert 0.02 <= seconds.pop() < 0.1


def test_only_jobs_of_one_function_and_batch_go_together(store, tmp_path):
    graph = together_graph(12, n_batches=3)
    run(graph, store, Inline(), options=Options(side=str(tmp_path / "side.txt")))

    assert lines(tmp_path / "side.txt", "together") == [[0, 3, 6, 9], [1, 4, 7, 10], [2, 5, 8, 11]]


def test_a_company_has_its_limit(store):
    graph = together_graph(MOST_TOGETHER + 4, n_batches=1)
    run(graph, store, Inline())

    assert companies(store, of_kind(graph, "doubtful")) == {MOST_TOGETHER: MOST_TOGETHER, 4: 4}


# 8. What is there is not made again, in company neither.
def test_a_cached_job_is_not_in_the_company(store, tmp_path):
    graph, side = together_graph(10, n_batches=1), tmp_path / "side.txt"
    run(graph, store, Inline(), targets=of_kind(graph, "doubtful")[:4])
    outcome = run(graph, store, Inline(), options=Options(side=str(side)))

    assert lines(side, "together") == [[4, 5, 6, 7, 8, 9]]
    assert len(outcome.done) == 7


# 8. "A failure stops its descendants only", whichever way it comes about.
@pytest.mark.parametrize(
    ("how", "make_executor"),
    [
        ("return", Inline),
        ("raise", Inline),
        ("return", with_two_workers),
        ("raise", with_two_workers),
        ("memory", with_two_workers),
        ("exit", with_two_workers),
    ],
)
def test_a_poisoned_job_fails_alone(store, how, make_executor):
    graph = together_graph(20, n_batches=1)
    poisoned, *others = sorted(of_kind(graph, "doubtful"), key=lambda job: job.spec.number != 13)
    events = []
    with make_executor() as executor:
        options = Options(poison=(13, how, True))
        outcome = run(graph, store, executor, options=options, on_event=events.append)
        n_at_once = executor.capacity()

    assert list(outcome.failed) == [poisoned.key]
    assert list(outcome.skipped.values()) == [poisoned.key]
    assert ("exit code 9" if how == "exit" else "bad luck") in outcome.failed[poisoned.key]
    assert store.failure(poisoned.key)["n_failures"] == 1
    assert all(store.verify(job) for job in others)
    assert not store.has(poisoned.key)
    store.open()  # removes what a dead process left
    assert list((store.root / "tmp").iterdir()) == []
    tried_alone = 0 if how == "return" else 20 // n_at_once - 1
    assert companies(store, others)[1] == tried_alone
    retried = [event for event in events if event.kind == "retried"]
    assert len(retried) == (tried_alone + 1 if tried_alone else 0)
    assert all(event.message for event in retried)


@pytest.mark.parametrize("how", ["raise", "exit"])
def test_what_fails_only_in_company_does_not_fail(store, how, result_bytes, undisturbed):
    with Processes(2) as executor:
        outcome = run(together_graph(), store, executor, options=Options(poison=(13, how, False)))

    assert outcome.exit_code == 0
    assert result_bytes(store.root) == result_bytes(undisturbed.root)


@pytest.mark.parametrize("fused", ["small_jobs:too_few", "small_jobs:no_such_function"])
def test_a_fused_function_that_does_not_work_costs_time_only(store, fused):
    graph, events = together_graph(8, n_batches=1, fused=fused), []
    assert run(graph, store, Inline(), on_event=events.append).exit_code == 0

    [reason] = {event.message for event in events if event.kind == "retried"}
    assert reason.startswith(f"{fused}: ")
    assert companies(store, of_kind(graph, "doubtful")) == {1: 8}


def test_what_a_company_printed_is_kept_for_each_that_failed(store):
    graph = together_graph(10, n_batches=1)
    with Processes(1) as executor:
        outcome = run(graph, store, executor, options=Options(poison=(7, "return", True)))

    [failed] = outcome.failed
    assert store.failure(failed)["output"] == "10 together\n"
    assert "JobError: bad luck" in store.failure(failed)["traceback"]


# A job begins as soon as its own inputs are there.
def test_descendants_do_not_wait_for_other_companies(store):
    quick, slow = together_graph(6, n_batches=1), together_graph(6, n_batches=1, first=100)
    slow_heads = [replace(job, fused="small_jobs:together_slowly") for job in of_kind(slow, "doubtful")]
    slow_end = make("slow end", number=5000, **{f"head_{i}": job for i, job in enumerate(slow_heads)})
    finished = []

    def note(event):
        if event.kind == "finished":
            finished.append(event.job)

    with Processes(2) as executor:
        run(graph_of(slow_end, *quick.wanted), store, executor, on_event=note)

    assert finished.index(quick.wanted[0]) < min(map(finished.index, slow_heads))


# 10. "Killed at any moment and started again, a study ends with the same bytes as one that was never killed."
def test_kills_in_the_middle_of_a_company_change_no_byte(store, tmp_path, start_run, result_bytes, undisturbed):
    moments = random.Random(5)
    side = tmp_path / "side.txt"
    for _ in range(6):
        n_before = len(lines(side, "together"))
        process = start_run(store.root, step_seconds=0.02, n_steps="together")
        wait_for(lambda n=n_before: len(lines(side, "together")) > n)
        time.sleep(moments.uniform(0.0, 0.25))  # a company of five takes 0.1
        assert process.poll() is None
        process.kill()
        process.wait()
        assert all(store.verify(job) for job in together_graph() if store.has(job.key))
        assert not (store.root / "damaged").exists()
    last = start_run(store.root, step_seconds=0.0, n_steps="together")

    assert last.wait(30) == 0, last.stderr.read()
    assert result_bytes(store.root) == result_bytes(undisturbed.root)
    leftovers = {name: list((store.root / name).iterdir()) for name in ("tmp", "work", "logs", "failures")}
    assert leftovers == {"tmp": [], "work": [], "logs": [], "failures": []}


# 10. What was published before the kill stays.
def test_a_kill_loses_only_what_was_not_published(store, tmp_path, start_run):
    process = start_run(store.root, step_seconds=0.03, n_steps="together")
    heads = of_kind(together_graph(), "doubtful")
    wait_for(lambda: any(map(store.has, (job.key for job in heads))))
    process.kill()
    process.wait()
    there = [job.spec.number for job in heads if store.has(job.key)]
    side = tmp_path / "after.txt"
    run(together_graph(), store, Inline(), options=Options(side=str(side)))

    begun = [number for company in lines(side, "together") for number in company]
    assert there
    assert not set(begun) & set(there)
    assert sorted(n for [n] in lines(side, "ran") if n < 60) == sorted({job.spec.number for job in heads} - set(there))


# 9. "Two runs over one store help each other: neither does the other's job twice"
def test_two_runs_at_once_share_the_work(store, tmp_path, start_run, result_bytes, undisturbed):
    sides = [tmp_path / f"{name}.txt" for name in "ab"]
    runs = [start_run(store.root, step_seconds=0.05, n_steps="together", side=side.name) for side in sides]
    assert [each.wait(60) for each in runs] == [0, 0], [each.stderr.read() for each in runs]
    ran = [[number for [number] in lines(side, "ran")] for side in sides]

    assert sorted(ran[0] + ran[1]) == sorted(job.spec.number for job in together_graph())
    assert all(lines(side, "together") for side in sides)
    assert result_bytes(store.root) == result_bytes(undisturbed.root)


# 9. "neither waits on a dead one", also when it had more in hand than this one could lock at once
def test_a_killed_runs_company_is_taken_over(store, tmp_path, start_run, few_descriptors):
    side = tmp_path / "first.txt"
    first = start_run(store.root, step_seconds=0.5, n_steps="together", side=side.name)
    wait_for(lambda: len(lines(side, "together")) == 2)  # at work on five jobs each

    def kill(event):
        if event.kind == "waiting":
            first.kill()

    with few_descriptors(24):
        outcome = run(together_graph(), store, Inline(), on_event=kill)

    assert outcome.exit_code == 0
    assert all(store.verify(job) for job in together_graph())
    in_hand = [number for company in lines(side, "together") for number in company]
    assert len(in_hand) == 10
    done = {together_graph()[key].spec.number for key in outcome.done}
    assert set(in_hand) <= done


# 9. A job that another run is at, or has done, is left out of the company.
def test_what_another_run_does_meanwhile_is_left_out(store, tmp_path, undisturbed):
    graph, side = together_graph(), tmp_path / "side.txt"
    done, held = of_kind(graph, "doubtful")[0:12:6]
    store.open()
    lock = store.lock(held.key)  # as another run that is at it

    def help(event):
        if event.kind == "finished" and event.job.title == "root":  # done elsewhere once our run has begun
            target = store.folder(done.key)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(undisturbed.folder(done.key), target)
        if event.kind == "finished" and event.job.title.startswith("end"):
            lock.release()

    outcome = run(graph, store, Inline(), options=Options(side=str(side)), on_event=help)

    together = lines(side, "together")
    assert outcome.exit_code == 0
    assert outcome.cached == [done.key]
    assert not any(done.spec.number in company or held.spec.number in company for company in together)
    assert lines(side, "ran").count([held.spec.number]) == 1


@pytest.fixture
def few_descriptors():
    """Allows this process, and those that it starts, so many files more than are open now."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)

    class Few:
        def __init__(self, n_more):
            self.limit = max(map(int, os.listdir("/proc/self/fd"))) + n_more

        def __enter__(self):
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.limit, before[1]))
            return self.limit

        def __exit__(self, *_):
            resource.setrlimit(resource.RLIMIT_NOFILE, before)

    yield Few
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("make_executor", [Inline, with_two_workers], ids=["Inline", "Processes"])
def test_few_file_descriptors_make_small_companies(store, few_descriptors, make_executor):
    graph = together_graph(150, n_batches=1)
    with few_descriptors(40) as limit, make_executor() as executor:
        outcome = run(graph, store, executor)

    assert outcome.exit_code == 0
    assert 1 < max(companies(store, of_kind(graph, "doubtful"))) <= limit // 3


# Exit codes: "75 stopped on purpose after a checkpoint; 130 interrupted": `Stopped` stops them all.
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 75)], ids=["SIGINT", "SIGTERM"])
def test_a_signal_stops_companies_and_leaves_the_rest_to_the_next_run(
    store, start_run, tmp_path, number, code, result_bytes, undisturbed
):
    process = start_run(store.root, step_seconds=0.1, n_steps="together")
    wait_for(lambda: len(lines(tmp_path / "side.txt", "together")) >= 3)
    process.send_signal(number)

    assert process.wait(5) == code, process.stderr.read()
    assert list((store.root / "tmp").iterdir()) == []
    assert list((store.root / "failures").iterdir()) == []
    n_done = sum(store.has(job.key) for job in together_graph())
    assert 0 < n_done < len(together_graph())
    outcome = run(together_graph(), store, Inline())
    assert len(outcome.done) + n_done == len(together_graph())
    assert result_bytes(store.root) == result_bytes(undisturbed.root)


def test_a_company_inline_is_interrupted_in_order(store):
    def interrupt(event):
        if event.kind == "started" and event.job.title == "head 0":
            signal.raise_signal(signal.SIGINT)

    outcome = run(together_graph(), store, Inline(), on_event=interrupt)

    assert outcome.exit_code == 130
    assert len(outcome.stopped) == 66
    assert list((store.root / "locks").iterdir()) == []
    assert run(together_graph(), store, Inline()).exit_code == 0
