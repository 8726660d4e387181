"""Small weak labels for the tests: given by hand, drawn, or with planted errors on features that tell the truth."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from w2slab import registry
from w2slab.relabelings.relabeling import LabelBatch


def binary(second, features=None, others=(), trusted=None, seed=0):
    """Labels of two classes by the probability of the second; features as columns of one dimension or more."""
    rows = None if features is None else np.asarray(features, dtype=np.float32)
    return LabelBatch(
        probs=pair(second),
        n_candidates=np.full(len(second), 2),
        shared_candidates=True,
        generator=np.random.default_rng(seed),
        features=rows[:, None] if rows is not None and rows.ndim == 1 else rows,
        others=tuple(pair(each) for each in others),
        trusted=None if trusted is None else np.asarray(trusted),
    )


def pair(second):
    second = np.asarray(second, dtype=np.float32)
    return np.stack([1 - second, second], axis=1)


def choice(rows, features=None, others=(), seed=0):
    """Labels of candidates that differ by example, as lists of any length; features as one list of candidates."""
    counts = np.array([len(row) for row in rows])
    return LabelBatch(
        probs=padded(rows, counts.max()),
        n_candidates=counts,
        shared_candidates=False,
        generator=np.random.default_rng(seed),
        features=None if features is None else np.asarray(features, dtype=np.float32).reshape(counts.sum(), -1),
        others=tuple(padded(each, counts.max()) for each in others),
    )


def padded(rows, width):
    return np.array([list(row) + [0.0] * (width - len(row)) for row in rows], dtype=np.float32)


def made(name, given, **fields):
    """What a row of the table makes of labels."""
    return registry.build("relabelings", name, fields)(given)


class Planted(NamedTuple):
    given: LabelBatch
    truth: np.ndarray


def planted(shared: bool, *, n=400, n_classes=2, noise=0.3, seed=0) -> Planted:
    """Labels of which a share is wrong, on features of which a linear function tells the right candidate.

    Wrong labels are less sure on average, so that confidence tells something. Four further labels are as often wrong,
    at other examples. A quarter of the truths are told.
    """
    generator = np.random.default_rng(seed)
    counts = np.full(n, n_classes) if shared else generator.integers(3, 7, n)
    real = np.arange(counts.max()) < counts[:, None]
    scores = np.full(real.shape, -np.inf)
    if shared:
        features = generator.normal(size=(n, 3))
        scores[:] = features @ generator.normal(size=(3, n_classes))
    else:
        features = generator.normal(size=(counts.sum(), 3))
        scores[real] = features @ np.array([2.0, -1.0, 0.5])
        features += np.repeat(generator.normal(scale=5, size=(n, 3)), counts, axis=0)
    truth = scores.argmax(axis=1)

    def weak():
        wrong = generator.random(n) < noise
        chosen = np.where(wrong, (truth + generator.integers(1, counts)) % counts, truth)
        rest = np.where(real, generator.random(real.shape), 0)
        rest /= rest.sum(axis=1, keepdims=True)
        sure = np.where(wrong, generator.uniform(0.5, 0.8, n), generator.uniform(0.5, 1.0, n))[:, None]
        return ((1 - sure) * rest + sure * np.eye(real.shape[1])[chosen]).astype(np.float32)

    trusted = np.where(generator.random(n) < 0.25, truth, -1)
    labels = [weak() for _ in range(5)]
    given = LabelBatch(
        labels[0],
        counts,
        shared,
        np.random.default_rng(seed),
        features.astype(np.float32),
        tuple(labels[1:]),
        trusted,
    )
    return Planted(given, truth)


def right_share(made, truth) -> float:
    """Share of right labels among what is kept, by weight."""
    weights = np.ones(len(truth)) if made.weights is None else made.weights
    return float(((made.probs.argmax(axis=1) == truth) * weights).sum() / weights.sum())
