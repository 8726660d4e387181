"""Analysis: predictions in the store become evidence, estimates with intervals, and tables.

`evidence` holds per-example outcomes of all models of a task as arrays; `estimator` makes estimates of many students at
a time; `verdicts` corrects for many comparisons; `tables/` has a module for each table. Shares are fractions, never
percent.
"""

from __future__ import annotations

from w2slab.analysis.estimator import ROLES, Batch, Cell, Estimator, cells_of
from w2slab.analysis.evidence import Evidence, Metric, read_evidence
from w2slab.analysis.plain_text import render
from w2slab.analysis.results import Missing, Planned, Results, collect
from w2slab.analysis.table_files import write_csv, write_parquet
from w2slab.analysis.tables import all_tables

__all__ = [
    "ROLES", "Batch", "Cell", "Estimator", "Evidence", "Metric", "Missing", "Planned", "Results", "all_tables",
    "cells_of", "collect", "read_evidence", "render", "write_csv", "write_parquet",
]  # fmt: skip
