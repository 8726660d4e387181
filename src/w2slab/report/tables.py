"""The report's tables as files beside the page: CSV for everyone, Parquet for programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from w2slab.analysis import Results, all_tables, write_csv, write_parquet
from w2slab.analysis.estimator import Row


def write_tables(results: Results, costs: Sequence[Row], folder: Path) -> list[str]:
    """Write every table that has rows as `NAME.csv` and `NAME.parquet`.

    Args:
        results: The results.
        costs: A row for each job.
        folder: Where the files go; those of tables that are empty now are removed.

    Returns:
        The names of the tables that were written.
    """
    one_task = len({row["task"] for row in results.summary}) < 2
    files = {
        table.stem: [] if one_task and table.only_of_several_tasks else results[name]
        for name, table in all_tables().items()
    }
    files["jobs"] = list(costs)
    for name, rows in files.items():
        for path, write in ((folder / f"{name}.csv", write_csv), (folder / f"{name}.parquet", write_parquet)):
            if rows:
                write(rows, path)
            else:
                path.unlink(missing_ok=True)
    return [name for name, rows in files.items() if rows]
