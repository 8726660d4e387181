"""The report's tables as files beside the page: CSV for everyone, Parquet for programs."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2slab.analysis import Results, write_csv
from w2slab.analysis.frames import TABLES

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]
# File name, and which part of the results it holds.
FILES = {"results" if table == "rows" else table.replace("_", "-"): table for table in TABLES}


def write_tables(results: Results, costs: Sequence[Row], folder: Path) -> list[str]:
    """Write every table that has rows as `NAME.csv` and `NAME.parquet`.

    Args:
        results: What `collect` gave; what it says over tasks is left out where there is one.
        costs: A row for each job.
        folder: Where the files go; those of tables that are empty now are removed.

    Returns:
        The names of the tables that were written.
    """
    tables = {name: getattr(results, field) for name, field in FILES.items()} | {"jobs": costs}
    if len({row["task"] for row in results.summary}) < 2:
        tables["over-tasks"] = []
    for name, rows in tables.items():
        for path, write in ((folder / f"{name}.csv", write_csv), (folder / f"{name}.parquet", write_parquet)):
            if rows:
                write(rows, path)
            else:
                path.unlink(missing_ok=True)
    return [name for name, rows in tables.items() if rows]


def write_parquet(rows: Sequence[Row], path: Path) -> Path:
    """Write rows as Parquet; columns come from the first row, NaN becomes null, tuples become lists."""
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(arrow_table(rows), path)
    return path


def arrow_table(rows: Sequence[Row]) -> pa.Table:
    """Rows as an Arrow table; what is undefined is null."""
    import pyarrow as pa

    columns = {name: _column([row[name] for row in rows]) for name in rows[0]} if rows else {}
    return pa.table(columns)


def _column(values: list[Any]) -> pa.Array:
    import pyarrow as pa

    is_number = any(isinstance(value, float) for value in values)
    known = [None if isinstance(value, float) and isnan(value) else value for value in values]
    listed = [list(value) if isinstance(value, tuple) else value for value in known]
    return pa.array(listed, pa.float64() if is_number else None)
