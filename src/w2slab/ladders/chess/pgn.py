"""Games of people, read from PGN into the same shards as games of our own.

Only the moves of the main line are kept; comments, variations and annotations are skipped without being understood,
which is most of what makes this faster than a general reader.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from w2slab.errors import DataError
from w2slab.ladders.chess.engine import require_chess
from w2slab.ladders.chess.games import Game, shard_path, write_card
from w2slab.ladders.chess.shards import open_text, read_rows, run_shards, write_rows

SHARD_GAMES = 500
_TAG = re.compile(r'\[(\w+)\s+"((?:[^"\\]|\\.)*)"\]')
_SKIPPED = re.compile(r"\{[^}]*\}|;[^\n]*|^%.*$|\$\d+", re.MULTILINE)
_VARIATION = re.compile(r"\([^()]*\)")
_MOVE_NUMBER = re.compile(r"\d+\.+")
_RESULTS = frozenset(("1-0", "0-1", "1/2-1/2", "*"))


class RawGame(NamedTuple):
    """The text of one game and the line of the file where it begins."""

    line: int
    text: str


class Imported(NamedTuple):
    """Numbers of games of a PGN file that were read and refused, with reasons."""

    n_games: int
    problems: list[str]


def import_pgn(path: Path, out: Path, *, n_games: int | None = None, n_workers: int = 1, command: str = "") -> Imported:
    """Put the games of a `.pgn` or `.pgn.gz` file into shards under `out`; whole shards are kept.

    A game that cannot be read is left out and its problem kept, since big collections always have some. Only the
    first `n_games` are read; None is all.

    Raises:
        DataError: There is no such file, or no game in it.
    """
    blocks = read_blocks(path, n_games)
    first = next(blocks, None)
    if first is None:
        raise DataError(f'{path}: no game found; give a file in PGN, whose games begin with [Event "..."]')
    card = {"source": "pgn", "file": path.name, "digest": file_digest(path), "n_games": n_games}
    write_card(out, card, command)

    def missing() -> Iterator[tuple[Path, list[RawGame], Path]]:
        for number, block in enumerate(chain_first(first, blocks)):
            shard = shard_path(out, number)
            shards.append(shard)
            if not shard.exists():
                yield path, block, shard

    shards: list[Path] = []
    for _ in run_shards(_import_block, missing(), label="games: shards", n_workers=n_workers):
        pass
    rows = [row for shard in shards for row in read_rows(shard)]
    problems = [row["problem"] for row in rows if "problem" in row]
    return Imported(len(rows) - len(problems), problems)


def chain_first(first: list[RawGame], others: Iterator[list[RawGame]]) -> Iterator[list[RawGame]]:
    """The block that was read ahead, and then the others."""
    yield first
    yield from others


def read_blocks(path: Path, n_games: int | None) -> Iterator[list[RawGame]]:
    """The file's games by the shard."""
    # Names of players are the only place for letters beyond ASCII, and old files have them in any encoding.
    with open_text(path, encoding="latin-1") as stream:
        games = islice(split_games(stream, path), n_games)
        while block := list(islice(games, SHARD_GAMES)):
            yield block


def split_games(stream: io.TextIOBase, path: Path) -> Iterator[RawGame]:
    """Each game's text: it begins with the first tag after moves."""
    lines: list[str] = []
    first, has_moves, is_comment = 1, False, False
    try:
        for number, line in enumerate(stream, 1):
            is_tag = line.startswith("[") and not is_comment
            if is_tag and (has_moves or not lines):
                if has_moves:
                    yield RawGame(first, "".join(lines))
                lines, first, has_moves = [], number, False
            if not is_tag and line.strip():
                # A comment may hold a line that looks like a tag.
                is_comment = line.rfind("{") > line.rfind("}") or (is_comment and "}" not in line)
                has_moves = bool(lines)
            if lines or is_tag:
                lines.append(line)
    except (OSError, EOFError) as error:
        raise DataError(f"{path}: cannot be read on ({error}). Fetch the file again") from error
    if has_moves:
        yield RawGame(first, "".join(lines))


def _import_block(path: Path, block: list[RawGame], shard: Path) -> None:
    rows: list[dict[str, Any]] = []
    for raw in block:
        try:
            rows.append(parse_game(raw.text, f"{path}:{raw.line}").to_row())
        except DataError as error:
            rows.append({"problem": str(error)})
    write_rows(shard, rows)


def parse_game(text: str, place: str) -> Game:
    """The main line of one game, read at `place`."""
    chess = require_chess()
    head, _, body = text.partition("\n\n") if "\n\n" in text else text.partition("\n1.")
    tags = dict(_TAG.findall(head))
    start = tags.get("FEN")
    try:
        board = chess.Board(start) if start else chess.Board()
    except ValueError as error:
        raise DataError(f"{place}: FEN: {error}; give a position in FEN") from error
    moves: list[str] = []
    result = tags.get("Result", "*")
    for token in main_line(body):
        if token in _RESULTS:
            result = token
            break
        try:
            move = board.parse_san(token.rstrip("!?"))
        except ValueError as error:
            raise DataError(f'{place}: move {len(moves) + 1}: "{token}": {error}') from error
        if not move:
            raise DataError(f'{place}: move {len(moves) + 1}: "{token}" is no move')
        moves.append(move.uci())
        board.push(move)
    digest = hashlib.sha256(f"{start} {' '.join(moves)}".encode()).hexdigest()[:16]
    return Game(f"pgn-{digest}", tuple(moves), result if result in _RESULTS else "*", start)


def main_line(body: str) -> list[str]:
    """The tokens of the main line: moves in SAN and the result."""
    body = _SKIPPED.sub(" ", body)
    while "(" in body:
        shorter = _VARIATION.sub(" ", body)
        if shorter == body:
            break
        body = shorter
    return _MOVE_NUMBER.sub(" ", body).split()


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
