"""Promise 9: two runs over one store."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections import Counter

from small_jobs import Options, Story, graph_of, make, slow_graph

from w2slab.graph.executors import Inline
from w2slab.graph.runner import run
from w2slab.graph.store import Store

N_STEPS = 20


def began_and_ended(path):
    words = [line.split()[:2] for line in path.read_text().splitlines()]
    began = Counter(number for verb, number in words if verb in ("began", "ran"))
    ended = Counter(number for verb, number in words if verb in ("ended", "ran"))
    return began, ended


# 9. "Two runs over the same store help each other: neither does the other's job twice"
def test_two_runs_at_once_do_each_job_once(store, tmp_path, start_run):
    runs = [start_run(store.root, step_seconds=0.02, n_steps=N_STEPS, side=f"{name}.txt") for name in "ab"]
    assert [each.wait(30) for each in runs] == [0, 0], [each.stderr.read() for each in runs]

    (began_a, _), (began_b, _) = began_and_ended(tmp_path / "a.txt"), began_and_ended(tmp_path / "b.txt")
    assert began_a + began_b == Counter(["0", "1", "2", "100", "101", "102", "1000"])
    assert began_a
    assert began_b
    assert all(store.verify(job) for job in slow_graph(n_steps=N_STEPS))


# 9. "neither waits on a dead one"
def test_when_one_of_two_runs_is_killed_the_other_ends_well(store, tmp_path, start_run):
    first = start_run(store.root, step_seconds=0.03, n_steps=N_STEPS, side="first.txt")
    second = start_run(store.root, step_seconds=0.03, n_steps=N_STEPS, side="second.txt")
    deadline = time.monotonic() + 10
    while not all((tmp_path / name).exists() for name in ("first.txt", "second.txt")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.2)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()

    assert second.wait(20) == 0, second.stderr.read()
    assert all(store.verify(job) for job in slow_graph(n_steps=N_STEPS))
    (began_first, _), (began_second, ended_second) = map(
        began_and_ended, (tmp_path / "first.txt", tmp_path / "second.txt")
    )
    assert set(began_second.values()) == {1}
    assert began_second == ended_second
    assert len(began_first & began_second) <= 2  # what the first one's two workers had in hand


# 9. "neither does the other's job twice": a failure of the other is taken as such, too
def test_a_job_that_fails_in_one_run_is_not_tried_by_the_run_that_waits(store, tmp_path):
    broken = make("broken", "fail", number=13)
    graph = graph_of(make("after", number=2, source=broken))
    options = Options(side=str(tmp_path / "side.txt"), mended=str(tmp_path / "mended"))
    store.open()
    held = store.lock(broken.key)  # as another run that is at it
    outcomes = []
    waiting = threading.Event()

    def watch(event):
        if event.kind == "waiting":
            waiting.set()

    thread = threading.Thread(
        target=lambda: outcomes.append(run(graph, store, Inline(), options=options, on_event=watch))
    )
    thread.start()
    assert waiting.wait(10)
    store.write_failure(broken.key, {"message": "no luck there"})
    held.release()
    thread.join(10)

    [outcome] = outcomes
    assert outcome.failed == {broken.key: "no luck there (in another run)"}
    assert not (tmp_path / "side.txt").exists()


# 9. "help each other": what another run makes meanwhile is used as if it had been there
def test_what_another_run_made_meanwhile_is_cached(store, tmp_path):
    story, elsewhere = Story(), Store(tmp_path / "elsewhere")
    run(story.graph, elsewhere, Inline(), targets=[story.supervisor])
    store.open()
    held = store.lock(story.supervisor.key)  # as another run that is at it
    outcomes = []
    waiting = threading.Event()

    def watch(event):
        if event.kind == "waiting":
            waiting.set()

    thread = threading.Thread(target=lambda: outcomes.append(run(story.graph, store, Inline(), on_event=watch)))
    thread.start()
    assert waiting.wait(10)
    shutil.copytree(elsewhere.folder(story.supervisor.key), store.folder(story.supervisor.key))
    held.release()
    thread.join(10)

    [outcome] = outcomes
    assert outcome.cached == [story.supervisor.key]
    assert outcome.done == [story.student.key, story.report.key]
