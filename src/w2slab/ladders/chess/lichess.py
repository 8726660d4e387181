"""Lichess's file of puzzles as rows of our table: https://database.lichess.org/#puzzles.

There the position stands before the opponent's move: the first of `Moves` is that move, the second the solution.
Only this first answer is used of puzzles that go on. The difficulty is the rating that people gave the puzzle.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from w2slab.errors import DataError
from w2slab.ladders.chess.engine import require_chess
from w2slab.ladders.chess.puzzles import mating_moves
from w2slab.ladders.chess.shards import open_text
from w2slab.tasks.chess.table import Written, require_parquet, write_puzzles, write_table_card

FIELDS = ("PuzzleId", "FEN", "Moves", "Rating", "GameUrl")
_GAME = re.compile(r"lichess\.org/(\w{8})")


def import_lichess(path: Path, out: Path, *, skip_bad: bool = False, command: str = "") -> tuple[Written, list[str]]:
    """Write the file's puzzles as a table.

    With `skip_bad`, rows that cannot be used are left out, rather than end the import at the first. Lichess's own file
    has none; files that were put together from several sources often have rows without a rating.

    Returns:
        What was written, and what was wrong with the rows that were left out.
    """
    require_parquet(out)
    problems: list[str] = []
    rows = read_lichess(path, on_bad=(lambda error: problems.append(str(error))) if skip_bad else None)
    written = write_puzzles(out, rows)
    card = {
        "source": "lichess",
        "file": path.name,
        "command": command,
        "difficulty": "rating",
        "n_rows_left_out": len(problems),
    }
    write_table_card(out, written, card)
    return written, problems


def read_lichess(path: Path, *, on_bad: Callable[[DataError], None] | None = None) -> Iterator[dict[str, Any]]:
    """The puzzles of a `.csv`, `.csv.gz` or `.csv.zst` file, as `write_puzzles` takes them.

    `on_bad` gets the error of each row that cannot be used, which is then left out; None ends at the first.
    """
    reader = csv.DictReader(open_text(path), strict=True)
    try:
        missing = [name for name in FIELDS if name not in (reader.fieldnames or ())]
        if missing:
            raise DataError(f"{path}:1: column {missing[0]} is missing; Lichess's file has {', '.join(FIELDS)}")
        for row in reader:
            try:
                yield read_row(row, f"{path}:{reader.line_num}")
            except DataError as error:
                if on_bad is None:
                    raise DataError(f"{error}. Mend the row, or leave out such rows with --skip-bad") from None
                on_bad(error)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}:{reader.line_num}: cannot be read on ({error}). Fetch the file again") from error


def read_row(row: dict[str, str | None], place: str) -> dict[str, Any]:
    """The puzzle of one row of Lichess's file, read at `place`."""
    chess = require_chess()
    fields = {name: row[name] or "" for name in FIELDS}
    try:
        board = chess.Board(fields["FEN"])
    except ValueError as error:
        raise DataError(f"{place}: FEN: {error}; give a position in FEN") from error
    if not board.is_valid():
        raise DataError(f'{place}: FEN: "{fields["FEN"]}" cannot arise in a game ({board.status()!r}); correct it')
    moves = fields["Moves"].split()
    if len(moves) < 2:
        raise DataError(f'{place}: Moves: "{fields["Moves"]}" has no solution; give the set-up move and the answer')
    setup = legal_uci(board, moves[0], place)
    board.push_uci(setup)
    solution = legal_uci(board, moves[1], place)
    try:
        rating = float(fields["Rating"])
    except ValueError as error:
        raise DataError(f'{place}: Rating: "{fields["Rating"]}" is not a number') from error
    if not 0 < rating < 10_000:
        raise DataError(f"{place}: Rating: {rating} is no rating; give one from 1 to 9999")
    legal = sorted(move.uci() for move in board.legal_moves)
    mates = mating_moves(board, [solution]) and mating_moves(board, legal)
    right = [solution, *(mate for mate in mates if mate != solution)]
    game = _GAME.search(fields["GameUrl"])
    return {
        "group": f"lichess-{game[1] if game else 'puzzle-' + fields['PuzzleId']}",
        "fen": board.fen(),
        "setup": setup,
        "moves": legal,
        "right": [legal.index(move) for move in right],
        "difficulty": rating,
    }


def legal_uci(board: Any, text: str, place: str) -> str:
    """The move that `text` names, if it is legal on the board."""
    chess = require_chess()
    try:
        move = chess.Move.from_uci(text)
    except ValueError as error:
        raise DataError(f'{place}: Moves: "{text}" is not UCI; write a move such as e2e4 or a7a8q') from error
    if move not in board.legal_moves:
        raise DataError(f'{place}: Moves: "{text}" is not legal in {board.fen()}')
    return str(move.uci())
