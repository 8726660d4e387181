"""Several models as one: means, votes, and AdaBoost against values worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

from tests.small_data import write_data
from w2slab.data.artifacts import read_predictions, read_weights, write_predictions
from w2slab.data.examples import Examples
from w2slab.data.labels import Labels
from w2slab.errors import JobError
from w2slab.jobs.combine import BootstrapSpec, CombineSpec, ReweightSpec, bootstrap, combine, reweight

LEARNED = "supervisor_train"


@pytest.fixture
def data(bench):
    """Four examples of two classes in `supervisor_train`; all of them are of class 0."""
    return prepared(bench, n=4)


def prepared(bench, n, name="data"):
    ids = [f"e{i}" for i in range(n)]
    table = pa.table({"id": pa.array(ids), "group": pa.array(ids), "n_candidates": pa.array([2] * n)})
    return write_data(bench.root / name, {LEARNED: (Examples(table, ("no", "yes")), [[0]] * n)})


def member(bench, name, **splits):
    """A model that gave these probabilities, by split."""
    for split, rows in splits.items():
        probs = np.asarray(rows, dtype=np.float32)
        n_candidates = np.array([(row > 0).sum() if (row == 0).any() else len(row) for row in probs])
        given = Labels(np.arange(len(probs)), probs, n_candidates)
        write_predictions(bench.root / name, split, given)
    return bench.root / name


def choosing(*choices):
    """Probabilities of a model that chooses these classes."""
    return [[0.9, 0.1] if choice == 0 else [0.1, 0.9] for choice in choices]


def combined(bench, how, data, *members, split="test", name="out", **inputs):
    inputs = {"data": data, **{f"member_{i}": each for i, each in enumerate(members)}, **inputs}
    out = bench.run(combine, CombineSpec(how=how), inputs, name)
    return read_predictions(out, split).probs


def test_the_mean_of_probabilities(bench, data):
    one = member(bench, "one", test=[[0.8, 0.2], [0.4, 0.6]])
    two = member(bench, "two", test=[[0.2, 0.8], [0.9, 0.1]])
    np.testing.assert_allclose(combined(bench, "mean", data, one, two), [[0.5, 0.5], [0.65, 0.35]], atol=1e-7)


def test_each_member_has_one_vote_however_sure_it_is(bench, data):
    members = [member(bench, f"m{i}", test=rows) for i, rows in enumerate(VOTES)]
    found = combined(bench, "vote", data, *members)
    np.testing.assert_allclose(found, [[2 / 3, 1 / 3], [1 / 3, 2 / 3]], atol=1e-7)


VOTES = ([[0.51, 0.49], [0.0625, 0.9375]], [[0.51, 0.49], [0.875, 0.125]], [[0.01, 0.99], [0.45, 0.55]])


# Equal votes stay equal shares, so that the reader takes the first; a member's own tie goes to its first candidate.
def test_ties(bench, data):
    one = member(bench, "one", test=[[0.9, 0.1], [0.5, 0.5]])
    two = member(bench, "two", test=[[0.3, 0.7], [0.5, 0.5]])
    np.testing.assert_array_equal(combined(bench, "vote", data, one, two), [[0.5, 0.5], [1.0, 0.0]])


def test_candidates_that_differ_by_example_keep_their_number(bench, data):
    one = member(bench, "one", test=[[0.6, 0.4, 0.0], [0.2, 0.3, 0.5]])
    two = member(bench, "two", test=[[0.2, 0.8, 0.0], [0.6, 0.1, 0.3]])
    np.testing.assert_allclose(combined(bench, "mean", data, one, two), [[0.4, 0.6, 0.0], [0.4, 0.2, 0.4]], atol=1e-6)
    np.testing.assert_allclose(
        combined(bench, "vote", data, one, two, name="v"), [[0.5, 0.5, 0.0], [0.5, 0.0, 0.5]], atol=1e-6
    )


def test_a_split_that_one_member_lacks_is_left_out(bench, data):
    one = member(bench, "one", test=choosing(0), validation=choosing(1))
    two = member(bench, "two", test=choosing(0))
    combined(bench, "mean", data, one, two)
    assert bench.facts == {"n_examples": {"test": 1}, "n_members": 2}
    assert not (bench.root / "out" / "predictions" / "validation.parquet").exists()


def test_what_cannot_be_combined_is_refused(bench, data):
    one, two = member(bench, "one", test=choosing(0)), member(bench, "two", test=choosing(0, 1))
    with pytest.raises(JobError, match="same examples"):
        combined(bench, "mean", data, one, two)
    with pytest.raises(JobError, match="no split that all of 2"):
        combined(bench, "mean", data, one, member(bench, "three", validation=choosing(0)), name="none")
    with pytest.raises(JobError, match="must predict what it has learned"):
        combined(bench, "boosted", data, one, one, name="blind")


# AdaBoost for two classes by hand; all four examples are of class 0.
#   first:  errs on example 3.  e = 1/4, alpha = ln((3/4) / (1/4)) = ln 3.
#           weights 1, 1, 1, 3; divided by their mean 3/2:  2/3, 2/3, 2/3, 2.
#   second: errs on example 0.  e = (2/3) / 4 = 1/6, alpha = ln((5/6) / (1/6)) = ln 5.
#           weights 10/3, 2/3, 2/3, 2; divided by their mean 5/3:  2, 2/5, 2/5, 6/5.
#   third:  errs on examples 1 and 2.  e = (2/5 + 2/5) / 4 = 1/5, alpha = ln 4.
FIRST, SECOND, THIRD = choosing(0, 0, 0, 1), choosing(1, 0, 0, 0), choosing(0, 1, 1, 0)


@pytest.fixture
def boosted(bench, data):
    """The three members and the weights that came after the first and the second."""
    members = [
        member(bench, name, supervisor_train=rows, test=rows)
        for name, rows in (("first", FIRST), ("second", SECOND), ("third", THIRD))
    ]
    weights, errors = [], []
    for each, name in zip(members[:2], ("after-first", "after-second"), strict=True):
        inputs = {"data": data, "member": each} | ({"weights": weights[-1]} if weights else {})
        weights.append(bench.run(reweight, ReweightSpec(), inputs, name))
        errors.append((bench.facts["error"], bench.facts["alpha"]))
    return members, weights, errors


def test_adaboost_by_hand(bench, data, boosted):
    members, weights, errors = boosted
    np.testing.assert_allclose(errors, [(1 / 4, math.log(3)), (1 / 6, math.log(5))], rtol=1e-6)
    found = read_weights(weights[0], LEARNED)
    assert found.positions.tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(found.values, [2 / 3, 2 / 3, 2 / 3, 2], rtol=1e-6)
    np.testing.assert_allclose(read_weights(weights[1], LEARNED).values, [2, 2 / 5, 2 / 5, 6 / 5], rtol=1e-6)
    found = combined(bench, "boosted", data, *members, weights_1=weights[0], weights_2=weights[1])
    np.testing.assert_allclose(bench.facts["alphas"], np.log([3, 5, 4]), atol=1e-6)
    # Class 1 has the votes of the second, the third, the third, the first: ln 5, ln 4, ln 4, ln 3 of ln 60.
    np.testing.assert_allclose(found[:, 1], np.log([5, 4, 4, 3]) / math.log(60), rtol=1e-5)


# EnsemW2S (Agrawal et al. 2024) writes alpha / 2 and exp(+-alpha / 2); for two classes that is the same.
def test_for_two_classes_half_of_alpha_with_both_signs_gives_the_same_weights_and_votes(boosted):
    _, weights, errors = boosted
    signs = np.array([-1, -1, -1, 1])
    theirs = np.exp(signs * errors[0][1] / 2)
    np.testing.assert_allclose(read_weights(weights[0], LEARNED).values, theirs / theirs.mean(), rtol=1e-6)


def test_a_member_no_better_than_chance_changes_no_weight_and_decides_nothing(bench, data):
    poor = member(bench, "poor", supervisor_train=choosing(0, 0, 1, 1), test=choosing(1))
    wrong = member(bench, "wrong", supervisor_train=choosing(1, 1, 1, 0), test=choosing(1))
    good = member(bench, "good", supervisor_train=FIRST, test=choosing(0))
    for each in (poor, wrong):
        out = bench.run(reweight, ReweightSpec(), {"data": data, "member": each}, f"after-{each.name}")
        np.testing.assert_array_equal(read_weights(out, LEARNED).values, np.ones(4))
    found = combined(bench, "boosted", data, poor, wrong, good)
    np.testing.assert_allclose(found, [[1.0, 0.0]], atol=1e-5)
    # Where nobody is better than chance, every vote counts the same.
    np.testing.assert_allclose(combined(bench, "boosted", data, poor, poor, name="p"), [[0.0, 1.0]], atol=1e-7)


def test_a_member_without_errors_does_not_rule_alone(bench, data):
    perfect = member(bench, "perfect", supervisor_train=choosing(0, 0, 0, 0), test=choosing(1))
    good = member(bench, "good", supervisor_train=FIRST, test=choosing(0))
    found = combined(bench, "boosted", data, perfect, good)
    bound = math.log(0.999 / 0.001)
    np.testing.assert_allclose(found, [[math.log(3) / (math.log(3) + bound), bound / (math.log(3) + bound)]], rtol=1e-5)


def test_more_candidates_make_a_poor_member_worth_more(bench):
    """SAMME: with K candidates chance is 1 / K, so that e = 1/2 is worth ln(K - 1)."""
    ids = ["e0", "e1"]
    table = pa.table({"id": pa.array(ids), "group": pa.array(ids), "n_candidates": pa.array([4, 4])})
    folder = write_data(bench.root / "data", {LEARNED: (Examples(table, tuple("abcd")), [[0], [0]])})
    half = member(bench, "half", supervisor_train=[[0.7, 0.1, 0.1, 0.1], [0.1, 0.7, 0.1, 0.1]])
    out = bench.run(reweight, ReweightSpec(), {"data": folder, "member": half}, "after")
    assert bench.facts["alpha"] == pytest.approx(math.log(3))
    np.testing.assert_allclose(read_weights(out, LEARNED).values, [0.5, 1.5], rtol=1e-6)


def test_predictions_of_other_examples_are_refused(bench, data):
    short = member(bench, "short", supervisor_train=choosing(0, 0))
    with pytest.raises(JobError, match="not those of supervisor_train"):
        bench.run(reweight, ReweightSpec(), {"data": data, "member": short}, "after")


def test_as_many_examples_are_drawn_as_there_are_and_each_seed_draws_others(bench):
    data = prepared(bench, n=1000, name="many")
    drawn = [
        read_weights(
            bench.run(bootstrap, BootstrapSpec(split=LEARNED, seed=seed), {"data": data}, name), LEARNED
        ).values
        for seed, name in ((0, "a"), (0, "b"), (1, "c"))
    ]
    assert drawn[0].sum() == 1000
    assert bench.facts["n_drawn"] == (drawn[2] > 0).sum()
    assert 0.58 < (drawn[0] > 0).mean() < 0.68  # 1 - 1/e = 0.632
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert (drawn[0] != drawn[2]).any()
