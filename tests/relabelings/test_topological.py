"""What hangs together and is voted for, on a line by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from tests.relabelings.labels import binary, choice, made
from w2slab.errors import JobError
from w2slab.relabelings.topological import largest_components


def test_components_are_those_of_edges_within_a_class_in_either_direction():
    #        0-1-2 and 3-4 of class 0, the edge 2-5 leaves the class; 5, 6 of class 1 are joined
    edges = [(0, 1), (2, 1), (3, 4), (2, 5), (6, 5), (5, 3)]
    rows, columns = zip(*edges, strict=True)
    graph = csr_matrix((np.ones(len(edges)), (rows, columns)), shape=(7, 7))
    found = largest_components(graph, np.array([0, 0, 0, 0, 0, 1, 1]))
    np.testing.assert_array_equal(found, [True, True, True, False, False, True, True])


def test_of_equally_large_components_the_earliest_stays():
    graph = csr_matrix((np.ones(2), ([0, 3], [2, 1])), shape=(4, 4))
    np.testing.assert_array_equal(largest_components(graph, np.zeros(4, dtype=int)), [True, False, True, False])


# Class 0 on the left, class 1 on the right, and some of the other class in each half. The two at 3.4 and 3.6 join each
# other and no other example of class 1: outside the component. The lone one at 13 has no neighbour of its class.
def test_what_is_cut_off_from_its_class_is_left_out():
    places = [0, 1, 2, 3, 4, 5, 6, 3.4, 3.6, 10, 11, 12, 13.1, 14, 15, 16, 13]
    second = [0.1] * 7 + [0.9] * 2 + [0.8] * 7 + [0.3]
    found = made("topological-filter", binary(second, places), k_component=4, k_vote=3)
    np.testing.assert_array_equal(found.weights, [1] * 7 + [0] * 2 + [1] * 7 + [0])
    assert found.facts["component_share"] == pytest.approx(14 / 17)


# All of a class hang together, but the three neighbours of the one at 3.5 are of the other class.
def test_what_is_outvoted_is_left_out():
    places = [0, 1, 2, 3, 4, 5, 3.5, 7.2, 8.2, 9.2]
    second = [0] * 6 + [1] * 4
    given = binary(second, places)
    found = made("topological-filter", given, k_component=6, k_vote=3)
    np.testing.assert_array_equal(found.weights, [1] * 6 + [0] + [1] * 3)
    assert made("topological-filter", given, k_component=6, k_vote=3, zeta=0.0).weights.all()


def test_one_class_alone_is_kept():
    assert made("topological-filter", binary([0.0] * 6, [0, 1, 2, 3, 4, 5])).weights.all()


# Less the mean, chosen candidates are all near 2 but that of the last example, which is where the others' rejected are.
def test_a_candidate_that_others_rejected_is_outvoted():
    rows = [[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.9, 0.1], [0.2, 0.8], [0.4, 0.6]]
    features = [2.0, -2.0, 2.1, -2.1, 2.2, -2.2, 1.9, -1.9, -2.3, 2.3, 2.05, -2.05]
    found = made("topological-filter", choice(rows, features), k_component=5, k_vote=3)
    np.testing.assert_array_equal(found.weights, [1, 1, 1, 1, 1, 0])


def test_where_nobody_is_voted_for_the_error_says_what_to_change():
    with pytest.raises(JobError, match="lower zeta"):
        made("topological-filter", binary([0, 1] * 5, range(10)), k_component=9, k_vote=2, zeta=1.0)
