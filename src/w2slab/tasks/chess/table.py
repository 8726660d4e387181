"""The table of puzzles: one row per position, with its legal moves and those that are right.

One shape for puzzles of every origin, so that a study needs neither a chess library nor an engine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2slab.errors import DataError
from w2slab.graph.atomic import write_atomically
from w2slab.tasks.chess.position import UCI_PATTERN, mirror_fen, parse_position, position_id

if TYPE_CHECKING:
    import pyarrow as pa

TEST_FRAC = 0.22
QUANTILES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0)
COLUMNS = ("id", "group", "split", "fen", "setup", "moves", "right", "difficulty")


@dataclass(frozen=True)
class Written:
    """Number of puzzles of a table, and of those left out as positions that it already had."""

    n_train: int
    n_test: int
    n_duplicates: int


def puzzle_schema() -> pa.Schema:
    """The columns of a table of puzzles and their types.

    `id` names the position; `group` the game, which is never split over `split` "train" and "test"; `fen` is the
    position to solve, after the opponent's move `setup`; `moves` are all legal moves in UCI, sorted; `right` are
    places in `moves`, the solution first; `difficulty` is the base-2 logarithm of the nodes an engine needs, or the
    rating that people gave the puzzle.
    """
    import pyarrow as pa

    text = pa.string()
    types = (text, text, text, text, text, pa.list_(text), pa.list_(pa.int16()), pa.float32())
    return pa.schema(list(zip(COLUMNS, types, strict=True)))


def split_of(group: str) -> str:
    """The split that a group belongs to, decided by its digest: the same in every table."""
    digest = hashlib.sha256(f"chess-split:{group}".encode()).digest()
    return "test" if int.from_bytes(digest[:8], "big") < TEST_FRAC * 2**64 else "train"


def require_parquet(path: Path) -> None:
    """Refuse a name that is not a Parquet file's, before the work that would end in it."""
    if path.suffix != ".parquet":
        raise DataError(f"{path}: a table of puzzles is a Parquet file; give a name that ends in .parquet")


def write_puzzles(path: Path, rows: Iterable[dict[str, Any]]) -> Written:
    """Write the rows as a table, each position once: of equals, mirrored ones too, the first is kept.

    Each row has `group`, `fen`, `setup`, `moves`, `right` and `difficulty`; what else it has is left out.
    """
    import pyarrow as pa

    seen: set[str] = set()
    kept: list[dict[str, Any]] = []
    n_duplicates = 0
    for row in rows:
        name, mirrored = position_id(row["fen"]), position_id(mirror_fen(row["fen"]))
        if name in seen or mirrored in seen:
            n_duplicates += 1
            continue
        seen.add(name)
        kept.append(row | {"id": name, "split": split_of(row["group"])})
    table = pa.Table.from_pylist([{name: row[name] for name in COLUMNS} for row in kept], schema=puzzle_schema())
    write_atomically(path, to_parquet(table))
    n_test = sum(row["split"] == "test" for row in kept)
    return Written(len(kept) - n_test, n_test, n_duplicates)


def write_table_card(path: Path, written: Written, card: dict[str, Any]) -> None:
    """Say in a JSON file beside the table how it was made, and what is in it."""
    import json

    import numpy as np

    difficulty = read_puzzles(path).column("difficulty").to_numpy()
    quantiles = {f"{q:g}": round(float(np.quantile(difficulty, q)), 2) for q in QUANTILES} if len(difficulty) else {}
    content = card | {
        "n_puzzles": {"train": written.n_train, "test": written.n_test},
        "n_duplicates_left_out": written.n_duplicates,
        "difficulty_quantiles": quantiles,
    }
    write_atomically(path.with_suffix(".json"), (json.dumps(content, indent=2) + "\n").encode())


def to_parquet(table: pa.Table) -> bytes:
    """The table as a Parquet file, as small as zstd makes it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    # Ids are all different and difficulties nearly so: a dictionary would store each of them twice.
    repeated = ["group", "split", "setup", "moves.list.element", "right.list.element"]
    pq.write_table(table, sink, compression="zstd", compression_level=19, use_dictionary=repeated)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def read_puzzles(path: Path) -> pa.Table:
    """The puzzles of a file, checked.

    Raises:
        DataError: The file is missing, is no table of puzzles, or has a row that cannot be used; names file, row
            (counted from 0) and column.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise DataError(f"{path}: no such file. Make one with: w2slab chess puzzles --out {path}")
    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{path}: not a Parquet file ({error}). Make one with: w2slab chess puzzles") from error
    missing = [name for name in COLUMNS if name not in table.column_names]
    if missing:
        raise DataError(f"{path}: column {missing[0]} is missing; a table of puzzles has {', '.join(COLUMNS)}")
    table = table.select(COLUMNS)
    for field in puzzle_schema():
        table = _with_type(path, table, field)
    _check_rows(path, table)
    return table.combine_chunks()


def _with_type(path: Path, table: pa.Table, field: pa.Field) -> pa.Table:
    import pyarrow as pa

    column = table.column(field.name)
    if column.null_count:
        row = column.is_null().to_pylist().index(True)
        raise _bad(path, row, field.name, "there is no value", "give one in every row")
    try:
        column = column.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(f"{path}: column {field.name} is {column.type}, not {field.type} ({error})") from error
    return table.set_column(table.column_names.index(field.name), field, column)


def _check_rows(path: Path, table: pa.Table) -> None:
    columns = {name: table.column(name).to_pylist() for name in COLUMNS}
    _check_uci(path, table)
    first_row: dict[str, int] = {}
    split_of_group: dict[str, str] = {}
    for row, (name, group, split, fen) in enumerate(
        zip(*(columns[name] for name in ("id", "group", "split", "fen")), strict=True)
    ):
        if first_row.setdefault(name, row) != row:
            raise _bad(path, row, "id", f'"{name}" is also the id of row {first_row[name]}', "keep one of the two")
        if split not in ("train", "test"):
            raise _bad(path, row, "split", f'"{split}" is no split', "write train or test")
        if split_of_group.setdefault(group, split) != split:
            raise _bad(path, row, "split", f'group "{group}" is in both splits', "keep a group's puzzles together")
        try:
            parse_position(fen)
        except DataError as error:
            raise DataError(f"{path}: row {row}: fen: {error}") from error
    for row, (moves, right, difficulty) in enumerate(
        zip(columns["moves"], columns["right"], columns["difficulty"], strict=True)
    ):
        if not moves:
            raise _bad(path, row, "moves", "there are none", "give all legal moves")
        if len(set(moves)) != len(moves):
            raise _bad(path, row, "moves", "a move is there twice", "give each legal move once")
        if not right or len(set(right)) != len(right):
            raise _bad(path, row, "right", f"{right} does not say which moves are right", "give each place once")
        if min(right) < 0 or max(right) >= len(moves):
            raise _bad(path, row, "right", f"{right} goes beyond the {len(moves)} moves", "count places from 0")
        if difficulty - difficulty != 0:
            raise _bad(path, row, "difficulty", f"{difficulty} is not finite", "give a number")


def _check_uci(path: Path, table: pa.Table) -> None:
    """Check that each move is UCI, a whole column at once: there are thirty moves a row."""
    import pyarrow.compute as pc

    pattern = f"^(?:{UCI_PATTERN})$"
    for name in ("setup", "moves"):
        column = table.column(name).combine_chunks()
        rows = None if name == "setup" else pc.list_parent_indices(column)
        moves = column if rows is None else pc.list_flatten(column)
        place = pc.index(pc.fill_null(pc.match_substring_regex(moves, pattern), False), False).as_py()
        if place >= 0:
            row = place if rows is None else rows[place].as_py()
            raise _bad(path, row, name, f'"{moves[place].as_py()}" is not UCI', "write moves such as e2e4 or a7a8q")


def _bad(path: Path, row: int, column: str, what: str, remedy: str) -> DataError:
    return DataError(f"{path}: row {row}: {column}: {what}; {remedy}")
