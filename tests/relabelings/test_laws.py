"""What holds for every relabeling of any labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from tests.relabelings.labels import made
from w2slab import registry
from w2slab.errors import JobError
from w2slab.relabelings import TABLE
from w2slab.relabelings.relabeling import LabelBatch

DRAWS = {"shuffled", "random", "confident-learning", "co-teaching"}
# Those that choose examples and leave labels as they are.
CHOOSES = {name for name in TABLE if name.endswith("-filter") and name != "reliability-filter"} | {
    "co-teaching",
    "confident-learning",
    "overlap-selection",
    "trust-function",
}
FAST = {"co-teaching": {"epochs": 2}, "graph-smoothing": {"rounds": 3}}
# With all others as neighbours, all candidates have the same vote.
FEW = {"neighbour-filter": {"k": 3}}

cases = st.tuples(st.integers(0, 10_000), st.integers(8, 40), st.integers(2, 5), st.booleans())


def example(case, least=1) -> LabelBatch:
    number, n, width, shared = case
    generator = np.random.default_rng(number)
    counts = np.full(n, width) if shared else generator.integers(least, width + 1, n)
    counts[0] = width
    real = np.arange(width) < counts[:, None]

    def labels():
        rows = np.where(real, generator.exponential(size=real.shape), 0)
        return (rows / rows.sum(axis=1, keepdims=True)).astype(np.float32)

    probs = labels()
    trusted = np.where(np.arange(n) % 3 == 0, probs.argmax(axis=1), -1)
    trusted[0] = (trusted[0] + 1) % width
    n_rows = n if shared else counts.sum()
    features = generator.normal(size=(n_rows, 3)).astype(np.float32)
    return LabelBatch(probs, counts, shared, np.random.default_rng(0), features, (labels(), labels()), trusted)


def permuted(given: LabelBatch, order: np.ndarray) -> LabelBatch:
    firsts = np.cumsum(given.n_candidates) - given.n_candidates
    rows = order
    if not given.shared_candidates:
        rows = np.concatenate([np.arange(firsts[i], firsts[i] + given.n_candidates[i]) for i in order])
    return LabelBatch(
        given.probs[order],
        given.n_candidates[order],
        given.shared_candidates,
        np.random.default_rng(0),
        given.features[rows],
        tuple(other[order] for other in given.others),
        given.trusted[order],
    )


def arrays(given: LabelBatch) -> list[np.ndarray]:
    return [given.probs, given.n_candidates, given.features, *given.others, given.trusted]


@pytest.mark.parametrize("name", TABLE)
@settings(max_examples=12, deadline=None, derandomize=True)
@drawn(case=cases)
def test_labels_sum_to_one_weights_are_not_negative_and_nothing_given_is_changed(name, case):
    given = example(case)
    before = [array.copy() for array in arrays(given)]
    try:
        found = made(name, given, **FAST.get(name, {}))
    except JobError:
        return  # said with its reason; see each one's own tests
    assert found.probs.shape == given.probs.shape
    assert found.probs.dtype == np.float32
    assert (found.probs >= 0).all()
    np.testing.assert_allclose(found.probs.sum(axis=1), 1, atol=1e-5)
    assert not found.probs[~given.real].any()
    if found.weights is not None:
        assert found.weights.shape == (len(given),)
        assert found.weights.dtype == np.float32
        assert np.isfinite(found.weights).all()
        assert (found.weights >= 0).all()
        assert found.weights.any()
    if name in CHOOSES:
        np.testing.assert_array_equal(found.probs, before[0])
    for now, then in zip(arrays(given), before, strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize("name", sorted(set(TABLE) - DRAWS))
@settings(max_examples=12, deadline=None, derandomize=True)
@drawn(case=cases)
def test_examples_in_another_order_are_relabelled_alike(name, case):
    given = example(case, least=2)  # examples of one candidate are all equally sure
    order = np.random.default_rng(case[0]).permutation(len(given))
    try:
        found = made(name, given, **FEW.get(name, {}))
    except JobError as error:
        with pytest.raises(JobError, match=str(error)[:20]):
            made(name, permuted(given, order))
        return
    again = made(name, permuted(given, order), **FEW.get(name, {}))
    np.testing.assert_allclose(again.probs, found.probs[order], atol=2e-3)
    assert (again.weights is None) == (found.weights is None)
    if found.weights is not None:
        np.testing.assert_allclose(again.weights, found.weights[order], atol=1e-5)


# The budget of ground truth is for those who ask for it.
@pytest.mark.parametrize("name", sorted(set(TABLE) - {"trust-function"}))
def test_no_other_relabeling_looks_at_ground_truth(name):
    given = example((1, 30, 3, True))
    other = replace(example((1, 30, 3, True)), trusted=None)
    found, again = (made(name, each, **FAST.get(name, {})) for each in (given, other))
    np.testing.assert_array_equal(found.probs, again.probs)
    assert (found.weights is None and again.weights is None) or (found.weights == again.weights).all()


@pytest.mark.parametrize("name", TABLE)
def test_a_row_says_what_it_asks_for(name):
    row = registry.row("relabelings", name).kind
    given = example((2, 30, 2, True))
    bare = replace(given, features=None, others=(), trusted=None)
    asks = row.needs_features, row.needs_others, row.needs_trusted
    enough = replace(
        bare,
        features=given.features if asks[0] else None,
        others=given.others[: asks[1]],
        trusted=given.trusted if asks[2] else None,
    )
    made(name, enough, **FAST.get(name, {}))
    if any(asks):
        with pytest.raises(JobError):
            made(name, bare)
