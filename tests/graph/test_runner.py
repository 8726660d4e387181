from __future__ import annotations

import signal
import threading

import pytest
from small_jobs import Options, Story, graph_of, make, slow_graph

from w2slab.errors import StudyError
from w2slab.graph.executors import Inline, Processes
from w2slab.graph.runner import run


def test_events_tell_the_story_and_how_much_is_left(store):
    story, events = Story(), []
    run(story.graph, store, Inline(), targets=[story.supervisor])

    run(story.graph, store, Inline(), on_event=events.append)

    assert [(event.kind, event.job.title, event.n_left) for event in events] == [
        ("cached", "supervisor", 2),
        ("started", "student", 2),
        ("finished", "student", 1),
        ("started", "report", 1),
        ("finished", "report", 0),
    ]


def test_progress_comes_while_a_job_runs(store):
    events = []
    with Processes(1) as executor:
        run(
            graph_of(make("slow", "slow", number=1, n_steps=30)),
            store,
            executor,
            options=Options(step_seconds=0.02),
            on_event=events.append,
        )
    shares = [event.share for event in events if event.kind == "progress"]

    assert shares == sorted(shares)
    assert 2 <= len(shares) < 20  # throttled
    assert events[-1].kind == "finished"
    assert events[-1].seconds > 0.5


def test_jobs_on_the_longest_way_come_first(store):
    aside = [make(f"aside {i}", number=i) for i in range(3)]
    graph = graph_of(*aside, make("report", number=30, student=make("student", number=20, labels=make("s", number=10))))

    outcome = run(graph, store, Inline())

    titles = [graph[key].title for key in outcome.done]
    assert titles == ["s", "student", "aside 0", "aside 1", "aside 2", "report"]


def test_options_that_are_not_plain_are_refused_before_anything_runs(store):
    with pytest.raises(StudyError, match="object"):
        run(Story().graph, store, Inline(), options=Options(side=object()))
    assert not store.root.exists()


def test_a_job_inline_is_interrupted_in_order(store):
    before = signal.getsignal(signal.SIGINT)

    def interrupt(event):
        if event.kind == "started":
            signal.raise_signal(signal.SIGINT)

    outcome = run(slow_graph(), store, Inline(), on_event=interrupt)

    assert outcome.exit_code == 130
    assert len(outcome.stopped) == 7
    assert signal.getsignal(signal.SIGINT) is before


def test_a_run_works_in_a_thread_that_may_not_answer_signals(store):
    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.append(run(Story().graph, store, Inline())))
    thread.start()
    thread.join(10)

    assert [outcome.exit_code for outcome in outcomes] == [0]


def test_a_job_that_keeps_failing_starts_afresh_in_the_end(store, tmp_path):
    job = make("spoiled", "slow", number=1, n_steps=5)
    store.open()
    store.work(job.key).mkdir()
    (store.work(job.key) / "place.json").write_text("not JSON")

    codes = [run(graph_of(job), store, Inline()).exit_code for _ in range(3)]

    assert codes == [1, 1, 0]
