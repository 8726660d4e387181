"""Batches that do not fit into memory are halved until they do."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from w2slab.errors import JobError
from w2slab.training.passes import passes
from w2slab.training.placement import Placement


def done(lengths, size, largest):
    """The batches that were done, where more than `largest` examples run out of memory."""
    batches = []

    def work(indices):
        if len(indices) > largest:
            raise torch.OutOfMemoryError("CUDA out of memory")
        batches.append(indices.tolist())

    passes(np.array(lengths), size, Placement("cpu"), work)
    return batches


def test_batches_of_like_length_come_longest_first():
    assert done([3, 9, 1, 7], 2, 2) == [[1, 3], [0, 2]]


def test_what_does_not_fit_is_halved_and_nothing_is_left_out_or_done_twice():
    assert done(range(10), 8, 3) == [[9, 8], [7, 6], [5, 4], [3, 2], [1, 0]]


def test_one_example_that_does_not_fit_is_an_error_that_says_what_to_do():
    with pytest.raises(JobError, match="does not fit into memory"):
        done([1, 1], 2, 0)


def test_other_errors_are_not_taken_for_it():
    def work(indices):
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        passes(np.ones(2), 2, Placement("cpu"), work)
