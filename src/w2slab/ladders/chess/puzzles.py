"""Puzzles from games: positions after a mistake in which exactly one reply wins.

Two kinds of mistakes are looked at. Mistakes that were made: where a game of ours was played the engine's view of each
ply was kept, and a ply is a suspect when its best move wins, no other does, and it was not so before the opponent's
last move; games that come without such a view get a glance at every ply. And mistakes that might have been made: at
plies where the game is still open a few moves to safe squares are tried, as people play them who overlook what
happens elsewhere on the board.

What passes two short looks is searched with many times the nodes, by an engine that has forgotten all it knew. All
draws come from a generator named by the game, so a puzzle depends on its own game only.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from w2slab.errors import DataError
from w2slab.ladders.chess.difficulty import engine_difficulty, settled_nodes
from w2slab.ladders.chess.engine import Engine, Line, engine_name, open_engine, require_chess
from w2slab.ladders.chess.games import Game, game_shards, percents, read_card, read_games
from w2slab.ladders.chess.shards import read_rows, run_shards, write_rows
from w2slab.tasks.chess.table import Written, require_parquet, write_puzzles, write_table_card

if TYPE_CHECKING:
    import chess

Kind = Literal["mate-in-one", "recapture", "other"]
KINDS: tuple[Kind, ...] = get_args(Kind)
# Before this ply a game is opening, much of it shared with other games.
FIRST_PLY = 6
# A suspect shows this share of what is asked of a puzzle: a deep win shows only part of itself at first.
SUSPECT_SHARE = 0.6
# Mistakes are tried where neither side is far ahead, in percent, and so many moves at one ply.
OPEN_GAME = range(20, 81)
MOVES_PER_TRY = 3


@dataclass(frozen=True)
class PuzzlesSpec:
    """Criteria of puzzles.

    Args:
        glance_nodes: Nodes of the first look at each suspect.
        look_nodes: Nodes of the second look, at what the first one left.
        verify_nodes: Nodes of the search that a puzzle must survive.
        min_chance: Win chance of the solution, at least.
        min_gap: By how much the solution's win chance beats the next best move's.
        min_rise: By how much the mistake raised the solver's win chance.
        max_per_game: Puzzles of one game, at most.
        min_distance: Plies between two puzzles of one game, so that they are not the same tactic twice.
        max_mates_in_one: Mates in one of one game, at most; without a bound they crowd out the rest.
        max_recaptures: The same for puzzles that take the piece that has just moved, the easiest kind.
        max_tries: Plies of one game at which mistakes that nobody made are tried, at most; 0 for none.
    """

    glance_nodes: int = 500
    look_nodes: int = 2500
    verify_nodes: int = 15000
    min_chance: float = 0.65
    min_gap: float = 0.2
    min_rise: float = 0.15
    max_per_game: int = 5
    min_distance: int = 4
    max_mates_in_one: int = 1
    max_recaptures: int = 1
    max_tries: int = 20

    def __post_init__(self) -> None:
        if not self.glance_nodes <= self.look_nodes <= self.verify_nodes:
            raise DataError(
                f"nodes: {self.glance_nodes} at a glance, {self.look_nodes} for a look, {self.verify_nodes} to verify: "
                "these do not grow; give each at least as many as the one before"
            )

    def bounds(self) -> dict[Kind, int]:
        """Return the largest number of puzzles of each kind in one game."""
        return {"mate-in-one": self.max_mates_in_one, "recapture": self.max_recaptures, "other": self.max_per_game}


def make_puzzles(
    games: Path, out: Path, spec: PuzzlesSpec, work: Path, *, n_workers: int = 1, command: str = ""
) -> Written:
    """Write the table of a folder's puzzles, and a card that says how it was made."""
    require_parquet(out)
    rows = list(find_puzzles(games, spec, work, n_workers=n_workers))
    written = write_puzzles(out, rows)
    card = {
        "source": "games",
        "command": command,
        "games": read_card(games),
        "n_games": sum(len(read_rows(shard)) for shard in game_shards(games)),
        "spec": asdict(spec),
        "engine": engine_name(),
        "difficulty": "log2 of the least nodes from which the engine finds the solution and keeps it",
        "n_found": {kind: sum(row["kind"] == kind for row in rows) for kind in KINDS},
    }
    write_table_card(out, written, card)
    return written


def find_puzzles(games: Path, spec: PuzzlesSpec, work: Path, *, n_workers: int = 1) -> Iterator[dict[str, Any]]:
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


def search_game(engine: Engine, game: Game, spec: PuzzlesSpec) -> list[dict[str, Any]]:
    """The puzzles of one game, in the order they arose, at most `max_per_game`."""
    boards = replay(game)
    if game.chances is None or game.gaps is None:
        game = glance_over(engine, game, boards, spec.glance_nodes)
    rng = random.Random(f"chess-puzzles:{game.id}")
    found: dict[int, dict[str, Any]] = {}
    engine.forget()
    for ply, setup in candidates(game, boards, spec, rng):
        if len(found) == spec.max_per_game:
            break
        if any(abs(ply - other) < spec.min_distance for other in found):
            continue
        n_found = {kind: sum(puzzle["kind"] == kind for puzzle in found.values()) for kind in KINDS}
        allowed = [kind for kind, most in spec.bounds().items() if n_found[kind] < most]
        puzzle = search_position(engine, boards[ply - 1], setup, spec, allowed)
        if puzzle is not None:
            found[ply] = {"group": game.id} | puzzle
    return [found[ply] for ply in sorted(found)]


def candidates(
    game: Game, boards: list[chess.Board], spec: PuzzlesSpec, rng: random.Random
) -> Iterator[tuple[int, str]]:
    """Plies and set-up moves to look at: first the mistakes that were made, then mistakes to try.

    The order of the plies is drawn, so that the bound on puzzles of one game does not favour the opening.
    """
    plies = suspects(game, spec)
    rng.shuffle(plies)
    for ply in plies:
        yield ply, game.moves[ply - 1]
    assert game.chances is not None
    plies = [ply for ply in range(FIRST_PLY, len(game.moves)) if game.chances[ply - 1] in OPEN_GAME]
    rng.shuffle(plies)
    for ply in plies[: spec.max_tries]:
        moves = safe_moves(boards[ply - 1])
        for setup in rng.sample(moves, min(MOVES_PER_TRY, len(moves))):
            yield ply, setup


def safe_moves(board: chess.Board) -> list[str]:
    """Legal moves to squares that the opponent does not attack, in UCI, sorted."""
    return sorted(move.uci() for move in board.legal_moves if not board.is_attacked_by(not board.turn, move.to_square))


def replay(game: Game) -> list[chess.Board]:
    """The position before each ply."""
    chess = require_chess()
    board = chess.Board(game.start) if game.start else chess.Board()
    boards = []
    for uci in game.moves:
        boards.append(board.copy(stack=False))
        board.push_uci(uci)
    return boards


def glance_over(engine: Engine, game: Game, boards: list[chess.Board], n_nodes: int) -> Game:
    """The game with the engine's view of each ply."""
    engine.forget()
    views = [percents(engine.look(board.fen(), n_nodes, 2)) for board in boards]
    return Game(
        game.id,
        game.moves,
        game.result,
        game.start,
        chances=tuple(chance for chance, _ in views),
        gaps=tuple(gap for _, gap in views),
    )


def suspects(game: Game, spec: PuzzlesSpec) -> list[int]:
    """Plies at which the player to move seems to profit, with one move only, from the mistake just made."""
    assert game.chances is not None
    assert game.gaps is not None
    min_chance = 50 + 100 * SUSPECT_SHARE * (spec.min_chance - 0.5)
    found = []
    for ply in range(FIRST_PLY, len(game.moves)):
        chance, before = game.chances[ply], 100 - game.chances[ply - 1]
        is_win = chance >= min_chance and chance - before >= 100 * SUSPECT_SHARE * spec.min_rise
        is_mate = chance == 100 > before
        if is_mate or (is_win and game.gaps[ply] >= 100 * SUSPECT_SHARE * spec.min_gap):
            found.append(ply)
    return found


def search_position(
    engine: Engine, before: chess.Board, setup: str, spec: PuzzlesSpec, allowed: Collection[Kind] = KINDS
) -> dict[str, Any] | None:
    """The puzzle of an `allowed` kind that the move `setup`, played in the position `before`, gives away; or None."""
    board = before.copy(stack=False)
    board.push_uci(setup)
    moves = sorted(move.uci() for move in board.legal_moves)
    mates = mating_moves(board, moves)
    if len(moves) < 2 or (mates and "mate-in-one" not in allowed):
        return None
    for n_nodes in (spec.glance_nodes, spec.look_nodes):
        lines = engine.look(board.fen(), n_nodes, 2)
        if kind_of(lines, setup, mates) not in allowed or not wins_alone(lines, mates, spec, SUSPECT_SHARE):
            return None
    chance_before = 1.0 - engine.look(before.fen(), spec.look_nodes, 1)[0].chance
    if not rises(lines, chance_before, mates, spec, SUSPECT_SHARE):
        return None
    engine.forget()
    reports = engine.search(board.fen(), spec.verify_nodes, 2)
    lines = reports[-1].lines
    kind = kind_of(lines, setup, mates)
    if kind not in allowed or not wins_alone(lines, mates, spec) or not rises(lines, chance_before, mates, spec):
        return None
    # A move found in the last moments of the search is not known to stay.
    n_nodes = settled_nodes([(report.n_nodes, report.lines[0].move) for report in reports])
    if n_nodes > spec.verify_nodes / 2:
        return None
    solution = lines[0].move
    right = [solution, *(mate for mate in mates if mate != solution)]
    return {
        "fen": board.fen(),
        "setup": setup,
        "moves": moves,
        "right": [moves.index(move) for move in right],
        "difficulty": engine_difficulty(n_nodes),
        "kind": kind,
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


def kind_of(lines: list[Line], setup: str, mates: list[str]) -> Kind:
    """Return the bounded kind of a puzzle: a mate in one, the capture of what has just moved, or neither."""
    if mates:
        return "mate-in-one"
    return "recapture" if lines[0].move[2:4] == setup[2:4] else "other"


def wins_alone(lines: list[Line], mates: list[str], spec: PuzzlesSpec, share: float = 1.0) -> bool:
    """Return True if the first move alone wins; a mate at once wins whatever else there is.

    `share` is the part of what the spec asks that will do.
    """
    if mates:
        return lines[0].move in mates
    min_chance = 0.5 + share * (spec.min_chance - 0.5)
    return (
        len(lines) > 1 and lines[0].chance >= min_chance and lines[0].chance - lines[1].chance >= share * spec.min_gap
    )


def rises(lines: list[Line], before: float, mates: list[str], spec: PuzzlesSpec, share: float = 1.0) -> bool:
    """Return True if the mistake changed the game: it made a win, or allowed a mate at once where none was in sight."""
    return before < 1.0 if mates else lines[0].chance - before >= share * spec.min_rise
