"""Weak labels -> weak labels that carry no knowledge: the controls."""

from __future__ import annotations

from typing import Any

import numpy as np

from w2slab.artifacts import Predictions, read_predictions, read_prepared, write_predictions
from w2slab.graph.job import JobContext
from w2slab.randomness import rng
from w2slab.specs import RelabelSpec, restore

# The splits that a student reads labels of.
LABELLED = ("student_train", "validation", "reserve")


def relabel(spec: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Write other labels for every split that a student may learn from or be validated on.

    shuffled: Each example gets the labels of another one, drawn without return. Where candidates differ by example,
        each row is shuffled over its own candidates: confidence stays, knowledge goes.
    random: A candidate drawn evenly, with certainty.
    constant: The first candidate, with certainty.
    """
    asked = restore(RelabelSpec, spec)
    is_shared = read_prepared(context.inputs["data"])["classes"] is not None
    change = {"shuffled": _across if is_shared else _within, "random": _random, "constant": _constant}[asked.name]
    written = {}
    for split in LABELLED:
        path = context.inputs["labels"] / "predictions" / f"{split}.parquet"
        if path.exists():
            labels = read_predictions(path)
            probs = change(labels, rng(asked.seed, "relabel", asked.name, split))
            changed = Predictions(labels.ids, probs, labels.n_candidates)
            write_predictions(context.out / "predictions" / f"{split}.parquet", changed)
            written[split] = len(labels)
    return {"n_examples": written}


def _across(labels: Predictions, generator: np.random.Generator) -> np.ndarray:
    return labels.probs[generator.permutation(len(labels))]


def _within(labels: Predictions, generator: np.random.Generator) -> np.ndarray:
    probs = labels.probs.copy()
    for row, n in zip(probs, labels.n_candidates, strict=True):
        row[:n] = generator.permutation(row[:n])
    return probs


def _random(labels: Predictions, generator: np.random.Generator) -> np.ndarray:
    return one_hot(generator.integers(labels.n_candidates), labels.probs.shape[1])


def _constant(labels: Predictions, generator: np.random.Generator) -> np.ndarray:
    return one_hot(np.zeros(len(labels), dtype=np.int64), labels.probs.shape[1])


def one_hot(choices: np.ndarray, width: int) -> np.ndarray:
    """Rows with 1 at the choice: float32 [N, width]."""
    probs = np.zeros((len(choices), width), dtype=np.float32)
    probs[np.arange(len(choices)), choices] = 1.0
    return probs
