"""Mean labels of nearest neighbours: against hand and against all distances, and with rows drawn."""

from __future__ import annotations

import numpy as np
import pytest

from tests.relabelings.labels import binary, choice, made
from w2slab.errors import JobError
from w2slab.relabelings import neighbours
from w2slab.relabelings.neighbours import neighbour_graph

PLACES = [0, 1, 2, 10, 11.5, 12]
SECOND = [0, 0, 1, 1, 1, 0]


# By distance: 0 has 1 and 2, 1 has 0 and 2, 2 has 1 and 0; 3 has 4 and 5, 4 has 5 and 3, 5 has 4 and 3.
def test_each_label_becomes_the_mean_of_its_two_neighbours():
    found = made("neighbour-relabel", binary(SECOND, PLACES), k=2)
    np.testing.assert_allclose(found.probs[:, 1], [0.5, 0.5, 0, 0.5, 0.5, 1], atol=1e-6)
    assert found.weights is None


def test_the_labels_furthest_from_it_are_left_out():
    given = binary(SECOND, PLACES)
    found = made("neighbour-filter", given, k=2, drop=0.4)  # two of six; the distances are 0.5, 0.5, 1, 0.5, 0.5, 1
    np.testing.assert_array_equal(found.weights, [1, 1, 0, 1, 1, 0])
    assert found.probs is given.probs
    assert made("neighbour-filter", given, k=2, drop=0.1).weights.all()  # 0.6 of an example is none


def test_more_neighbours_than_there_are_is_all_others():
    found = made("neighbour-relabel", binary(SECOND, PLACES), k=50)
    np.testing.assert_allclose(found.probs[:, 1], (3 - np.array(SECOND)) / 5, atol=1e-6)


def test_features_count_alike_whatever_their_units():
    features = np.random.default_rng(0).normal(size=(30, 3))
    second = np.random.default_rng(1).random(30)
    before = made("neighbour-relabel", binary(second, features), k=4).probs
    after = made("neighbour-relabel", binary(second, features * [1, 1000, 0.01] + 5), k=4).probs
    np.testing.assert_allclose(before, after, atol=1e-6)


# Less their example's mean all features are -1 and 1, so that first candidates are neighbours of first ones.
def test_candidates_are_neighbours_across_examples_whatever_their_example_has_in_common():
    given = choice([[0.2, 0.8], [0.4, 0.6], [1, 0]], [5, 7, 100, 102, 0, 2])
    found = made("neighbour-relabel", given, k=2).probs
    np.testing.assert_allclose(found, [[0.7, 0.3], [0.6, 0.4], [0.3, 0.7]], atol=1e-6)


# The one neighbour of the first example's candidates, each, is the third example's: masses 0.4 and 0.6, 0.9 and 0.1.
def test_masses_of_candidates_are_made_to_sum_to_one():
    given = choice([[0.5, 0.3, 0.2], [0.4, 0.6], [0.3, 0.6, 0.1]], [-3, 0, 3, -10, 10, -3.1, 0, 3.1])
    found = made("neighbour-relabel", given, k=1).probs
    np.testing.assert_allclose(found[0], [0.3, 0.6, 0.1], atol=1e-6)
    np.testing.assert_allclose(found[1], [0.75, 0.25, 0], atol=1e-6)


def test_where_neighbours_give_nothing_the_weak_label_stays():
    given = choice([[0.3, 0.7], [1, 0, 0]], [-1, 1, -20, -1, 21])
    found = made("neighbour-relabel", given, k=1).probs
    np.testing.assert_allclose(found[0], [0.3, 0.7, 0], atol=1e-6)


def test_what_all_candidates_of_each_example_share_tells_nothing():
    with pytest.raises(JobError, match="the same everywhere"):
        made("neighbour-relabel", choice([[0.2, 0.8], [0.3, 0.7]], [1, 1, 5, 5]))


def test_one_example_has_no_neighbours():
    with pytest.raises(JobError, match="no other one to compare"):
        made("neighbour-relabel", choice([[0.2, 0.8]], [1, 2]))


def test_neighbours_are_the_nearest_by_all_distances(monkeypatch):
    monkeypatch.setattr(neighbours, "MOST_DISTANCES", 100)  # several chunks, the last one short
    generator = np.random.default_rng(0)
    rows, owner = generator.normal(size=(67, 5)), np.sort(generator.integers(0, 30, 67))
    graph = neighbour_graph(rows, owner, 4, generator).toarray()
    apart = ((rows[:, None] - rows[None]) ** 2).sum(axis=2)
    apart[owner[:, None] == owner[None]] = np.inf
    expected = np.zeros_like(graph)
    np.put_along_axis(expected, apart.argsort(axis=1)[:, :4], 0.25, axis=1)
    np.testing.assert_array_equal(graph, expected)


def test_of_many_rows_those_that_may_be_neighbours_are_drawn(monkeypatch):
    monkeypatch.setattr(neighbours, "MOST_REFERENCES", 20)
    rows, owner = np.random.default_rng(0).normal(size=(100, 2)), np.arange(100)
    among = owner % 2 == 0
    graphs = [neighbour_graph(rows, owner, 5, np.random.default_rng(seed), among).toarray() for seed in (0, 0, 1)]
    used = [np.flatnonzero(graph.any(axis=0)) for graph in graphs]
    assert all(len(columns) <= 20 and among[columns].all() for columns in used)
    np.testing.assert_array_equal(graphs[0], graphs[1])
    assert used[0].tolist() != used[2].tolist()
