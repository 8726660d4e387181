"""Verdicts: significance after Holm's correction, and minimum detectable effects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from w2slab.analysis.estimator import Batch, Row
from w2slab.stats.comparing import NOT_SIGNIFICANT, holm_verdicts, minimum_detectable_effect
from w2slab.stats.seeds import BySeed, noise

__all__ = ["NOT_SIGNIFICANT", "SAME_STUDENT", "correct", "smallest_detectable"]
SAME_STUDENT = "same student"


def smallest_detectable(batch: Batch, metric: BySeed) -> Any:
    """Return the minimum detectable effects on means over seeds, at the batch's level and 80% power: [C]."""
    error = noise(metric, n_units=batch.n_units)
    return minimum_detectable_effect(
        error.standard_error, degrees=error.degrees, level=batch.level, n_units=batch.n_units
    )


def correct(rows: Sequence[Row], level: float) -> None:
    """Add Holm-adjusted p-values and verdicts; the same student twice is no comparison and is not corrected for."""
    differences, p_values = ([row[name] for row in rows] for name in ("accuracy_difference", "p"))
    untested = [SAME_STUDENT if row["test"] == "none" else None for row in rows]
    for row, found in zip(rows, holm_verdicts(differences, p_values, level, untested), strict=True):
        row |= found._asdict()
