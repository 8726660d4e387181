"""Tables as files: what CSV and Parquet hold is what the results hold."""

from __future__ import annotations

import csv
from math import isnan, nan

import pyarrow.parquet as pq

from w2slab.analysis import all_tables
from w2slab.analysis.table_files import arrow_table, write_parquet
from w2slab.report.tables import write_tables


def test_parquet_keeps_kinds_and_undefined_is_null(tmp_path):
    rows = [
        {"name": "a", "seeds": (0, 1), "pgr": nan, "reason": None, "n": 3, "words": ("x",)},
        {"name": "b", "seeds": (2,), "pgr": 0.25, "reason": "no gap", "n": 4, "words": ()},
    ]
    table = pq.read_table(write_parquet(rows, tmp_path / "t.parquet"))
    assert table.to_pylist() == [
        {"name": "a", "seeds": [0, 1], "pgr": None, "reason": None, "n": 3, "words": ["x"]},
        {"name": "b", "seeds": [2], "pgr": 0.25, "reason": "no gap", "n": 4, "words": []},
    ]
    assert str(table.schema.field("pgr").type) == "double"


def test_a_column_that_is_never_defined_is_still_one_of_numbers():
    assert str(arrow_table([{"pgr": nan}, {"pgr": nan}]).schema.field("pgr").type) == "double"


def test_both_files_hold_every_row_of_every_table(chess, page):
    results = chess[2]
    for part, name in {(table.name, table.stem) for table in all_tables().values()} - {("over_tasks", "over-tasks")}:
        rows = results[part]
        with (page.parent / f"{name}.csv").open(newline="") as file:
            lines = list(csv.DictReader(file))
        kept = pq.read_table(page.parent / f"{name}.parquet").to_pylist()
        assert len(lines) == len(kept) == len(rows) > 0
        assert list(lines[0]) == list(kept[0]) == list(rows[0])
        for row, other in zip(rows, kept, strict=True):
            for column, value in row.items():
                expected = list(value) if isinstance(value, tuple) else value
                is_undefined = isinstance(value, float) and isnan(value)
                assert other[column] == (None if is_undefined else expected), (name, column)


def test_a_table_that_became_empty_is_removed(chess, tmp_path):
    (tmp_path / "differences.csv").write_text("of an earlier report")
    (tmp_path / "notes.csv").write_text("not ours")
    written = write_tables(chess[2].replaced(differences=[]), [], tmp_path)
    assert "differences" not in written
    assert "jobs" not in written
    assert not (tmp_path / "differences.csv").exists()
    assert (tmp_path / "notes.csv").exists()
