"""Jobs of methods with several supervisors."""

from __future__ import annotations

import pytest

from tests.methods.planning import comparison, planned, problems, student
from w2slab import registry


def inputs(job, prefix):
    """Inputs `prefix0`, `prefix1` and so on, in order."""
    names = sorted((n for n in job.inputs if n.startswith(prefix)), key=lambda n: int(n.removeprefix(prefix)))
    return [job.inputs[name] for name in names]


@pytest.mark.parametrize(
    ("method", "how", "objective"),
    [
        ("supervisor-ensemble", "mean", "cross-entropy"),
        ("supervisor-vote", "vote", "cross-entropy"),
        ("bayesian-supervisors", "mean", "dirichlet-evidence"),
    ],
)
def test_the_student_learns_from_all_copies_and_the_first_is_the_studys_own(method, how, objective):
    of = planned(f"methods=[naive, {{name: {method}, n: 3}}]")
    found = student(of)
    assert registry.name_of(found.spec.objective) == objective
    labels = found.inputs["labels"]
    assert (labels.kind, labels.spec.how) == ("combine", how)
    own, *copies = inputs(labels, "member_")
    assert own is comparison(of, method="naive").supervisor
    assert own is comparison(of).supervisor  # held against the same one as all methods are
    assert len(copies) == 2
    seeds = [job.spec.seed for job in (own, *copies)]
    assert len(set(seeds)) == 3
    for copy in copies:
        assert (copy.spec.train_split, copy.spec.labels) == ("supervisor_train", "true")
        assert copy.inputs["weights"].kind == "bootstrap"
        assert copy.inputs["weights"].spec.split == "supervisor_train"
    assert len({copy.inputs["weights"] for copy in copies}) == 2


def test_the_lambda_of_the_bayesian_student_reaches_its_objective():
    found = student(planned("methods=[{name: bayesian-supervisors, weight: 0.5}]"))
    assert found.spec.objective.weight == 0.5


def test_copies_on_all_examples_differ_in_their_seed_alone():
    labels = student(planned("methods=[{name: supervisor-vote, n: 3, resampled: false}]")).inputs["labels"]
    first, *others = inputs(labels, "member_")
    for other in others:
        assert other.inputs.keys() == first.inputs.keys()
        assert other.spec.seed != first.spec.seed


def test_methods_share_the_copies_of_one_supervisor():
    of = planned(
        "methods=[supervisor-ensemble, supervisor-vote, bayesian-supervisors, co-supervised, reliability-filter]"
    )
    mean, vote = (student(of, method=f"supervisor-{name}").inputs["labels"] for name in ("ensemble", "vote"))
    assert inputs(mean, "member_") == inputs(vote, "member_")
    assert student(of, method="bayesian-supervisors").inputs["labels"] == mean
    assert student(of, "b", "c", "supervisor-ensemble").inputs["labels"] == mean
    per_weak_model = [job for job in of.graph if job.kind == "finetune" and job.spec.train_split == "supervisor_train"]
    assert len(per_weak_model) == 2 * 5  # two models are weak in some pair


def test_the_rungs_up_to_the_weak_one_are_supervisors_that_the_study_has_anyway():
    of = planned("methods=[naive, {name: supervisor-ensemble, of: rungs}]")
    members = inputs(student(of, "b", "c").inputs["labels"], "member_")
    assert members == [comparison(of, "b", "c", "naive").supervisor, comparison(of, "a", "c", "naive").supervisor]


@pytest.mark.parametrize(
    "method", ["supervisor-ensemble", "supervisor-vote", "reliability-filter", "reliability-weights", "co-supervised"]
)
def test_where_no_rung_lies_below_the_weak_one_the_student_is_the_naive_one(method):
    of = planned(f"methods=[naive, {{name: {method}, of: rungs}}]")
    assert student(of, "a", "c") is student(of, "a", "c", "naive")
    assert student(of, "b", "c") != student(of, "b", "c", "naive")


def test_a_study_in_which_no_pair_has_a_rung_below_is_told_so():
    method = "methods=[{name: supervisor-ensemble, of: rungs}]"
    assert 'no rung stands below "a"' in problems(method, "pairs=[[a, b], [a, c]]")
    assert not problems(method, "pairs=[[b, c]]")
    assert not problems(method)


def test_each_boosted_supervisor_learns_on_the_weights_that_the_one_before_left():
    of = planned("methods=[naive, {name: ensemw2s, n: 3}]")
    labels = student(of).inputs["labels"]
    assert labels.spec.how == "boosted"
    first, second, third = inputs(labels, "member_")
    assert all(member.spec.predict_train_split for member in (first, second, third))
    assert "weights" not in first.inputs
    after_first, after_second = second.inputs["weights"], third.inputs["weights"]
    assert after_first.inputs["member"] == first
    assert "weights" not in after_first.inputs
    assert (after_second.inputs["member"], after_second.inputs["weights"]) == (second, after_first)
    # A member's error is judged by the weights that it learned on.
    assert "weights_0" not in labels.inputs
    assert (labels.inputs["weights_1"], labels.inputs["weights_2"]) == (after_first, after_second)
    # The first differs from the study's own supervisor in what it leaves, not in what it learns.
    own = comparison(of).supervisor
    assert first.spec.seed == own.spec.seed
    assert first.inputs == own.inputs
