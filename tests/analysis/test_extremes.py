"""Students that never differ from their supervisors, and supervisors that are seldom wrong: no false certainty."""

from __future__ import annotations

import fake_study
import numpy as np
import pytest
from scipy import stats

from w2slab.analysis import collect
from w2slab.analysis.tables.over_tasks_table import OnTask, over_tasks_rows
from w2slab.data.artifacts import read_predictions, write_predictions
from w2slab.data.labels import Labels
from w2slab.data.task_data import TaskData
from w2slab.stats.resampling import Estimate

N_TEST = 400
UNSEEN = 1 - 0.025 ** (1 / N_TEST)


def copied(tmp_path, n_errors, seeds):
    """Supervisors are wrong on the first examples, students choose as they do, ceilings are always right."""
    store, graph = fake_study.FakeStore(tmp_path), fake_study.Graph()
    task = fake_study.text_task(N_TEST, np.random.default_rng(1))
    methods = {"naive": 0.5, "other": 0.6}
    simulation = fake_study.Simulation(store, task, {"tiny": 0.6, "medium": 0.9}, methods, curves=False)
    plan = fake_study.FakePlan(graph, simulation.plan(list(seeds), graph))
    for comparison in plan.comparisons:
        right = np.array([each[0] for each in TaskData.made_by(comparison.data, store.folder).truth("test").right])
        wrong = np.where(np.arange(N_TEST) < n_errors, 1 - right, right)
        for job, chosen in ((comparison.supervisor, wrong), (comparison.student, wrong), (comparison.ceiling, right)):
            folder = store.folder(job.key)
            said = read_predictions(folder, "test")
            probs = (0.1 + 0.8 * np.eye(2))[chosen].astype(np.float32)
            write_predictions(folder, "test", Labels(said.positions, probs, said.n_candidates))
    return collect(plan, store, resamples=500)


# "only examples of the whole can show anything of the part": of 8 errors, not of 400 examples
@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2)])
def test_a_share_of_few_errors_has_the_exact_interval_of_those(tmp_path, seeds):
    results = copied(tmp_path, 8, seeds)
    exact = stats.binomtest(0, 8).proportion_ci(method="exact").high
    row, fates = results.summary[0], results["anatomy"][0]
    assert [row[f"agreement_wrong{end}"] for end in ("", "_low", "_high")] == pytest.approx([1, 1 - exact, 1])
    assert [fates[f"corrected_of_reachable{end}"] for end in ("", "_low", "_high")] == pytest.approx([0, 0, exact])


@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2)])
def test_a_student_that_copies_its_supervisor_has_an_interval_of_pgr(tmp_path, seeds):
    results = copied(tmp_path, 100, seeds)
    for row in (results.summary[0], results["over_tasks"][0]):
        assert [row[f"pgr{end}"] for end in ("", "_low", "_high")] == pytest.approx([0, -4 * UNSEEN, 4 * UNSEEN])
    assert np.isnan([results.summary[0]["pgr_fieller_low"], results.summary[0]["pgr_bca_low"]]).all()
    (row,) = results.differences
    assert (row["test"] == "exact McNemar") == (len(seeds) == 1)
    assert (row["p"], row["verdict"]) == (1.0, "not significant")
    assert (row["accuracy_difference_low"], row["accuracy_difference_high"]) == pytest.approx((-UNSEEN, UNSEEN))
    assert (row["pgr_difference_low"], row["pgr_difference_high"]) == pytest.approx((-4 * UNSEEN, 4 * UNSEEN))
    assert stats.binom.sf(5, N_TEST, row["detectable_accuracy"]) == pytest.approx(0.8)


def on_task(draws):
    """A task whose PGR has these draws."""
    row = {"weak": "a", "strong": "b", "method": "m", "n_groups": 100, "level": 0.95}
    row |= {"weak_parameters": None, "strong_parameters": None}
    row |= {"supervisor_accuracy": 0.5, "student_accuracy": 0.6, "ceiling_accuracy": 0.7}
    row |= {"pgr_reason": None}
    return OnTask(row, Estimate(0.5, 0.4, 0.6), np.array(draws), np.tile([[0.5], [0.6], [0.7]], (1, len(draws))))


# "A resample without a gap" is beyond any number, and so is a median of such
def test_a_median_over_tasks_that_is_beyond_any_number_is_infinite():
    beyond, near = [0.5] * 90 + [np.inf] * 10, [0.5] * 100
    (row,) = over_tasks_rows([on_task(beyond), on_task(near)], level=0.95, min_gap=0.01)
    assert (row["pgr"], row["pgr_low"], row["pgr_high"]) == (0.5, 0.5, np.inf)
    (row,) = over_tasks_rows([on_task(beyond), on_task(near), on_task(near)], level=0.95, min_gap=0.01)
    assert (row["pgr_low"], row["pgr_high"]) == (0.5, 0.5)
