"""Chess positions and moves as plain data, read from FEN and UCI without any chess library.

Nothing here knows the rules: legal moves come with the puzzle. Squares are numbered 0 (a1) to 63 (h8), row by row.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import NamedTuple

from w2slab.errors import DataError

FILES = "abcdefgh"
PIECES = "PNBRQKpnbrqk"
UCI_PATTERN = "([a-h])([1-8])([a-h])([1-8])([nbrq]?)"
_UCI = re.compile(UCI_PATTERN)
_CASTLING = re.compile(r"-|K?Q?k?q?")
_EN_PASSANT = re.compile(r"-|[a-h][36]")
_EMPTY = frozenset("12345678")


@dataclass(frozen=True, slots=True)
class Position:
    """Content of a FEN's first four fields.

    Args:
        pieces: 64 characters from a1 to h8: a FEN letter, or "." for an empty square.
        white_to_move: Whose turn it is.
        castling: FEN's letters among "KQkq"; empty when nobody may castle.
        en_passant: The square behind a pawn that has just moved two; None when there is none.
    """

    pieces: str
    white_to_move: bool
    castling: str
    en_passant: int | None


class Move(NamedTuple):
    """A move in UCI, taken apart; `promotion` is one of "nbrq", or empty."""

    origin: int
    target: int
    promotion: str


def parse_square(name: str) -> int:
    """The number of a square such as "e4"."""
    if len(name) != 2 or name[0] not in FILES or name[1] not in "12345678":
        raise DataError(f'square "{name}": write a file a-h and a rank 1-8, such as e4')
    return FILES.index(name[0]) + 8 * (int(name[1]) - 1)


def parse_move(uci: str) -> Move:
    """The move that a UCI text such as "e2e4" or "a7a8q" describes."""
    match = _UCI.fullmatch(uci)
    if match is None:
        raise DataError(f'move "{uci}": not UCI; write two squares and perhaps a promotion, such as e2e4 or a7a8q')
    origin_file, origin_rank, target_file, target_rank, promotion = match.groups()
    origin = FILES.index(origin_file) + 8 * (int(origin_rank) - 1)
    return Move(origin, FILES.index(target_file) + 8 * (int(target_rank) - 1), promotion)


def parse_position(fen: str) -> Position:
    """The position of a FEN; the two counters at its end may be there or not, and are not read."""
    fields = fen.split()
    if len(fields) not in (4, 5, 6):
        raise _bad(fen, f"it has {len(fields)} fields", "give pieces, side to move, castling and en passant square")
    placement, side, castling, en_passant = fields[:4]
    pieces = _parse_placement(fen, placement)
    if side not in ("w", "b"):
        raise _bad(fen, f'side to move "{side}"', "write w or b")
    if not _CASTLING.fullmatch(castling):
        raise _bad(fen, f'castling "{castling}"', "write some of KQkq in this order, or -")
    if not _EN_PASSANT.fullmatch(en_passant):
        raise _bad(fen, f'en passant square "{en_passant}"', "write a square of rank 3 or 6, or -")
    return Position(
        pieces,
        side == "w",
        "" if castling == "-" else castling,
        None if en_passant == "-" else parse_square(en_passant),
    )


def _parse_placement(fen: str, placement: str) -> str:
    ranks = placement.split("/")
    if len(ranks) != 8:
        raise _bad(fen, f"{len(ranks)} ranks of pieces", "write 8, separated by /")
    rows = []
    for number, rank in zip(range(8, 0, -1), ranks, strict=True):
        row = "".join("." * int(letter) if letter in _EMPTY else letter for letter in rank)
        if len(row) != 8:
            raise _bad(fen, f'rank {number} "{rank}" has {len(row)} squares', "each rank has 8")
        rows.append(row)
    pieces = "".join(reversed(rows))
    unknown = set(pieces) - set(PIECES) - {"."}
    if unknown:
        raise _bad(fen, f'"{min(unknown)}" is no piece', f"pieces are {PIECES}")
    for king, owner in (("K", "white"), ("k", "black")):
        if pieces.count(king) != 1:
            raise _bad(fen, f"{owner} has {pieces.count(king)} kings", "each side has one")
    return pieces


def _bad(fen: str, what: str, remedy: str) -> DataError:
    return DataError(f'FEN "{fen}": {what}; {remedy}')


def position_id(fen: str) -> str:
    """A stable name of the position, from the FEN's first four fields: 16 hex digits."""
    return hashlib.sha256(" ".join(fen.split()[:4]).encode()).hexdigest()[:16]


def mirror_fen(fen: str) -> str:
    """The first four fields of the same position with colours exchanged and the board turned upside down."""
    placement, side, castling, en_passant = fen.split()[:4]
    turned = "/".join(reversed(placement.split("/"))).swapcase()
    rights = "".join(sorted(castling.swapcase(), key="KQkq-".index))
    rank = {"3": "6", "6": "3"}
    square = en_passant if en_passant == "-" else en_passant[0] + rank[en_passant[1]]
    return f"{turned} {'b' if side == 'w' else 'w'} {rights} {square}"
