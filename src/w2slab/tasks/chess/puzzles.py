"""Puzzles from games: positions after a mistake in which exactly one reply wins.

A ply is looked at only where something points to a mistake: the game says that the move before was a blunder, or the
mover thinks much better of its position than at its last turn. Games that say neither are looked at throughout.
Each suspect passes a glance first and then a search with many times the nodes, by an engine that has forgotten all
it knew, so that a puzzle depends on its own game only.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2slab.errors import DataError
from w2slab.tasks.chess.difficulty import engine_difficulty, settled_nodes
from w2slab.tasks.chess.engine import Line, engine_name, look, open_engine, require_chess, to_line
from w2slab.tasks.chess.games import Game, game_shards, read_games
from w2slab.tasks.chess.position import position_id
from w2slab.tasks.chess.shards import read_rows, run_shards, write_rows

if TYPE_CHECKING:
    import chess
    import chess.engine

# Before this ply a game is opening, much of it shared with other games.
FIRST_PLY = 6
# The mover's own chance, in percent, must have grown this much since its last turn to make a ply suspect ...
SUSPECT_RISE = 10
# ... and what was won already cannot be won by a mistake.
WON_BEFORE = 85
# A mistake is tried where neither side is far ahead, again in percent, and comes from this many of the best moves.
CONTESTED = range(15, 86)
MISTAKE_LINES = 10
MISTAKE_GLANCE_NODES = 200


@dataclass(frozen=True)
class PuzzlesSpec:
    """What decides which positions are puzzles.

    Args:
        glance_nodes: Nodes of the first look at each suspect.
        verify_nodes: Nodes of the search that a puzzle must survive.
        min_chance: Win chance of the solution, at least.
        min_gap: By how much the solution's win chance beats the next best move's.
        min_rise: By how much the mistake raised the solver's win chance.
        max_per_game: Puzzles of one game, at most.
        min_distance: Plies between two puzzles of one game, so that they are not the same tactic twice.
        max_mates_in_one: Mates in one of one game, at most; without a bound they crowd out the rest.
        max_tries: Positions of one game at which a mistake nobody made is tried, at most; 0 for none.
    """

    glance_nodes: int = 3000
    verify_nodes: int = 40000
    min_chance: float = 0.7
    min_gap: float = 0.3
    min_rise: float = 0.2
    max_per_game: int = 4
    min_distance: int = 6
    max_mates_in_one: int = 1
    max_tries: int = 12

    def __post_init__(self) -> None:
        if self.verify_nodes < self.glance_nodes:
            raise DataError(
                f"nodes to verify: {self.verify_nodes} is less than the glance's {self.glance_nodes}; give more"
            )


def find_puzzles(
    games: Path, spec: PuzzlesSpec, work: Path, *, n_workers: int = 1
) -> Iterator[dict[str, Any]]:
    """Every puzzle of a folder of games, in the games' order; shards found in `work` are not searched again.

    A shard of puzzles is named by the digest of its games, of `spec` and of the engine, so it is never out of date.
    """
    engine = engine_name()
    planned = [(spec, shard, work / f"puzzles-{_digest(shard, spec, engine)}.jsonl.gz") for shard in game_shards(games)]
    missing = [arguments for arguments in planned if not arguments[2].exists()]
    for _ in run_shards(_search_shard, missing, label="puzzles: shards", n_workers=n_workers):
        pass
    for _, _, path in planned:
        yield from read_rows(path)


def _digest(shard: Path, spec: PuzzlesSpec, engine: str) -> str:
    settings = json.dumps([asdict(spec), engine], sort_keys=True).encode()
    return hashlib.sha256(settings + shard.read_bytes()).hexdigest()[:16]


def _search_shard(spec: PuzzlesSpec, shard: Path, path: Path) -> None:
    with open_engine() as engine:
        write_rows(path, [row for game in read_games(shard) for row in search_game(engine, game, spec)])


def search_game(engine: chess.engine.SimpleEngine, game: Game, spec: PuzzlesSpec) -> list[dict[str, Any]]:
    """The puzzles of one game, in the order they arose, at most `max_per_game`.

    Mistakes that were made come first; then mistakes that the players might have made are tried.
    """
    # The order of the plies is drawn, so that the bound does not favour the opening.
    rng = random.Random(f"chess-puzzles:{game.id}")
    made, contested = suspects(game), contested_plies(game)
    rng.shuffle(made)
    rng.shuffle(contested)
    boards = replay(game)
    found: dict[int, dict[str, Any]] = {}
    n_tried = 0
    for is_made, ply in [(True, ply) for ply in made] + [(False, ply) for ply in contested]:
        if len(found) == spec.max_per_game or (not is_made and n_tried == spec.max_tries):
            break
        if any(abs(ply - other) < spec.min_distance for other in found):
            continue
        before = boards[ply - 1]
        setup = game.moves[ply - 1] if is_made else tempting_mistake(engine, before, spec)
        n_tried += not is_made
        n_mates = sum(puzzle["mates"] for puzzle in found.values())
        if setup is None:
            continue
        puzzle = search_position(engine, before, setup, spec, n_mates < spec.max_mates_in_one)
        if puzzle is not None:
            found[ply] = {"group": game.id, "made": is_made} | puzzle
    return [found[ply] for ply in sorted(found)]


def replay(game: Game) -> list[chess.Board]:
    """The position before each ply."""
    chess = require_chess()
    board = chess.Board(game.start) if game.start else chess.Board()
    boards = []
    for uci in game.moves:
        boards.append(board.copy(stack=False))
        board.push_uci(uci)
    return boards


def suspects(game: Game) -> list[int]:
    """Plies at which the player to move may profit from the mistake just made."""
    plies = range(FIRST_PLY, len(game.moves))
    if game.blunders is None or game.chances is None:
        return list(plies)
    blunders, chances = set(game.blunders), game.chances
    return [
        ply
        for ply in plies
        if chances[ply - 2] <= WON_BEFORE
        and (ply - 1 in blunders or chances[ply] - chances[ply - 2] >= SUSPECT_RISE)
    ]


def contested_plies(game: Game) -> list[int]:
    """Plies before which a mistake would have mattered."""
    plies = range(FIRST_PLY, len(game.moves))
    if game.chances is None:
        return list(plies)
    return [ply for ply in plies if game.chances[ply - 1] in CONTESTED]


def tempting_mistake(
    engine: chess.engine.SimpleEngine, board: chess.Board, spec: PuzzlesSpec
) -> str | None:
    """The move that looks best at a glance among those that a longer look knows to be mistakes, or None."""
    game = object()
    glance = look(engine, board, MISTAKE_GLANCE_NODES, MISTAKE_LINES, game)
    lines = look(engine, board, spec.glance_nodes, MISTAKE_LINES, game)
    limit = lines[0].chance - spec.min_rise
    mistakes = {line.move for line in lines if line.chance <= limit}
    return next((line.move.uci() for line in glance if line.move in mistakes), None)


def search_position(
    engine: chess.engine.SimpleEngine,
    before: chess.Board,
    setup: str,
    spec: PuzzlesSpec,
    allow_mate: bool = True,
) -> dict[str, Any] | None:
    """The puzzle that the move `setup` gives away, or None.

    Args:
        before: The position in which `setup` is played.
        allow_mate: Whether a mate in one will do.
    """
    board = before.copy(stack=False)
    board.push_uci(setup)
    moves = sorted(move.uci() for move in board.legal_moves)
    if len(moves) < 2:
        return None
    mates = mating_moves(board, moves)
    if mates and not allow_mate:
        return None
    # A glance asks for half of what is asked in the end: a deep win shows only part of itself at first.
    lines = look(engine, board, spec.glance_nodes, 2, object())
    if not wins_alone(lines, mates, spec.min_chance - 0.1, spec.min_gap / 2):
        return None
    earlier = look(engine, before, spec.glance_nodes, 1, object())
    chance_before = 1.0 - earlier[0].chance
    if lines[0].chance - chance_before < spec.min_rise / 2:
        return None
    lines, n_nodes = verify(engine, board, spec.verify_nodes)
    rise = lines[0].chance - chance_before
    if not wins_alone(lines, mates, spec.min_chance, spec.min_gap) or rise < spec.min_rise:
        return None
    # A move found in the last moments of the search is not known to stay.
    if n_nodes > spec.verify_nodes / 2:
        return None
    solution = lines[0].move.uci()
    right = [solution, *(mate for mate in mates if mate != solution)]
    return {
        "fen": board.fen(),
        "setup": setup,
        "moves": moves,
        "right": [moves.index(move) for move in right],
        "difficulty": engine_difficulty(n_nodes),
        "mates": bool(mates),
    }


def mating_moves(board: chess.Board, moves: list[str]) -> list[str]:
    """Those of `moves` that mate at once."""
    mates = []
    for uci in moves:
        board.push_uci(uci)
        if board.is_checkmate():
            mates.append(uci)
        board.pop()
    return mates


def wins_alone(lines: list[Line], mates: list[str], min_chance: float, min_gap: float) -> bool:
    """Whether the first move wins and no other does; a mate at once wins whatever else there is."""
    if mates:
        return lines[0].move.uci() in mates
    return lines[0].chance >= min_chance and lines[0].chance - lines[1].chance >= min_gap


def verify(engine: chess.engine.SimpleEngine, board: chess.Board, n_nodes: int) -> tuple[list[Line], int]:
    """The two best lines of a long search, and the nodes after which the first move did not change any more."""
    chess = require_chess()
    reports: list[tuple[int, str]] = []
    best: dict[int, Line] = {}
    wanted = chess.engine.INFO_BASIC | chess.engine.INFO_SCORE | chess.engine.INFO_PV
    with engine.analysis(
        board, chess.engine.Limit(nodes=n_nodes), multipv=2, game=object(), info=wanted
    ) as analysis:
        for info in analysis:
            if not info.get("pv") or "lowerbound" in info or "upperbound" in info:
                continue
            number = info.get("multipv", 1)
            best[number] = to_line(info)
            if number == 1:
                reports.append((info["nodes"], best[1].move.uci()))
    return [best[number] for number in sorted(best)], settled_nodes(reports)


def to_columns(row: dict[str, Any]) -> dict[str, Any]:
    """A found puzzle with its id, as `write_puzzles` takes it."""
    return {"id": position_id(row["fen"])} | row
