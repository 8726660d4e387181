"""Stockfish made repeatable: one thread, a fixed hash, budgets counted in nodes, never in time.

The engine is spoken to over its own pipe: a look at a few hundred nodes takes less time than a general client needs to
pass its answer on. The engine and python-chess (for the rules) are wanted only by the commands that make data, so both
are looked for when a command starts, never at import.
"""

from __future__ import annotations

import math
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from w2slab.errors import UnavailableError

HASH_MIB = 16
# Debian and Ubuntu put games in a folder that is not on every user's path.
EXTRA_FOLDERS = ("/usr/games", "/usr/local/games")
# The slope that Lichess fitted between centipawns and game results.
CHANCE_PER_CENTIPAWN = 0.00368208


@dataclass(frozen=True, slots=True)
class Line:
    """One of the engine's best lines: its first move in UCI, and the mover's chance to win in [0, 1].

    A chance of exactly 1 is a mate in sight; exactly 0 is being mated.
    """

    move: str
    chance: float


@dataclass(frozen=True, slots=True)
class Report:
    """The best lines, best first, as they stood when `n_nodes` had been searched."""

    n_nodes: int
    lines: list[Line]


class Engine:
    """A running Stockfish. What it learns in one search helps its next ones, until `forget` is called."""

    def __init__(self, program: str) -> None:
        self._process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._n_lines = 1
        self.name = "unknown engine"
        for line in self._ask("uci", "uciok"):
            if line.startswith("id name "):
                self.name = line.removeprefix("id name ").strip()
        self._tell("setoption name Threads value 1", f"setoption name Hash value {HASH_MIB}")
        self._ask("isready", "readyok")

    def forget(self) -> None:
        """Empty the hash and the histories, so that the next search depends on its own position only."""
        self._tell("ucinewgame")
        self._ask("isready", "readyok")

    def search(self, fen: str, n_nodes: int, n_lines: int) -> list[Report]:
        """Reports on the way to `n_nodes`, at least one for a position that is not over.

        `n_lines` best moves are followed; reports have fewer lines where there are fewer legal moves.
        """
        if n_lines != self._n_lines:
            self._tell(f"setoption name MultiPV value {n_lines}")
            self._n_lines = n_lines
        return read_reports(self._ask(f"position fen {fen}\ngo nodes {n_nodes}", "bestmove"))

    def look(self, fen: str, n_nodes: int, n_lines: int) -> list[Line]:
        """The best lines after `n_nodes`."""
        return self.search(fen, n_nodes, n_lines)[-1].lines

    def close(self) -> None:
        """End the program."""
        self._process.kill()
        self._process.communicate()

    def _tell(self, *commands: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("".join(command + "\n" for command in commands))
        self._process.stdin.flush()

    def _ask(self, command: str, last: str) -> list[str]:
        assert self._process.stdout is not None
        self._tell(command)
        answer: list[str] = []
        while not answer or not answer[-1].startswith(last):
            line = self._process.stdout.readline()
            if not line:
                raise UnavailableError(f"the engine ended while it was asked: {command!r}. Run the command again")
            answer.append(line)
        return answer


def read_reports(answer: list[str]) -> list[Report]:
    """The engine's `info` lines as reports: one for each iteration of its search.

    An iteration whose lines are not all exact (the budget ran out while one was only bounded) is left out.
    """
    reports: list[Report] = []
    is_exact = True
    for text in answer:
        words = text.split()
        if words[0] != "info" or "pv" not in words:
            continue
        line = Line(words[words.index("pv") + 1], read_chance(words))
        is_bound = "lowerbound" in words or "upperbound" in words
        if words[words.index("multipv") + 1] == "1":
            if not is_exact:
                reports.pop()
            reports.append(Report(int(words[words.index("nodes") + 1]), [line]))
            is_exact = not is_bound
        else:
            reports[-1].lines.append(line)
            is_exact = is_exact and not is_bound
    # The first iteration is kept whatever it is: a report with a bound is better than none.
    return reports if is_exact or len(reports) == 1 else reports[:-1]


def read_chance(words: list[str]) -> float:
    """The mover's win chance from the score of an `info` line."""
    place = words.index("score")
    value = int(words[place + 2])
    if words[place + 1] == "mate":
        return 1.0 if value > 0 else 0.0
    return 1.0 / (1.0 + math.exp(-CHANCE_PER_CENTIPAWN * value))


def require_chess() -> Any:
    """The python-chess package, or an error that says how to install it."""
    try:
        import chess
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
def open_engine() -> Iterator[Engine]:
    """A running Stockfish that ends with the block."""
    require_chess()
    engine = Engine(find_stockfish())
    try:
        yield engine
    finally:
        engine.close()


def engine_name() -> str:
    """The engine's own name and version, such as `Stockfish 15.1`."""
    with open_engine() as engine:
        return engine.name
