from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from w2slab.errors import DataError
from w2slab.tasks.chess.position import mirror_fen
from w2slab.tasks.chess.table import puzzle_schema, read_puzzles, split_of, write_puzzles

FEN = "6k1/5ppp/8/8/8/8/5PPP/R5K1 w - - 0 1"
OTHER_FEN = "6k1/5ppp/8/8/8/8/5PPP/1R4K1 w - - 0 1"


def puzzle(**changes):
    row = {
        "group": "game-1",
        "fen": FEN,
        "setup": "g7g6",
        "moves": ["a1a7", "a1a8", "g1f1"],
        "right": [1],
        "difficulty": 4.5,
    }
    return row | changes


def test_written_puzzles_are_read_back(tmp_path):
    path = tmp_path / "puzzles.parquet"
    written = write_puzzles(path, [puzzle(), puzzle(fen=OTHER_FEN, group="game-2", right=[1, 0])])
    table = read_puzzles(path)
    assert written.n_train + written.n_test == table.num_rows == 2
    assert table.schema.equals(puzzle_schema())
    first, second = table.to_pylist()
    assert {name: first[name] for name in puzzle()} == puzzle()
    assert second["right"] == [1, 0]
    assert first["split"] == split_of("game-1")
    assert first["id"] != second["id"]


def test_same_rows_give_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_puzzles(tmp_path / name, [puzzle(), puzzle(fen=OTHER_FEN)])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_position_is_kept_once_whatever_its_colours_and_counters(tmp_path):
    same = [puzzle(), puzzle(fen=FEN.replace("0 1", "7 30")), puzzle(fen=f"{mirror_fen(FEN)} 0 1", group="game-9")]
    written = write_puzzles(tmp_path / "puzzles.parquet", same)
    assert (written.n_train + written.n_test, written.n_duplicates) == (1, 2)


def test_split_follows_the_group_and_about_a_fifth_is_test():
    splits = [split_of(f"game-{number}") for number in range(2000)]
    assert 0.19 < splits.count("test") / 2000 < 0.25


GOOD = puzzle() | {"id": "a", "split": "train"}


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([GOOD, GOOD], 'row 1: id: "a" is also the id of row 0'),
        ([GOOD | {"split": "validation"}], 'row 0: split: "validation" is no split'),
        ([GOOD, GOOD | {"id": "b", "split": "test"}], 'row 1: split: group "game-1" is in both splits'),
        ([GOOD, GOOD | {"id": "b", "fen": "8/8 w - -"}], "row 1: fen: "),
        ([GOOD | {"fen": None}], "row 0: fen: there is no value"),
        ([GOOD | {"setup": "e2-e4"}], 'row 0: setup: "e2-e4" is not UCI'),
        ([GOOD, GOOD | {"id": "b", "moves": ["a1a8", "Ra8"], "right": [0]}], 'row 1: moves: "Ra8" is not UCI'),
        ([GOOD | {"moves": []}], "row 0: moves: there are none"),
        ([GOOD | {"moves": ["a1a8", "a1a8"]}], "row 0: moves: a move is there twice"),
        ([GOOD | {"right": []}], "row 0: right: [] does not say"),
        ([GOOD | {"right": [1, 1]}], "row 0: right: [1, 1] does not say"),
        ([GOOD | {"right": [3]}], "row 0: right: [3] goes beyond the 3 moves"),
        ([GOOD | {"right": [-1]}], "row 0: right: [-1] goes beyond"),
        ([GOOD | {"difficulty": float("nan")}], "row 0: difficulty: nan is not finite"),
    ],
)
def test_unusable_row_is_an_error_that_names_row_and_column(tmp_path, rows, says):
    path = tmp_path / "puzzles.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=puzzle_schema()), path)
    with pytest.raises(DataError) as caught:
        read_puzzles(path)
    assert str(caught.value).startswith(f"{path}: {says}")


def test_missing_column_is_an_error(tmp_path):
    path = tmp_path / "puzzles.parquet"
    pq.write_table(pa.Table.from_pylist([GOOD], schema=puzzle_schema()).drop_columns(["right"]), path)
    with pytest.raises(DataError, match="column right is missing"):
        read_puzzles(path)


def test_column_of_another_type_is_an_error(tmp_path):
    path = tmp_path / "puzzles.parquet"
    table = pa.Table.from_pylist([GOOD], schema=puzzle_schema())
    pq.write_table(table.set_column(6, "right", pa.array(["a1a8"])), path)
    with pytest.raises(DataError, match="column right is string"):
        read_puzzles(path)


def test_other_integer_and_string_types_are_as_good(tmp_path):
    path = tmp_path / "puzzles.parquet"
    table = pa.Table.from_pylist([GOOD], schema=puzzle_schema())
    table = table.set_column(6, "right", table["right"].cast(pa.list_(pa.int64())))
    pq.write_table(table.set_column(3, "fen", table["fen"].cast(pa.large_string())), path)
    assert read_puzzles(path).schema.equals(puzzle_schema())


def test_files_that_are_no_table_are_errors(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_puzzles(tmp_path / "none.parquet")
    (tmp_path / "text.parquet").write_text("id,group\n")
    with pytest.raises(DataError, match="not a Parquet file"):
        read_puzzles(tmp_path / "text.parquet")


def test_reading_needs_neither_python_chess_nor_torch(tmp_path):
    path = tmp_path / "puzzles.parquet"
    write_puzzles(path, [puzzle()])
    code = (
        "import sys; sys.modules['chess'] = None; sys.modules['torch'] = None; from pathlib import Path; "
        "from w2slab.tasks.chess.table import read_puzzles; print(read_puzzles(Path(sys.argv[1])).num_rows)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


SHIPPED = Path(sys.modules["w2slab.errors"].__file__ or "").parent / "assets" / "chess" / "puzzles.parquet"


def test_shipped_puzzles_are_many_small_and_sound():
    table = read_puzzles(SHIPPED)
    rows = table.to_pylist()
    assert len(rows) >= 12_000
    assert sum(row["split"] == "test" for row in rows) >= 2_500
    assert SHIPPED.stat().st_size <= 3_500_000
    names = {row["fen"].rsplit(" ", 2)[0] for row in rows}
    assert len(names) == len(rows)
    assert not any(mirror_fen(row["fen"]) in names for row in rows)
    assert all(row["split"] == split_of(row["group"]) for row in rows)
    assert all(row["moves"] == sorted(row["moves"]) and len(row["moves"]) >= 2 for row in rows)
