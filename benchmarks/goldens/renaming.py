"""What the new tree calls otherwise; everything that is not listed here has to be equal."""

from __future__ import annotations

from comparing import Renaming

RENAMING = Renaming(
    # Whole values: columns, tables, controls, stopping points, kinds of jobs.
    names={"weak-is-strong": "self-training", "true-labels": "true-labels"},
    # Patterns in all text, in order, and what takes their place.
    words=((r"weak-is-strong", "self-training"),),
)
# Words of the studies in this folder that the new tree writes otherwise.
WRITTEN: dict[str, str] = {"weak-is-strong": "self-training"}
# The command that ranks methods.
RANK = {"old": ("bench", "methods"), "new": ("bench", "methods")}
