"""Two models that choose for each other: the share that they forget, and what is left at the end."""

from __future__ import annotations

import numpy as np
import pytest

from tests.relabelings.labels import binary, made, planted
from w2slab.relabelings.co_teaching import CoTeaching


# R(T) = 1 - min(T / T_k tau, tau)
def test_the_share_that_is_learned_falls_to_what_is_reckoned_right():
    teaching = CoTeaching(noise=0.2, ramp_epochs=10)
    assert [teaching.share(epoch) for epoch in (1, 5, 10, 20)] == pytest.approx([0.98, 0.9, 0.8, 0.8])


def test_labels_against_the_features_are_left_out():
    places = np.concatenate([np.linspace(-3, -1, 20), np.linspace(1, 3, 20)])
    second = (places > 0).astype(float)
    second[[3, 30]] = 1 - second[[3, 30]]
    found = made("co-teaching", binary(second, places), noise=0.05, lr=0.1)
    assert np.flatnonzero(found.weights == 0).tolist() == [3, 30]


@pytest.mark.parametrize("shared", [True, False])
def test_the_generator_decides_and_odd_batches_are_no_problem(shared):
    weights = [
        made("co-teaching", planted(shared, n=61).given, batch_size=20, epochs=3, noise=0.31).weights for _ in range(2)
    ]
    np.testing.assert_array_equal(weights[0], weights[1])
    assert weights[0].sum() == np.ceil(0.69 * 61)
