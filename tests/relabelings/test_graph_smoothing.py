"""Labels smoothed over a graph, by hand for two rounds."""

from __future__ import annotations

import numpy as np

from tests.relabelings.labels import binary, made, planted

PLACES = [0, 1, 2, 10, 11.5, 12]
SECOND = [0, 0, 1, 1, 1, 0]


def test_two_rounds_by_hand():
    given = binary(SECOND, PLACES)
    one = [0.25, 0.25, 0.5, 0.75, 0.75, 0.5]  # half the label, half the mean of the two neighbours
    np.testing.assert_allclose(made("graph-smoothing", given, k=2, alpha=0.5, rounds=1).probs[:, 1], one, atol=1e-6)
    # For the first: (0 + (0.25 + 0.5) / 2) / 2, and so on.
    two = [0.1875, 0.1875, 0.625, 0.8125, 0.8125, 0.375]
    np.testing.assert_allclose(made("graph-smoothing", given, k=2, alpha=0.5, rounds=2).probs[:, 1], two, atol=1e-6)


def test_without_neighbours_share_nothing_changes():
    given = planted(False).given
    np.testing.assert_allclose(made("graph-smoothing", given, alpha=0.0).probs, given.probs, atol=1e-6)


def test_one_round_of_neighbours_alone_is_their_mean():
    given = planted(False).given
    smooth = made("graph-smoothing", given, k=7, alpha=1.0, rounds=1).probs
    np.testing.assert_allclose(smooth, made("neighbour-relabel", given, k=7).probs, atol=1e-6)
