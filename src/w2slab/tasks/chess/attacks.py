"""Attack relations on many boards at once, in NumPy, which a chess network reads.

Everything is two table look-ups and a mask: where a piece could go on an empty board (`REACH`), and which squares
would have to be empty (`BETWEEN`). Squares count from a1 = 0 to h8 = 63; pieces are 1-6 for the side to move
(pawn, knight, bishop, rook, queen, king; its pawns go up) and 7-12 for the other side; 0 is no piece.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DIAGONAL = ((1, 1), (1, -1), (-1, 1), (-1, -1))
_STRAIGHT = ((1, 0), (-1, 0), (0, 1), (0, -1))
_KNIGHT = ((1, 2), (2, 1), (2, -1), (1, -2), (-1, -2), (-2, -1), (-2, 1), (-1, 2))
# kind of piece -> its directions (file, rank), and how many steps it makes
_STEPS = {
    2: (_KNIGHT, 1),
    3: (_DIAGONAL, 7),
    4: (_STRAIGHT, 7),
    5: (_DIAGONAL + _STRAIGHT, 7),
    6: (_DIAGONAL + _STRAIGHT, 1),
}


def _reach() -> NDArray[np.bool_]:
    """`[13, 64, 64]`: may this piece on this square capture on that square of an empty board?"""
    reach = np.zeros((13, 64, 64), np.bool_)
    for piece in range(1, 13):
        own_pawn, enemy_pawn = ((-1, 1), (1, 1)), ((-1, -1), (1, -1))
        kind = (piece - 1) % 6 + 1
        directions, n_steps = _STEPS.get(kind, (own_pawn if piece == 1 else enemy_pawn, 1))
        for square in range(64):
            for file_step, rank_step in directions:
                for n in range(1, n_steps + 1):
                    file, rank = square % 8 + n * file_step, square // 8 + n * rank_step
                    if 0 <= file < 8 and 0 <= rank < 8:
                        reach[piece, square, 8 * rank + file] = True
    return reach


def _between() -> NDArray[np.uint64]:
    """`[64, 64]`: the squares strictly between two squares of one line, as bits; 0 where there is no line."""
    between = np.zeros((64, 64), np.uint64)
    for square in range(64):
        for file_step, rank_step in _DIAGONAL + _STRAIGHT:
            passed = 0
            for n in range(1, 8):
                file, rank = square % 8 + n * file_step, square // 8 + n * rank_step
                if not (0 <= file < 8 and 0 <= rank < 8):
                    break
                between[square, 8 * rank + file] = passed
                passed |= 1 << (8 * rank + file)
    return between


REACH = _reach()
BETWEEN = _between()
_REACH_FLAT = REACH.reshape(-1)
_BETWEEN_FLAT = BETWEEN.reshape(-1)


def occupancy(pieces: NDArray[np.integer], squares: NDArray[np.integer]) -> NDArray[np.uint64]:
    """The occupied squares of each board as bits, `[B]`, from `[B, P]` pieces (0 is padding) and their squares."""
    bits = np.left_shift(np.uint64(1), squares.astype(np.uint64))
    return np.bitwise_or.reduce(np.where(pieces > 0, bits, np.uint64(0)), axis=1)


def piece_relations(
    pieces: NDArray[np.integer], squares: NDArray[np.integer]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Attacks (or defences) of pieces on pieces: `[B, P, P]` directly, and `[B, P, P]` through exactly one piece.

    The second holds pins, skewers, batteries and discovered attacks.

    Args:
        pieces: `[B, P]`, 0 where a board has fewer pieces.
        squares: `[B, P]`, the squares they stand on.
    """
    places = squares.astype(np.int32)
    pair = places[:, :, None] * 64 + places[:, None, :]
    n_between = np.bitwise_count(_BETWEEN_FLAT[pair] & occupancy(pieces, squares)[:, None, None])
    aims = _REACH_FLAT[pieces.astype(np.int32)[:, :, None] * 4096 + pair] & (pieces > 0)[:, None, :]
    return aims & (n_between == 0), aims & (n_between == 1)


def move_relations(
    pieces: NDArray[np.integer],
    squares: NDArray[np.integer],
    movers: NDArray[np.integer],
    destinations: NDArray[np.integer],
    becomes: NDArray[np.integer],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Relations of each move: `[B, M, P]` pieces the moved one then attacks, `[B, M, P]` pieces that reach it.

    The mover itself and a captured piece are in neither. Lines that the mover opens by leaving count as open.

    Args:
        pieces: `[B, P]`, 0 where a board has fewer pieces.
        squares: `[B, P]`, the squares they stand on.
        movers: `[B, M]`, index of the moving piece in `pieces`.
        destinations: `[B, M]`, the square it goes to.
        becomes: `[B, M]`, what it is there (differs for promotions); 0 where a board has fewer moves.
    """
    places = squares.astype(np.int32)
    kinds = pieces.astype(np.int32)
    to = destinations.astype(np.int32)
    left = np.left_shift(np.uint64(1), np.take_along_axis(squares, movers, 1).astype(np.uint64))
    occupied = occupancy(pieces, squares)[:, None] & ~left
    is_open = (_BETWEEN_FLAT[to[:, :, None] * 64 + places[:, None, :]] & occupied[:, :, None]) == 0
    others = (pieces > 0)[:, None, :] & (movers[:, :, None] != np.arange(pieces.shape[1])) & (becomes > 0)[:, :, None]
    is_open &= others
    forward = becomes.astype(np.int32)[:, :, None] * 4096 + to[:, :, None] * 64 + places[:, None, :]
    backward = (kinds * 4096 + places * 64)[:, None, :] + to[:, :, None]
    return _REACH_FLAT[forward] & is_open, _REACH_FLAT[backward] & is_open
