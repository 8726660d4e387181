"""Jobs of methods that repair weak labels with something beside them."""

from __future__ import annotations

import pytest

from tests.methods.planning import comparison, planned, problems, student
from w2slab import registry
from w2slab.relabelings.co_supervised import CoSupervised
from w2slab.relabelings.reliability import ReliabilityFilter, ReliabilityWeights
from w2slab.relabelings.student_labels import EarlyLearningRelabel
from w2slab.relabelings.trust import TrustFunction


def others(job):
    """Inputs `other_0`, `other_1` and so on of a relabeling."""
    return [job.inputs[f"other_{i}"] for i in range(sum(name.startswith("other_") for name in job.inputs))]


@pytest.mark.parametrize("method", ["reliability-filter", "reliability-weights"])
def test_reliability_is_judged_by_copies_of_the_supervisor(method):
    of = planned(f"methods=[naive, supervisor-vote, {{name: {method}, n: 5}}]")
    labels = student(of).inputs["labels"]
    assert registry.name_of(labels.spec.relabeling) == method
    assert labels.inputs["labels"] is comparison(of).supervisor
    vote = student(of, method="supervisor-vote").inputs["labels"]
    assert others(labels) == [vote.inputs[f"member_{i}"] for i in range(1, 5)]


def test_fields_go_to_the_relabeling():
    def relabeling(method):
        return student(planned(f"methods=[{method}]")).inputs["labels"].spec.relabeling

    assert relabeling("{name: reliability-filter, quantile: 0.3, n: 3}") == ReliabilityFilter(quantile=0.3)
    assert relabeling("{name: reliability-weights, temperature: 1.0}") == ReliabilityWeights(temperature=1.0)
    assert relabeling("{name: co-supervised, by: agreement}") == CoSupervised(by="agreement", reject=0.1)
    assert relabeling("{name: early-learning-relabel, weight: 0.3}") == EarlyLearningRelabel(weight=0.3, momentum=0.7)
    assert relabeling("{name: trust-function, keep: 0.4, n_trusted: 20}") == TrustFunction(keep=0.4)


# "student on the mean labels, then assign ..., a fresh student, ..."
def test_co_supervised_rounds_begin_with_the_student_of_the_mean():
    of = planned("methods=[naive, supervisor-ensemble, {name: co-supervised, n_rounds: 2}]")
    last = student(of)
    second = last.inputs["labels"]
    first = others(second)[-1].inputs["labels"]
    assert others(first)[-1] is student(of, method="supervisor-ensemble")
    assert others(first)[:-1] == others(second)[:-1]
    assert len(others(first)[:-1]) == 4
    assert first.inputs["labels"] is second.inputs["labels"] is comparison(of).supervisor


def test_early_students_learn_the_weak_labels_for_fewer_epochs():
    of = planned("methods=[naive, {name: early-learning-relabel, epochs: [1, 2]}]")
    changed = student(of).inputs["labels"]
    naive = student(of, method="naive")
    early = others(changed)
    assert [each.spec.recipe.epochs for each in early] == [1, 2]
    assert all(each.inputs == naive.inputs for each in early)
    assert student(of).spec == naive.spec


def test_epochs_that_are_not_early_are_refused():
    assert "epochs: 3 is not fewer than recipe.epochs, 3" in problems(
        "methods=[{name: early-learning-relabel, epochs: [3]}]"
    )
    assert "must rise" in problems("methods=[{name: early-learning-relabel, epochs: [2, 1]}]")
    assert "must rise" in problems("methods=[{name: early-learning-relabel, epochs: [1, 1]}]")
    of_heads = problems("methods=[{name: early-learning-relabel, epochs: [20]}]", "tuning=head")
    assert "epochs: 20 is not fewer than tuning.recipe.epochs, 20" in of_heads


def test_trust_is_learned_from_a_few_true_labels_and_features_of_the_student():
    of = planned("methods=[naive, {name: trust-function, n_trusted: 20}]")
    changed = student(of).inputs["labels"]
    assert changed.spec.n_trusted == 20
    assert changed.inputs["features"].spec.model == student(of).spec.model
    assert changed.inputs["labels"] is comparison(of).supervisor
    assert comparison(of).uses_truth
    assert not comparison(of, method="naive").uses_truth


def test_more_true_labels_than_examples_are_refused():
    assert "n_trusted: 201 is more than splits.student_train, 200" in problems(
        "methods=[{name: trust-function, n_trusted: 201}]"
    )
