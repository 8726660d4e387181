from __future__ import annotations

import numpy as np
import pytest

from w2slab.randomness import rng
from w2slab.training.batches import bucketed, micro_batches, order, pooled


# "Data order is a pure function of (seed, epoch)."
def test_order_is_a_function_of_seed_and_epoch():
    np.random.default_rng(0)
    first = order(100, seed=3, epoch=1)
    assert sorted(first) == list(range(100))
    assert (order(100, seed=3, epoch=1) == first).all()
    assert (order(100, seed=3, epoch=2) != first).any()
    assert (order(100, seed=4, epoch=1) != first).any()


def test_bucketed_batches_hold_every_example_once_beside_others_of_its_length():
    lengths = np.array([5, 1, 9, 5, 2, 8, 1])
    parts = bucketed(lengths, 3)
    assert sorted(np.concatenate(parts)) == list(range(7))
    assert [sorted(lengths[p], reverse=True) for p in parts] == [[9, 8, 5], [5, 2, 1], [1]]


def test_micro_batches_hold_the_whole_batch():
    indices, lengths = np.array([4, 2, 0, 6]), np.array([7, 0, 1, 0, 3, 0, 2])
    assert [p.tolist() for p in micro_batches(indices, lengths, None)] == [[4, 2, 0, 6]]
    assert [p.tolist() for p in micro_batches(indices, lengths, 3)] == [[2, 6, 4], [0]]


@pytest.mark.parametrize("drop_last", [False, True])
def test_pools_hold_every_example_once_per_epoch_and_a_later_start_gives_the_same_batches(drop_last):
    sizes = rng(0, "sizes").integers(1, 50, 700)

    def drawn(first=0):
        return list(
            pooled(
                np.arange(700),
                8,
                lambda epoch: rng(1, "pooled", str(epoch)),
                lambda some: np.argsort(sizes[some], kind="stable"),
                steps=180,
                first=first,
                drop_last=drop_last,
            )
        )

    whole = drawn()
    per_epoch = 700 // 8 if drop_last else -(-700 // 8)
    assert len(whole) == 180
    assert {len(batch) for batch in whole} == ({8} if drop_last else {8, 4})
    seen = np.sort(np.concatenate(whole[:per_epoch]))
    assert len(np.unique(seen)) == len(seen) == (696 if drop_last else 700)
    # What stands together is of one size: 64 batches are sorted before they are drawn.
    assert np.median([np.ptp(sizes[batch]) for batch in whole]) <= 3
    for first in (1, per_epoch - 1, per_epoch, 179):
        assert [batch.tolist() for batch in drawn(first)] == [batch.tolist() for batch in whole[first:]]
