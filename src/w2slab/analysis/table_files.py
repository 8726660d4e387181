"""Rows as files: CSV for everyone, Parquet for programs."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]


def write_csv(rows: Sequence[Row], path: Path) -> Path:
    """Write rows as CSV; the header comes from the first row, NaN and `None` are left empty."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(rows[0].keys() if rows else [])
        writer.writerows([_cell(value) for value in row.values()] for row in rows)
    return path


def _cell(value: Any) -> Any:
    if value is None or (isinstance(value, float) and isnan(value)):
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    return " ".join(map(str, value)) if isinstance(value, tuple) else value


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
