"""All kinds of structure in one small study that really runs, finetuned and with heads alone."""

from __future__ import annotations

import numpy as np
import pytest

from tests.methods.planning import planned, student, study
from w2slab.analysis import collect
from w2slab.data.artifacts import read_predictions, read_weights
from w2slab.data.task_data import TaskData
from w2slab.experiment import run as api
from w2slab.experiment.plan import plan
from w2slab.graph.store import Store

METHODS = """methods=[
  naive,
  {name: supervisor-ensemble, n: 3}, {name: supervisor-vote, n: 3}, {name: bayesian-supervisors, n: 3},
  {name: supervisor-ensemble, of: rungs, called: rungs},
  {name: ensemw2s, n: 3}, {name: bagged-students, n: 2}, strong-to-strong, {name: convex-combination, n_heads: 3},
  weight-average, {name: weight-decay, weight_decay: 5.0}, dropout,
  {name: reliability-filter, n: 3}, {name: reliability-weights, n: 3},
  {name: co-supervised, n: 3, n_rounds: 1}, early-learning-relabel, trust-function,
  {name: composed, relabelings: [{name: confidence-filter, keep: 0.6}, hard-labels], objective: reverse-kl}
]"""
SETTINGS = (METHODS, "pairs=[[b, c]]", "recipe.epochs=2", "splits.reserve=0")


def finished(folder, *settings):
    """The study run in this process: its plan, its store."""
    asked = study(*settings)
    outcome = api.run(asked, folder / "store", executor="inline").outcome
    assert not outcome.failed
    return plan(asked), Store(folder / "store")


@pytest.fixture(scope="module")
def finetuned(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("finetuned"), *SETTINGS)


@pytest.fixture(scope="module")
def heads(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("heads"), *SETTINGS, "tuning={recipe: {epochs: 2, curve_points: 0}}")


def predictions(store, job, split="test"):
    return read_predictions(store.folder(job.key), split).probs


@pytest.fixture(params=["finetuned", "heads"])
def done(request):
    return request.getfixturevalue(request.param)


def test_every_method_is_judged(done):
    of, store = done
    rows = collect(of, store, resamples=100).summary
    assert [row["method"] for row in rows] == [c.method for c in of.comparisons]
    assert all(0.3 < row["student_accuracy"] <= 1 for row in rows)


def test_all_students_but_none_twice_the_same(done):
    of, store = done
    tests = {c.method: predictions(store, c.student).tobytes() for c in of.comparisons}
    assert len(set(tests.values())) == len(tests)


def test_the_bagged_student_is_the_mean_of_its_members(done):
    of, store = done
    found = student(of, method="bagged-students")
    members = [predictions(store, found.inputs[f"member_{i}"]) for i in range(2)]
    assert (members[0] != members[1]).any()
    np.testing.assert_allclose(predictions(store, found), (members[0] + members[1]) / 2, atol=1e-6)


def test_the_vote_counts_choices_on_the_examples_that_are_learned(done):
    of, store = done
    labels = student(of, method="supervisor-vote").inputs["labels"]
    choices = [predictions(store, labels.inputs[f"member_{i}"], "student_train").argmax(axis=1) for i in range(3)]
    np.testing.assert_allclose(predictions(store, labels, "student_train")[:, 1], np.mean(choices, axis=0), atol=1e-6)


# What AdaBoost promises: under the weights that a member leaves, it is itself as good as chance.
def test_after_each_boosted_member_its_errors_weigh_half(done):
    of, store = done
    labels = student(of, method="ensemw2s").inputs["labels"]
    for i in (1, 2):
        weights, member = labels.inputs[f"weights_{i}"], labels.inputs[f"member_{i - 1}"]
        truth = TaskData.made_by(of.comparisons[0].data, store.folder).truth("supervisor_train")
        choices = predictions(store, member, "supervisor_train").argmax(axis=1)
        found = read_weights(store.folder(weights.key), "supervisor_train").values
        assert np.average(~truth.is_right(choices), weights=found) == pytest.approx(0.5, abs=1e-5)


def test_a_first_boosted_member_predicts_as_the_studys_own_supervisor(done):
    of, store = done
    first = student(of, method="ensemw2s").inputs["labels"].inputs["member_0"]
    own = of.comparisons[0].supervisor
    np.testing.assert_allclose(predictions(store, first), predictions(store, own), atol=1e-6)


def test_trust_has_as_many_true_labels_as_were_asked_for(done):
    of, store = done
    facts = store.record(student(of, method="trust-function").inputs["labels"].key)["facts"]
    assert facts["n_left_out"] == 100  # half of 200 are kept


# A head alone: where all of the network is its head, LP-FT is naive.
def test_lp_ft_of_a_model_that_is_nothing_but_a_head_is_naive(tmp_path):
    of, store = finished(tmp_path, "methods=[naive, lp-ft]", "pairs=[[b, c]]", "recipe.epochs=1")
    np.testing.assert_array_equal(
        predictions(store, student(of, method="lp-ft")), predictions(store, student(of, method="naive"))
    )


def test_the_plan_of_the_study_holds_every_job_once():
    of = planned(*SETTINGS)
    assert len({job.key for job in of.graph}) == len(of.graph) < 70
