from __future__ import annotations

import shutil
from dataclasses import dataclass, replace

from small_jobs import NumberSpec, Story, graph_of, make

from w2slab.graph.executors import Inline
from w2slab.graph.fingerprint import LocalFile
from w2slab.graph.job import Job
from w2slab.graph.runner import run
from w2slab.graph.why import Difference, compare, explain, grouped


def only(causes):
    [cause] = causes
    return cause


def texts(cause):
    return [each.text() for each in cause.differences]


def test_a_result_that_is_there_needs_no_explanation(store):
    run(Story().graph, store, Inline())
    assert explain([Story().report], store) == []


def test_nothing_of_the_kind_is_stored(store):
    assert only(explain([Story().report], store)).nearest is None


def test_a_changed_field_is_named_with_both_values(store):
    run(graph_of(make("fit", "slow", number=1, n_steps=5)), store, Inline())
    cause = only(explain([make("fit", "slow", number=1, n_steps=2)], store))

    assert texts(cause) == ["spec.n_steps: stored 5, asked 2"]
    assert cause.nearest == make("fit", "slow", number=1, n_steps=5).key


def test_inputs_are_followed_to_the_first_cause(store):
    run(Story().graph, store, Inline())
    changed = Story(supervisor=make("supervisor", number=2))
    cause = only(explain([changed.report], store))

    assert cause.title == "supervisor"
    assert cause.key == changed.supervisor.key
    assert texts(cause) == ["spec.number: stored 1, asked 2"]


def test_a_cause_is_found_behind_inputs_that_are_stored_themselves(store):
    changed = Story(supervisor=make("supervisor", number=2))
    run(Story().graph, store, Inline())
    run(changed.graph, store, Inline(), targets=[changed.student])

    assert texts(only(explain([changed.report], store))) == ["spec.number: stored 1, asked 2"]


def test_of_several_results_the_one_of_the_same_title_and_then_the_most_alike_is_compared(store):
    stored = [make("seed 0", "slow", number=0, n_steps=9), make("seed 1", "slow", number=1, n_steps=5)]
    run(graph_of(*stored), store, Inline())

    assert only(explain([make("seed 0", "slow", number=0, n_steps=5)], store)).nearest == stored[0].key
    assert only(explain([make("renamed", "slow", number=1, n_steps=6)], store)).nearest == stored[1].key


def test_versions_and_inputs_that_come_and_go_are_causes(store):
    source = make("source", number=1)
    run(graph_of(make("reader", "slow", number=2, source=source)), store, Inline())
    alone = make("reader", "slow", number=2)

    assert texts(only(explain([replace(alone, version=2)], store))) == [
        "version: stored 1, asked 2",
        f"inputs.source: stored {source.key}, asked absent",
    ]


def test_an_input_that_is_no_longer_stored_is_said_to_be_gone(store):
    run(Story().graph, store, Inline())
    shutil.rmtree(store.folder(Story().supervisor.key))
    changed = Story(supervisor=make("supervisor", number=2))

    cause = only(explain([changed.student], store))
    assert cause.key == changed.student.key
    assert f"{Story().supervisor.key} (no longer stored)" in texts(cause)[0]


def test_a_file_whose_content_changed_is_named_by_its_path(store, tmp_path):
    data = tmp_path / "data.csv"

    def reader():
        return Job("number", 1, "small_jobs:number", NumberSpec(1), files=(LocalFile.of(data),), title="reader")

    data.write_text("one")
    run(graph_of(reader()), store, Inline())
    before = LocalFile.of(data).digest[:12]
    data.write_text("another")

    assert only(explain([reader()], store)).differences == (
        Difference(f"content of {data}", before, LocalFile.of(data).digest[:12]),
    )


@dataclass(frozen=True)
class DeepSpec:
    number: int
    recipe: NumberSpec | None = None
    sizes: tuple[int, ...] = ()


def test_deep_fields_are_named_by_their_path(store):
    def deep(spec):
        return Job("number", 1, "small_jobs:number", spec)

    run(graph_of(deep(DeepSpec(1, NumberSpec(1, 5), (1, 2)))), store, Inline())

    def told(spec):
        return texts(only(explain([deep(spec)], store)))

    assert told(DeepSpec(1, NumberSpec(1, 2), (1, 3, 4))) == [
        "spec.recipe.n_steps: stored 5, asked 2",
        "spec.sizes.1: stored 2, asked 3",
        "spec.sizes.2: stored absent, asked 4",
    ]
    assert told(DeepSpec(1, None, (1, 2))) == ['spec.recipe: stored {"n_steps": 5, "number": 1}, asked null']


def two_students(epochs, weak=1, seeds=(0, 1)):
    ends = []
    for seed in seeds:
        supervisor = make(f"supervisor {seed}", "slow", number=weak, n_steps=seed)
        ends.append(make(f"student {seed}", "slow", number=seed, n_steps=epochs, labels=supervisor))
    return graph_of(*ends)


def test_two_plans_are_compared_job_by_job_and_only_causes_are_named():
    [(differences, causes)] = grouped(compare(two_students(5), two_students(2)))
    assert [each.text(("first", "second")) for each in differences] == ["spec.n_steps: first 5, second 2"]
    assert [cause.title for cause in causes] == ["student 0", "student 1"]

    assert [each.title for each in compare(two_students(5), two_students(5, weak=3))] == [
        "supervisor 0",
        "supervisor 1",
    ]
    assert compare(two_students(5), two_students(5)) == []


def test_a_job_that_the_first_plan_does_not_have_has_no_counterpart():
    causes = compare(two_students(5, seeds=[0]), two_students(5, seeds=[0, 1]))
    assert [(each.title, each.nearest) for each in causes] == [("supervisor 1", None), ("student 1", None)]
