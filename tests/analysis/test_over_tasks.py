"""Numbers over tasks against a plain bootstrap: tasks drawn apart, roles together."""

from __future__ import annotations

import dataclasses

import fake_study
import numpy as np
import pytest

from w2slab.analysis import collect
from w2slab.data.artifacts import read_predictions
from w2slab.data.task_data import TaskData
from w2slab.graph.job import Graph

ACCURACIES = ({"tiny": 0.55, "medium": 0.80}, {"tiny": 0.62, "medium": 0.84}, {"tiny": 0.60, "medium": 0.72})


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    """Three tasks of one pair and one seed, and right or wrong of their three roles, bool [3, N]."""
    graph, comparisons, right = Graph(), [], []
    store = fake_study.FakeStore(tmp_path_factory.mktemp("tasks"))
    for number, accuracies in enumerate(ACCURACIES):
        task = fake_study.text_task(400, np.random.default_rng([3, number]))
        task = dataclasses.replace(task, name=f"task-{number}")
        simulation = fake_study.Simulation(store, task, accuracies, {"naive": 0.5}, curves=False)
        (comparison,) = simulation.plan([number], graph)
        comparisons.append(comparison)
        truth = TaskData.made_by(comparison.data, store.folder).truth("test")
        jobs = (comparison.supervisor, comparison.student, comparison.ceiling)
        said = [read_predictions(store.folder(job.key), "test") for job in jobs]
        right.append(np.array([truth.is_right(each.choices) for each in said]))
    return collect(fake_study.FakePlan(graph, comparisons), store, resamples=4000), right


def pgr(roles):
    supervisor, student, ceiling = roles
    return (student - supervisor) / (ceiling - supervisor)


# "the median of per-task PGRs"; "PGR of the medians beside it", each with an interval
def test_both_numbers_and_their_intervals_are_those_of_a_plain_bootstrap(tasks):
    results, right = tasks
    (row,) = results["over_tasks"]
    accuracies = [each.mean(axis=1) for each in right]
    assert row["pgr"] == pytest.approx(np.median([pgr(each) for each in accuracies]))
    assert row["pgr_of_medians"] == pytest.approx(pgr(np.median(accuracies, axis=0)))
    rng, of_pgrs, of_medians = np.random.default_rng(0), [], []
    for _ in range(4000):
        drawn = [each[:, rng.integers(0, 400, size=400)].mean(axis=1) for each in right]
        of_pgrs.append(np.median([pgr(each) for each in drawn]))
        of_medians.append(pgr(np.median(drawn, axis=0)))
    for name, plain in (("pgr", of_pgrs), ("pgr_of_medians", of_medians)):
        expected = np.quantile(plain, [0.025, 0.975])
        assert (row[f"{name}_low"], row[f"{name}_high"]) == pytest.approx(tuple(expected), abs=0.035)
