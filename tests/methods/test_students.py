"""Jobs of methods with several students or several heads, and of those with another recipe."""

from __future__ import annotations

import pytest

from tests.methods.planning import comparison, planned, student
from w2slab.objectives import ReverseKL


def test_bagged_students_learn_on_draws_of_their_own_and_their_mean_is_the_student():
    of = planned("methods=[naive, {name: bagged-students, n: 3}]")
    found = student(of)
    assert (found.kind, found.spec.how) == ("combine", "mean")
    members = [found.inputs[f"member_{i}"] for i in range(3)]
    naive = student(of, method="naive")
    for member in members:
        assert member.inputs["labels"] is naive.inputs["labels"]
        assert member.spec.model == naive.spec.model
        assert member.inputs["weights"].spec.split == "student_train"
    assert len({member.inputs["weights"] for member in members}) == 3
    assert len({member.spec.seed for member in members}) == 3


def test_each_student_of_a_chain_learns_what_the_one_before_says_and_the_first_is_naive():
    of = planned("methods=[naive, {name: strong-to-strong, n: 2}]")
    last = student(of)
    middle = last.inputs["labels"]
    first = middle.inputs["labels"]
    assert first is student(of, method="naive")
    assert last.spec == middle.spec == first.spec


def test_a_shorter_chain_is_part_of_a_longer_one():
    short = student(planned("methods=[strong-to-strong]"))
    assert student(planned("methods=[{name: strong-to-strong, n: 2}]")).inputs["labels"] == short


def test_the_convex_combination_has_many_heads_and_minimises_reverse_kl():
    found = student(planned("methods=[{name: convex-combination, n_heads: 5, epsilon: 0.1}]"))
    assert found.spec.n_heads == 5
    assert found.spec.objective == ReverseKL(epsilon=0.1)


def test_in_a_study_of_heads_it_has_as_many():
    found = student(planned("methods=[convex-combination]", "tuning=head"))
    assert (found.kind, found.spec.head.n_heads) == ("head", 16)


@pytest.mark.parametrize(
    ("method", "changes"),
    [
        ("lp-ft", {"head_first": 0.5}),
        ("weight-average", {"ema_decay": 0.99}),
        ("weight-decay", {"weight_decay": 0.1}),
        ("dropout", {"dropout": 0.2}),
    ],
)
def test_another_recipe_is_the_students_alone(method, changes):
    of = planned(f"methods=[naive, {method}]")
    naive, own = comparison(of, method="naive"), comparison(of)
    assert (own.supervisor, own.ceiling) == (naive.supervisor, naive.ceiling)
    differing = {
        name: value
        for name, value in vars(own.student.spec.recipe).items()
        if vars(naive.student.spec.recipe)[name] != value
    }
    assert differing == changes
    assert own.student.inputs == naive.student.inputs
