"""Several askings: frequencies, entropies and weights by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tests.relabelings.labels import binary, made

# Five askings of four examples: answered 1 by five, four, three and none of them.
ASKED = [[0.9, 0.6, 0.8, 0.1], [0.7, 0.9, 0.6, 0.2], [0.8, 0.7, 0.9, 0.3], [0.6, 0.8, 0.3, 0.4], [1.0, 0.4, 0.2, 0.0]]


def test_those_on_which_askings_agree_stay_with_frequencies_as_labels():
    # Entropies: 0, 0.500, 0.673, 0; the median is 0.250.
    found = made("reliability-filter", binary(ASKED[0], others=ASKED[1:]))
    np.testing.assert_array_equal(found.weights, [1, 0, 0, 1])
    np.testing.assert_allclose(found.probs[:, 1], [1, 0.8, 0.6, 0], atol=1e-6)
    wider = made("reliability-filter", binary(ASKED[0], others=ASKED[1:]), quantile=0.7)
    np.testing.assert_array_equal(wider.weights, [1, 1, 0, 1])


def test_all_at_the_median_stay():
    assert made("reliability-filter", binary([0.9, 0.8, 0.3], others=[[0.6, 0.1, 0.2]])).weights.tolist() == [1, 0, 1]
    assert made("reliability-filter", binary([0.9, 0.8], others=[[0.9, 0.8]])).weights.all()


# f = 0.8 and 0.2, T = 0.2: s = 1 / (1 + e^-3) = 0.95257 and 0.04743; sum f s = 0.77154, label 0.98771.
# f = 0.6 and 0.4: s = 1 / (1 + e^-1) = 0.73106 and 0.26894; sum f s = 0.54621, label 0.80305.
def test_answers_weigh_what_their_frequency_says():
    found = made("reliability-weights", binary(ASKED[0], others=ASKED[1:]))
    np.testing.assert_allclose(found.probs[:, 1], [1, 0.98771, 0.80305, 0], atol=1e-5)
    raw = np.array([1, 0.77154, 0.54621, 1])
    np.testing.assert_allclose(found.weights, raw / raw.mean(), rtol=1e-4)


# "In the source each of the answers is an example of its own": the losses of both ways are the same, but for a factor.
def test_the_loss_is_that_of_all_answers_each_with_its_weight():
    found = made("reliability-weights", binary(ASKED[0], others=ASKED[1:]), temperature=0.5)
    predicted = np.random.default_rng(0).dirichlet([1, 1], size=4)
    ours = -(found.weights[:, None] * found.probs * np.log(predicted)).sum(axis=1)
    theirs = np.zeros(4)
    answers = np.array(ASKED) > 0.5
    for i in range(4):
        given, counts = np.unique(answers[:, i].astype(int), return_counts=True)
        raised = np.exp(counts / 5 / 0.5)
        for answer in answers[:, i].astype(int):
            theirs[i] -= (raised / raised.sum())[list(given).index(answer)] * np.log(predicted[i, answer])
    np.testing.assert_allclose(ours / ours.sum(), theirs / theirs.sum(), rtol=1e-5)


def test_low_temperatures_do_not_overflow():
    found = made("reliability-weights", binary(ASKED[0], others=ASKED[1:]), temperature=1e-4)
    np.testing.assert_allclose(found.probs[:, 1], [1, 1, 1, 0], atol=1e-6)
    assert found.weights.mean() == pytest.approx(1)
