"""Agreement beyond chance: CAPA and its form without truth, by hand and against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from w2slab.stats.capa import (
    agreement_by_accuracy,
    agreement_by_number,
    agreement_by_share,
    capa,
    kappa,
    observed_agreement,
)


def one_hot(choices, k):
    return np.eye(k)[choices]


def plain_capa(first, second, right, n_candidates):
    """Goel et al. 2025 with plain loops; `right[i]` is the one right option."""
    n = len(first)
    observed = sum(sum(p * q for p, q in zip(a, b, strict=True)) for a, b in zip(first, second, strict=True)) / n
    p1 = sum(first[i][right[i]] for i in range(n)) / n
    p2 = sum(second[i][right[i]] for i in range(n)) / n
    others = sum(1 / (k - 1) for k in n_candidates) / n
    expected = p1 * p2 + (1 - p1) * (1 - p2) * others
    return (observed - expected) / (1 - expected)


def random_models(seed, n=12, k=4):
    """Probabilities of two models over 2 to k candidates, one of which is right."""
    rng = np.random.default_rng(seed)
    n_candidates = rng.integers(2, k + 1, size=n)
    own = np.arange(k) < n_candidates[:, None]
    first, second = (np.where(own, rng.random((n, k)) + 0.01, 0.0) for _ in range(2))
    right = (rng.random(n) * n_candidates).astype(int)
    return *(probs / probs.sum(axis=1, keepdims=True) for probs in (first, second)), right, n_candidates


@given(st.integers(0, 10_000))
def test_it_is_what_plain_loops_give(seed):
    first, second, right, n_candidates = random_models(seed)
    found = capa(first, second, one_hot(right, 4).astype(bool), n_candidates)
    assert found == pytest.approx(plain_capa(first.tolist(), second.tolist(), right, n_candidates))
    assert found == pytest.approx(capa(second, first, one_hot(right, 4).astype(bool), n_candidates))  # symmetric
    assert -1 - 1e-9 <= found <= 1


def test_by_hand():
    # Four examples of three options, option 0 right: right on three and two of them, and once wrong alike.
    first, second = one_hot([0, 0, 0, 1], 3), one_hot([0, 0, 1, 1], 3)
    is_right = one_hot([0] * 4, 3).astype(bool)
    # c_obs = 3/4; c_exp = 3/4 * 2/4 + 1/4 * 2/4 * 1/2 = 7/16
    assert capa(first, second, is_right, np.full(4, 3)) == pytest.approx((3 / 4 - 7 / 16) / (1 - 7 / 16))


def test_equal_sure_models_have_one_and_opposite_ones_less_than_none():
    is_right, two = one_hot([0, 0, 1, 1], 2).astype(bool), np.full(4, 2)
    model = one_hot([0, 1, 1, 0], 2)
    assert capa(model, model, is_right, two) == pytest.approx(1)
    assert capa(model, 1 - model, is_right, two) == pytest.approx(-1)


def test_unsure_models_do_not_agree_perfectly_with_themselves():
    model = np.array([[0.8, 0.2], [0.4, 0.6]])
    # c_obs = (0.68 + 0.52) / 2; p = 0.6, c_exp = 0.36 + 0.16
    assert capa(model, model, one_hot([0, 0], 2).astype(bool), np.full(2, 2)) == pytest.approx((0.6 - 0.52) / 0.48)


def test_models_that_are_independent_given_their_accuracy_have_none():
    rng = np.random.default_rng(0)
    n, k = 200_000, 5
    right = rng.integers(0, k, n)
    models = []
    for accuracy in (0.7, 0.5):
        wrong = (right + rng.integers(1, k, n)) % k
        models.append(one_hot(np.where(rng.random(n) < accuracy, right, wrong), k))
    assert capa(*models, one_hot(right, k).astype(bool), np.full(n, k)) == pytest.approx(0, abs=0.01)


def test_several_right_options_share_what_is_right():
    # Two of four options are right; both models are sure of a right one, of another each: c_exp = 1/2, c_obs = 0.
    is_right = np.array([[True, True, False, False]])
    assert capa(one_hot([0], 4), one_hot([1], 4), is_right, np.array([4])) == pytest.approx(-1)
    # All options are right: no wrong one to agree on.
    everything = agreement_by_accuracy(one_hot([0], 2), one_hot([0], 2), np.ones((1, 2), dtype=bool), np.array([2]))
    assert everything == pytest.approx([0.5])


def test_one_candidate_is_agreed_on_by_all():
    alone = np.ones((3, 1))
    assert np.isnan(capa(alone, alone, np.ones((3, 1), dtype=bool), np.ones(3, dtype=int)))


def test_without_truth_it_is_cohens_kappa():
    first, second = np.array([0, 0, 0, 1, 1, 0]), np.array([0, 0, 1, 1, 0, 0])
    # 4 of 6 alike; shares 4/6 and 4/6, so that chance is 16/36 + 4/36
    expected = agreement_by_share(one_hot(first, 2), one_hot(second, 2))
    assert expected.mean() == pytest.approx(20 / 36)
    found = kappa(observed_agreement(one_hot(first, 2), one_hot(second, 2)), expected)
    assert found == pytest.approx((4 / 6 - 20 / 36) / (1 - 20 / 36))


def test_where_candidates_differ_chance_is_any_candidate():
    assert agreement_by_number(np.array([2, 4, 0])) == pytest.approx([0.5, 0.25, 0.0])


# "so that means over resampled examples, too, are c_exp to first order"
@pytest.mark.parametrize("chance", [agreement_by_accuracy, agreement_by_share])
def test_what_examples_add_follows_resamples_to_first_order(chance):
    n = 4000
    first, second, right, n_candidates = random_models(5, n=n)
    is_right = one_hot(right, 4).astype(bool)
    rest = (is_right, n_candidates) if chance is agreement_by_accuracy else ()
    added = chance(first, second, *rest)
    rng = np.random.default_rng(1)
    exact, linear = [], []
    for _ in range(40):
        drawn = rng.integers(0, n, n)
        exact.append(chance(first[drawn], second[drawn], *(each[drawn] for each in rest)).mean())
        linear.append(added[drawn].mean())
    assert np.std(exact) > 1e-4
    assert np.abs(np.subtract(exact, linear)).max() < 0.1 * np.std(exact)


def test_no_example_has_no_agreement():
    nothing, no_flags, none = np.empty((0, 2)), np.empty((0, 2), dtype=bool), np.empty(0, dtype=int)
    assert np.isnan(capa(nothing, nothing, no_flags, none))
    assert np.isnan(kappa(observed_agreement(nothing, nothing), agreement_by_share(nothing, nothing)))
