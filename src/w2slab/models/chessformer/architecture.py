"""The shape of a chessformer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Shape of a chessformer.

    Args:
        width: Size of the state of a piece and of a move.
        layers: Blocks over the pieces.
        heads: Softmax heads of such a block; 0 leaves it the lines of attack only.
        move_layers: Blocks over the moves.
        expansion: Width of a feed-forward layer, in multiples of `width`.
    """

    width: int
    layers: int
    heads: int
    move_layers: int = 1
    expansion: int = 2
