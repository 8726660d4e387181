"""Ceilings over seeds: how far apart runs lie that differ in nothing else, and which of them failed to train."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from w2slab.analysis.estimator import Row, columns
from w2slab.analysis.references import Reference, references
from w2slab.analysis.tabular import LEVEL, SEEDS, Column, Table, TaskResults
from w2slab.stats.ceilings import low_modes, noise_floor

if TYPE_CHECKING:
    from w2slab.analysis.outcomes import TestSet


def _rows(results: TaskResults) -> list[Row]:
    """A row per strong model; methods with a ceiling of their own have a row each, and `method` names it."""
    estimator = results.estimator
    rows = []
    for ceiling in references(results.cells, "ceiling", by_weak=False):
        runs = [Reference(None, ceiling.strong, None, None, {seed: ceiling.models[seed]}) for seed in ceiling.seeds]
        found = estimator.rows(lambda batch: columns("accuracy", batch.estimate(batch.metric("right", "model"))), runs)
        accuracies = np.array([each["accuracy"] for each in found])
        # By the lower end, which is not at the estimate where resamples do not differ, as where all are right.
        lows = np.array([each["accuracy_low"] for each in found])
        errors = (accuracies - lows) / float(ndtri((1 + estimator.level) / 2))
        reasons = low_modes(accuracies, errors, _guessing(estimator.evidence.test), estimator.level)
        low = [(seed, reason) for seed, reason in zip(ceiling.seeds, reasons, strict=True) if reason is not None]
        names = {"task": estimator.evidence.task, "model": ceiling.strong, "method": ceiling.method}
        rows.append(
            names
            | {"seeds": ceiling.seeds, "accuracy": float(accuracies.mean())}
            | noise_floor(accuracies, estimator.level)._asdict()
            | {"low_mode_seeds": tuple(seed for seed, _ in low), "low_mode_reasons": tuple(reason for _, reason in low)}
            | {"level": estimator.level}
        )
    return rows


def _guessing(test: TestSet) -> float:
    """Accuracy of a random candidate or, if that is higher, of always the same class."""
    always = float(test.is_right.mean(axis=0).max()) if test.has_classes and len(test) else 0.0
    return max(test.chance, always)


def low_mode_notes(rows: Sequence[Row]) -> list[str]:
    """A sentence for each ceiling of which runs may have failed to train."""
    return [
        f"The ceiling {row['model']} on {row['task']}{_own(row)} may have failed to train under "
        f"{_how_many(row)}, counted all the same; {_by_seed(row)}."
        for row in rows
        if row["low_mode_seeds"]
    ]


def _own(row: Row) -> str:
    return f" (of {row['method']} alone)" if row["method"] else ""


def _how_many(row: Row) -> str:
    n_seeds = len(row["seeds"])
    return "its one seed" if n_seeds == 1 else f"{len(row['low_mode_seeds'])} of {n_seeds} seeds"


def _by_seed(row: Row) -> str:
    reasons = zip(row["low_mode_seeds"], row["low_mode_reasons"], strict=True)
    return "; ".join(f"seed {seed}: {reason}" for seed, reason in reasons)


TABLES = (
    Table(
        "ceilings", 100, _rows,
        (
            Column("task", "text", "Task"),
            Column("model", "text", "Model"),
            Column("method", "text", "", "The method that has it for its own, if one has."),
            SEEDS,
            Column("accuracy", "share", "Accuracy", "Mean over seeds."),
            Column("sd", "points", "Spread over seeds", "Standard deviation.", has_interval=True),
            Column("difference", "points", "Two runs differ by less than", "In 95 of 100 cases."),
            Column("low_mode_seeds", "list", "", "Seeds of runs that may have failed to train."),
            Column("low_mode_reasons", "list", "Looks untrained", "The reasons."),
            LEVEL,
        ),
    ),
)  # fmt: skip
