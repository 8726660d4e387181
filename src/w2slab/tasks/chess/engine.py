"""Stockfish through python-chess, made repeatable: one thread, a fixed hash, budgets counted in nodes, never in time.

Both are wanted only by the commands that make data, so both are looked for when a command starts, never at import.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2slab.errors import UnavailableError

if TYPE_CHECKING:
    import chess
    import chess.engine

HASH_MIB = 16
# Debian and Ubuntu put games in a folder that is not on every user's path.
EXTRA_FOLDERS = ("/usr/games", "/usr/local/games")
# The slope that Lichess fitted between centipawns and game results.
CHANCE_PER_CENTIPAWN = 0.00368208


@dataclass(frozen=True)
class Line:
    """One of the engine's best lines: its first move, and the mover's chance to win in [0, 1]."""

    move: chess.Move
    chance: float
    mate: int | None  # moves to mate, when the engine sees one; negative when the mover is mated


def require_chess() -> Any:
    """The python-chess package, or an error that says how to install it."""
    try:
        import chess
        import chess.engine
    except ImportError as error:
        raise UnavailableError(
            'making chess data needs python-chess, which is not installed. Run: pip install "w2slab[chess]"'
        ) from error
    return chess


def find_stockfish() -> str:
    """Path of the Stockfish program, or an error that says how to install it."""
    found = shutil.which("stockfish")
    for folder in EXTRA_FOLDERS:
        found = found or shutil.which("stockfish", path=folder)
    if found is None:
        raise UnavailableError(
            f"making chess data needs the program stockfish, found neither on PATH nor in "
            f"{' or '.join(EXTRA_FOLDERS)}. Run: apt install stockfish"
        )
    return str(Path(found))


@contextmanager
def open_engine() -> Iterator[chess.engine.SimpleEngine]:
    """A running Stockfish with one thread and a fixed hash; it ends with the block."""
    chess = require_chess()
    engine = chess.engine.SimpleEngine.popen_uci(find_stockfish())
    try:
        engine.configure({"Threads": 1, "Hash": HASH_MIB})
        yield engine
    finally:
        engine.close()


def engine_name() -> str:
    """The engine's own name and version, such as `Stockfish 15.1`."""
    with open_engine() as engine:
        return engine.id.get("name", "unknown engine")


def win_chance(score: chess.engine.Score) -> float:
    """Chance in [0, 1] that the side the score belongs to wins; a mate in sight is certain."""
    if score.is_mate():
        return 1.0 if score.mate() > 0 else 0.0
    return 1.0 / (1.0 + math.exp(-CHANCE_PER_CENTIPAWN * score.score()))


def look(
    engine: chess.engine.SimpleEngine, board: chess.Board, n_nodes: int, n_lines: int, game: object
) -> list[Line]:
    """The engine's best lines, best first; fewer than `n_lines` where there are fewer legal moves.

    Args:
        game: Any object; when it differs from the last call's, the engine forgets what it knows.
    """
    chess = require_chess()
    infos = engine.analyse(
        board,
        chess.engine.Limit(nodes=n_nodes),
        multipv=n_lines,
        game=game,
        info=chess.engine.INFO_SCORE | chess.engine.INFO_PV,
    )
    return [to_line(info) for info in infos if info.get("pv")]


def to_line(info: dict[str, Any]) -> Line:
    """The first move and the mover's chance of one `info` report."""
    score = info["score"].relative
    return Line(info["pv"][0], win_chance(score), score.mate())
