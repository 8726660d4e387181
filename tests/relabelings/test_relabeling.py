"""What all relabelings share: what they are given, shares that are kept, and how far labels are apart."""

from __future__ import annotations

import numpy as np
import pytest

from tests.relabelings.labels import binary, choice, made
from w2slab.errors import JobError
from w2slab.relabelings.relabeling import LabelBatch, confidence, discord, kept, lowest


@pytest.mark.parametrize(("share", "n_kept"), [(0.5, 3), (0.2, 1), (0.01, 1), (1.0, 5), (0.9, 5), (1 - 0.2, 4)])
def test_a_kept_share_is_rounded_up(share, n_kept):
    found = lowest(np.array([0.3, 0.1, 0.5, 0.2, 0.4]), share, np.random.default_rng(0))
    assert found.sum() == n_kept
    assert found[1]


def test_ties_are_drawn_evenly():
    generator, scores = np.random.default_rng(0), np.array([0.0, 1, 1, 1, 1])
    often = sum(lowest(scores, 0.6, generator).astype(int) for _ in range(400))
    assert often[0] == 400
    assert 150 < often[1:].min() <= often[1:].max() < 250


def test_confidence_is_0_where_even_and_1_where_certain():
    probs = np.array([[0.5, 0.5, 0], [0.9, 0.1, 0], [0.2, 0.2, 0.6], [1, 0, 0]], dtype=np.float32)
    # (2 * 0.9 - 1) / 1 and (3 * 0.6 - 1) / 2; one candidate is certain.
    np.testing.assert_allclose(confidence(probs, np.array([2, 2, 3, 1])), [0, 0.8, 0.4, 1], atol=1e-6)


def test_discord_of_classes_is_half_the_distance_and_of_candidates_what_another_is_preferred():
    np.testing.assert_allclose(discord(binary([0.9]), np.array([[0.6, 0.4]], dtype=np.float32)), [0.5], atol=1e-6)
    given = choice([[0.1, 0.7, 0.2], [0.6, 0.4]])
    found = np.array([[0.6, 0.3, 0.1], [0.8, 0.2, 0]], dtype=np.float32)
    np.testing.assert_allclose(discord(given, found), [0.5, 0], atol=1e-6)


def test_keeping_nothing_is_an_error_with_a_remedy():
    with pytest.raises(JobError, match="none of 2 examples is kept; try this"):
        kept(binary([0.1, 0.2]), np.zeros(2, dtype=bool), "try this")


def test_what_does_not_fit_is_an_error():
    with pytest.raises(JobError, match="3 rows of frozen features where 2 are wanted, one per example"):
        binary([0.1, 0.2], [1, 2, 3])
    with pytest.raises(JobError, match="2 rows of frozen features where 5 are wanted, one per candidate"):
        LabelBatch(
            np.full((2, 3), 1 / 3, dtype=np.float32),
            np.array([2, 3]),
            False,
            np.random.default_rng(0),
            features=np.zeros((2, 1), dtype=np.float32),
        )
    with pytest.raises(JobError, match=r"other labels 0 have the shape \(1, 2\)"):
        binary([0.1, 0.2], others=[[0.1]])
    with pytest.raises(JobError, match="no weak labels"):
        binary([])


@pytest.mark.parametrize(
    "name",
    ["neighbour-relabel", "logistic-filter", "topological-filter", "overlap-selection", "co-teaching"],
)
def test_features_that_are_not_there_or_never_change_are_an_error(name):
    second = [0.1, 0.9, 0.3, 0.6]
    with pytest.raises(JobError, match="frozen features and was given none"):
        made(name, binary(second))
    with pytest.raises(JobError, match=r"same everywhere|no change point"):
        made(name, binary(second, [7, 7, 7, 7]))


@pytest.mark.parametrize("name", ["reliability-weights", "co-supervised", "self-relabel", "early-learning-relabel"])
def test_further_labels_that_are_not_there_are_an_error(name):
    with pytest.raises(JobError, match="further labels of each example and was given 0"):
        made(name, binary([0.1, 0.9]))
