"""Chess puzzles: find the one move that wins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from w2slab.data.examples import Examples, Labelled, Truth
from w2slab.tasks.task import Shown, Task

SHIPPED = Path(__file__).parents[2] / "assets" / "chess" / "puzzles.parquet"


@dataclass(frozen=True)
class Chess(Task):
    """Chess puzzles: the candidates are the legal moves, the right one wins (Burns et al. 2023, appendix A.2).

    Args:
        puzzles: A table made by `w2slab chess puzzles`; `None` is the shipped one.
        difficulty: Keep only puzzles from the first to the second value (both included), on the table's own scale.
    """

    puzzles: Path | None = None
    difficulty: tuple[float, float] | None = None

    def files(self) -> tuple[Path, ...]:
        """The puzzle table."""
        return (self.puzzles or SHIPPED,)

    def load(self) -> Labelled:
        """Every puzzle of the table, in the table's order."""
        from w2slab.tasks.chess.table import read_puzzles

        table = read_puzzles(self.files()[0])
        if self.difficulty is not None:
            low, high = self.difficulty
            difficulty = table.column("difficulty").to_numpy()
            table = table.filter((difficulty >= low) & (difficulty <= high))
        truth = Truth(table.column("id").to_pylist(), table.column("right").to_pylist())
        in_test = np.array([split == "test" for split in table.column("split").to_pylist()], dtype=bool)
        kept = table.select(["id", "group", "fen", "setup", "moves", "difficulty"])
        examples = Examples(kept.rename_columns(["id", "group", "fen", "setup", "candidates", "difficulty"]))
        return Labelled(examples, truth, in_test)

    def as_text(self, examples: Examples) -> list[str]:
        """Return the positions in FEN, each with a space after it: a move follows."""
        return [f"{fen} " for fen in examples.chess_positions or []]

    def show(self, example: Mapping[str, Any]) -> Shown:
        """Return the position on a board."""
        return Shown(board=example["fen"], last_move=example.get("setup"))
