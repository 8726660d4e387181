"""Planted errors on features that tell the truth: each filter leaves more right labels, each relabeling makes more."""

from __future__ import annotations

import pytest

from tests.relabelings.labels import made, planted, right_share
from w2slab.relabelings.relabeling import RelabelResult

# By how much the share of right labels rises at least, of 0.7 on average.
FILTERS = {
    "confidence-filter": 0.10,
    "neighbour-filter": 0.03,
    "logistic-filter": 0.03,
    "topological-filter": 0.10,
    "confident-learning": 0.15,
    "co-teaching": 0.07,
    "trust-function": 0.15,
    "reliability-filter": 0.10,
    "co-supervised": 0.10,
    "overlap-selection": 0.05,
}
RELABELINGS = {
    "neighbour-relabel": 0.10,
    "logistic-relabel": 0.10,
    "graph-smoothing": 0.05,
    "reliability-weights": 0.05,
    "early-learning-relabel": 0.05,
}


@pytest.mark.parametrize("n_classes", [2, 4, None])
@pytest.mark.parametrize("name", FILTERS | RELABELINGS)
def test_there_are_more_right_labels(name, n_classes):
    given, truth = planted(n_classes is not None, n_classes=n_classes or 0)
    found = made(name, given)
    before = right_share(RelabelResult(given.probs), truth)
    assert right_share(found, truth) >= before + (FILTERS | RELABELINGS)[name]
    if name in FILTERS:
        assert 0.2 <= (found.weights > 0).mean() < 1
