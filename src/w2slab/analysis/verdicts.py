"""Verdicts: significance after Holm's correction, and the effects that would have been found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from w2slab.analysis.estimator import Batch, Row
from w2slab.stats.comparing import detectable, holm, verdict
from w2slab.stats.seeds import BySeed, noise

SAME_STUDENT = "same student"
NOT_SIGNIFICANT = "not significant"


def smallest_detectable(batch: Batch, metric: BySeed) -> Any:
    """The minimum detectable effect on a mean over seeds, at the batch's level and 80% power: [C]."""
    error = noise(metric, n_units=batch.n_units)
    return detectable(error.standard_error, degrees=error.degrees, level=batch.level, n_units=batch.n_units)


def correct(
    rows: Sequence[Row],
    level: float,
    *,
    difference: str = "accuracy_difference",
    untested: Callable[[Row], str | None] = lambda row: SAME_STUDENT if row["test"] == "none" else None,
) -> None:
    """Add p-values adjusted by Holm's method over all rows that are tested, and verdicts.

    Args:
        rows: With `p`; `p_adjusted` and `verdict` are added.
        level: One minus the family-wise level.
        difference: The column whose sign is the direction.
        untested: The word that stands for the verdict of a row that is not tested, or `None` where it is.
    """
    tested = [row for row in rows if untested(row) is None]
    adjusted = iter(holm([row["p"] for row in tested]))
    for row in rows:
        word = untested(row)
        p = float("nan") if word is not None else next(adjusted)
        row |= {"p_adjusted": p, "verdict": verdict(row[difference], p, level) if word is None else word}
