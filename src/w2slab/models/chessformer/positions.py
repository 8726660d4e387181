"""Chess positions and their legal moves as arrays, and batches of them for the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from w2slab.errors import DataError
from w2slab.tasks.chess.attacks import move_relations, piece_relations
from w2slab.tasks.chess.position import parse_move, parse_position

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

_PIECES = {letter: code for code, letter in enumerate(".PNBRQKpnbrqk")}
_PROMOTIONS = "nbrq"
MOST_PIECES = 64  # as many as squares: puzzles may be composed


@dataclass(frozen=True)
class Sight:
    """Attacks between pieces and pieces touched by moves, a bit for each piece: computed once, read in every epoch.

    Args:
        pieces: uint8 `[N, 2, 64, 8]`, for each piece those that it attacks directly, and through one piece.
        moves: uint8 `[sum(counts), 2, 8]`, for each move the pieces it then attacks, and those that reach it.
    """

    pieces: NDArray[np.uint8]
    moves: NDArray[np.uint8]


@dataclass(frozen=True)
class Positions:
    """Positions and their legal moves as arrays, as the side to move sees them (ranks and colours swapped for Black).

    Args:
        boards: `[N, 64]`, 0 for an empty square, 1-6 for the mover's pawn to king, 7-12 for the other side's.
        states: `[N, 2]`, castling rights as bits (own king's side, own queen's side, enemy's) and en passant file + 1.
        moves: `[sum(counts)]`, from | to << 6 | promotion << 12, the moves of one position in their given order.
        counts: `[N]`, how many moves each position has.
        offsets: `[N + 1]`, where they begin.
        sight: Their relations, if they were worked out beforehand.
    """

    boards: NDArray[np.int8]
    states: NDArray[np.uint8]
    moves: NDArray[np.uint16]
    counts: NDArray[np.integer]
    offsets: NDArray[np.int64]
    sight: Sight | None = None

    def __len__(self) -> int:
        return len(self.counts)


def encode_positions(fens: Sequence[str], moves: Sequence[Sequence[str]], ids: Sequence[str]) -> Positions:
    """Positions from FEN and their legal moves in UCI.

    Raises:
        DataError: A position or a move is malformed, or a move does not start at a piece of the side to move.
    """
    boards = np.zeros((len(fens), 64), np.int8)
    states = np.zeros((len(fens), 2), np.uint8)
    codes: list[int] = []
    for row, (fen, listed, name) in enumerate(zip(fens, moves, ids, strict=True)):
        try:
            position = parse_position(fen)
            is_white = position.white_to_move
            own = [_move_code(uci, is_white) for uci in listed]
        except DataError as error:
            raise DataError(f"example {name}: {error}") from None
        pieces = position.pieces if is_white else _mirrored(position.pieces)
        rights = position.castling if is_white else position.castling.swapcase()
        boards[row] = [_PIECES[letter] for letter in pieces]
        states[row, 0] = sum(1 << "KQkq".index(letter) for letter in rights)
        codes += own
        for uci, code in zip(listed, own, strict=True):
            start, end = code & 63, code >> 6 & 63
            if not 1 <= boards[row, start] <= 6:
                raise DataError(f"example {name}: move {uci}: no piece of the side to move stands there; FEN {fen}")
            if boards[row, start] == 1 and (start ^ end) & 7 and not boards[row, end]:
                states[row, 1] = 1 + (end & 7)  # a pawn goes aside to an empty square: en passant is possible
    counts = np.array([len(listed) for listed in moves], np.int64)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    positions = Positions(boards, states, np.array(codes, np.uint16), counts, offsets)
    return replace(positions, sight=_sight(positions))


def _sight(positions: Positions) -> Sight:
    """The relations of all positions, in batches."""
    pieces = np.zeros((len(positions), 2, MOST_PIECES, MOST_PIECES // 8), np.uint8)
    moves = np.zeros((len(positions.moves), 2, MOST_PIECES // 8), np.uint8)
    for first in range(0, len(positions), 512):
        batch = _Batch(positions, np.arange(first, min(first + 512, len(positions))))
        lines = piece_relations(batch.pieces, batch.squares)
        touched = move_relations(batch.pieces, batch.squares, batch.movers, batch.destinations, batch.becomes)
        for kind, relation in enumerate(lines):
            bits = np.packbits(relation, axis=-1, bitorder="little")
            pieces[batch.indices, kind, : bits.shape[1], : bits.shape[2]] = bits
        for kind, relation in enumerate(touched):
            bits = np.packbits(relation, axis=-1, bitorder="little")[batch.rows, batch.columns]
            moves[batch.flat, kind, : bits.shape[1]] = bits
    return Sight(pieces, moves)


def _mirrored(pieces: str) -> str:
    return "".join(pieces[rank : rank + 8] for rank in range(56, -1, -8)).swapcase()


@cache
def _move_code(uci: str, is_white: bool) -> int:
    move = parse_move(uci)
    mirror = 0 if is_white else 56
    promotion = 1 + _PROMOTIONS.index(move.promotion) if move.promotion else 0
    return (move.origin ^ mirror) | (move.target ^ mirror) << 6 | promotion << 12


class _Batch:
    """Some positions side by side, padded to the most pieces `P` and moves `M` that one of them has."""

    def __init__(self, positions: Any, indices: NDArray[np.integer]) -> None:
        self.indices = indices
        boards, counts = positions.boards[indices], positions.counts[indices].astype(np.int64)
        self.rows = np.repeat(np.arange(len(boards)), counts)
        self.columns = np.arange(len(self.rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        self.flat = np.repeat(positions.offsets[indices], counts) + self.columns
        self.pieces, self.squares, tokens = _pieces(boards)
        moves = _moves(boards, tokens, positions.moves[self.flat], self.rows, self.columns)
        self.movers, self.captured, self.destinations, self.becomes = moves


def collate(positions: Any, indices: NDArray[np.integer], sight: Sight | None = None) -> dict[str, torch.Tensor]:
    """One batch for the network: `P` pieces and `M` moves are the most that one of these positions has.

    Args:
        positions: Anything with the arrays of `Positions`, a corpus mapped from disk for example.
        indices: `[B]`, which positions.
        sight: The positions' relations; worked out for the batch where they are not at hand.
    """
    import torch

    batch = _Batch(positions, indices)
    n_positions, n_pieces = batch.pieces.shape
    relations = np.zeros((n_positions, 4, n_pieces + 1, n_pieces + 1), np.float32)
    touches = np.zeros((n_positions, batch.movers.shape[1], 2, n_pieces + 1), np.float32)
    lines: Sequence[NDArray[Any]]
    if sight is None:
        lines = piece_relations(batch.pieces, batch.squares)
        touched = move_relations(batch.pieces, batch.squares, batch.movers, batch.destinations, batch.becomes)
        touches[:, :, :, 1:] = np.stack(touched, axis=2)
    else:
        bits = sight.pieces[indices][:, :, :n_pieces]
        unpacked = np.unpackbits(bits, axis=-1, count=n_pieces, bitorder="little")
        lines = unpacked[:, 0], unpacked[:, 1]
        touches[batch.rows, batch.columns, :, 1:] = np.unpackbits(
            sight.moves[batch.flat], axis=-1, count=n_pieces, bitorder="little"
        )
    for kind, relation in enumerate(lines):
        relations[:, 2 * kind, 1:, 1:] = relation
        relations[:, 2 * kind + 1, 1:, 1:] = relation.transpose(0, 2, 1)
    arrays = {
        "pieces": batch.pieces,
        "squares": batch.squares,
        "states": positions.states[indices].astype(np.int64),
        "relations": relations,
        "movers": batch.movers,
        "captured": batch.captured,
        "destinations": batch.destinations,
        "becomes": batch.becomes,
        "touches": touches.reshape(n_positions, -1, 2 * (n_pieces + 1)),
    }
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def _pieces(boards: NDArray[np.int8]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Pieces and their squares `[B, P]`, and which token stands on each square `[B, 64]` (0: none)."""
    n_pieces = np.count_nonzero(boards, axis=1)
    rows, places = np.nonzero(boards)
    columns = np.arange(len(rows)) - np.repeat(np.cumsum(n_pieces) - n_pieces, n_pieces)
    pieces = np.zeros((len(boards), n_pieces.max()), np.int64)
    squares, tokens = np.zeros_like(pieces), np.zeros((len(boards), 64), np.int64)
    pieces[rows, columns] = boards[rows, places]
    squares[rows, columns] = places
    tokens[rows, places] = columns + 1
    return pieces, squares, tokens


def _moves(
    boards: NDArray[np.int8],
    tokens: NDArray[np.int64],
    moves: NDArray[np.uint16],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
) -> tuple[NDArray[np.int64], ...]:
    """Mover, token captured (0: none), destination and what the mover becomes (0: no such move), `[B, M]` each.

    Args:
        boards: `[B, 64]`.
        tokens: `[B, 64]`, which token stands on each square.
        moves: All moves of the batch, one after the other.
        rows: Which position each of them belongs to.
        columns: Its place among that position's moves.
    """
    start, end, promotion = ((moves >> shift & mask).astype(np.int64) for shift, mask in ((0, 63), (6, 63), (12, 7)))
    kind, taken = boards[rows, start].astype(np.int64), tokens[rows, end]
    passing = (kind == 1) & (taken == 0) & ((start ^ end) & 7 > 0)
    taken = np.where(passing, tokens[rows, np.maximum(end - 8, 0)], taken)
    values = (tokens[rows, start] - 1, taken, end, np.where(promotion > 0, promotion + 1, kind))
    table = np.zeros((4, len(boards), columns.max() + 1), np.int64)
    table[:, rows, columns] = values
    return tuple(table)
