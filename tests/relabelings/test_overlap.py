"""Change points and overlap points by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tests.relabelings.labels import binary, choice, made, pair
from w2slab.errors import JobError
from w2slab.relabelings.feature_rows import example_rows
from w2slab.relabelings.overlap import change_point, overlap_density, overlap_points


def test_the_change_point_leaves_the_least_squared_error():
    assert change_point(np.array([1.0, 0.1, 0.9, 0.2])) == 0.9
    assert change_point(np.array([0.0, 1.0])) == 1.0
    # After 0.5: errors 0.5 + 0 against 0 + 0.5 after 0 (by symmetry); the earlier break counts.
    assert change_point(np.array([0.0, 1.0, 2.0])) == 1.0
    assert change_point(np.array([0.0, 0.0, 3.0, 3.0, 3.0])) == 3.0


@pytest.mark.parametrize("values", [[], [0.3], [0.3, 0.3, 0.3], [0.3, np.nextafter(np.float32(0.3), 1)]])
def test_where_all_are_equal_there_is_no_change_point(values):
    assert change_point(np.array(values, dtype=np.float32)) is None


def test_the_change_point_is_that_of_trying_all():
    values = np.random.default_rng(0).random(60)
    ranked = np.sort(values)
    errors = [ranked[:i].var() * i + ranked[i:].var() * (60 - i) for i in range(1, 60)]
    assert change_point(values) == ranked[int(np.argmin(errors)) + 1]


# Confidences: 0 and 0.1 are hard, along the first axis. Of the sure ones two point there (one the other way).
FEATURES = np.array([[2, 0], [1, 0.1], [0, 5], [3, 0.2], [-4, 0.1], [0.1, 1]], dtype=np.float32)
SECOND = np.array([0.5, 0.45, 0.99, 0.02, 0.95, 0.03], dtype=np.float32)


def test_overlap_points_by_hand():
    found = overlap_points(pair(SECOND), FEATURES, np.full(6, 2))
    np.testing.assert_array_equal(found.is_hard, [True, True, False, False, False, False])
    np.testing.assert_array_equal(found.is_overlap, [False, False, False, True, True, False])
    assert overlap_density(pair(SECOND), FEATURES) == pytest.approx(2 / 6)


def test_selection_keeps_or_favours_them():
    found = made("overlap-selection", binary(SECOND, FEATURES))
    np.testing.assert_array_equal(found.weights, [0, 0, 0, 1, 1, 0])
    assert found.facts == {"overlap_density": pytest.approx(1 / 3), "hard_share": pytest.approx(1 / 3)}
    weights = made("overlap-selection", binary(SECOND, FEATURES), rest=0.25).weights
    np.testing.assert_array_equal(weights, [0.25, 0.25, 0.25, 1, 1, 0.25])


def test_hard_labels_have_no_change_point():
    assert np.isnan(overlap_density(pair([0, 1, 1, 0]), FEATURES[:4]))
    with pytest.raises(JobError, match="no change point; give soft labels"):
        made("overlap-selection", binary([0, 1, 1, 0], FEATURES[:4]))


def test_features_of_length_zero_overlap_with_nothing():
    features = FEATURES.copy()
    features[3] = 0
    assert overlap_points(pair(SECOND), features, np.full(6, 2)).is_overlap.tolist() == [False] * 4 + [True, False]


# The rows of an example are the mean of its candidates' by their probabilities, which here is the case above.
def test_candidates_are_averaged_by_their_probabilities():
    rows = [[1 - p, p] for p in SECOND]
    apart = np.random.default_rng(0).normal(size=(6, 2))
    features = np.stack([FEATURES - SECOND[:, None] * apart, FEATURES + (1 - SECOND[:, None]) * apart], axis=1)
    given = choice(rows, features)
    found = example_rows(given.features, given.probs, given.n_candidates, False)
    np.testing.assert_allclose(found, FEATURES, atol=1e-5)
    np.testing.assert_array_equal(made("overlap-selection", given).weights, [0, 0, 0, 1, 1, 0])
