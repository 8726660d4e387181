"""Difficulty of a puzzle: the least node budget from which the engine finds the move and keeps it.

It is read from the reports of the search that verifies the puzzle, so it costs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def settled_nodes(reports: Sequence[tuple[int, str]]) -> int:
    """Nodes at the first report after which the first move is always the last report's.

    Args:
        reports: Nodes searched so far and the best move then, in the order the engine gave them.
    """
    answer = reports[-1][1]
    settled = reports[-1][0]
    for n_nodes, move in reversed(reports):
        if move != answer:
            break
        settled = n_nodes
    return settled


def engine_difficulty(n_nodes: int) -> float:
    """Base-2 logarithm of a node budget: one more for each doubling."""
    return math.log2(max(n_nodes, 1))
