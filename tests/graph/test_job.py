from __future__ import annotations

from small_jobs import Story, make

from w2slab.graph.job import Graph


def test_a_graph_holds_each_job_once_and_after_its_inputs():
    story = Story()
    graph = Graph()
    graph.add(story.report)
    graph.add(story.student)

    assert list(graph) == [story.supervisor, story.student, story.report]


def test_only_wanted_jobs_are_wanted_and_all_of_them_when_none_was_named():
    story = Story()
    graph = Graph()
    graph.add(story.report)
    assert graph.wanted == [story.supervisor, story.student, story.report]

    graph.add(story.student, wanted=True)
    assert graph.wanted == [story.student]


def test_inputs_are_placed_in_the_order_in_which_they_are_named():
    first, second = make("first", number=1), make("second", number=2)
    graph = Graph()
    graph.add(make("reader", number=3, b=second, a=first))

    assert [job.title for job in graph] == ["second", "first", "reader"]


def test_a_chain_of_thousands_of_jobs_is_no_mistake():
    job = make("0", number=0)
    for i in range(1, 3000):
        job = make(str(i), number=i, before=job)
    graph = Graph()
    graph.add(job)

    assert [each.spec.number for each in graph] == list(range(3000))
