"""Ceilings over seeds: how far apart runs lie that differ in nothing else, and which of them failed to train."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from w2slab.analysis.judge import Cell, Judge, Row
from w2slab.analysis.references import references
from w2slab.stats.ceilings import low_modes, noise_floor

if TYPE_CHECKING:
    from w2slab.analysis.outcomes import TestSet


def ceiling_rows(judge: Judge, cells: Sequence[Cell]) -> list[Row]:
    """A row per strong model; methods with a ceiling of their own have a row each, and `method` says which."""
    rows = []
    for ceiling in references(cells, "ceiling", by_weak=False):
        runs = zip(ceiling.right, ceiling.seeds, strict=True)
        estimates = [judge.estimate(judge.judgement.by_seed([asked]), (seed,)) for asked, seed in runs]
        accuracies = np.array([each.value for each in estimates])
        # By the lower end, which is not at the estimate where resamples do not differ, as where all are right.
        errors = np.array([each.value - each.low for each in estimates]) / float(ndtri((1 + judge.level) / 2))
        reasons = low_modes(accuracies, errors, _guessing(judge.judgement.test), judge.level)
        low = [(seed, reason) for seed, reason in zip(ceiling.seeds, reasons, strict=True) if reason is not None]
        names = {"task": cells[0].identity["task"], "model": ceiling.strong, "method": ceiling.method}
        rows.append(
            names
            | {"seeds": ceiling.seeds, "accuracy": float(accuracies.mean())}
            | noise_floor(accuracies, judge.level)._asdict()
            | {"low_mode_seeds": tuple(seed for seed, _ in low), "low_mode_reasons": tuple(reason for _, reason in low)}
            | {"level": judge.level}
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
