"""Games to learn from and to find puzzles in: an engine against itself, weakened until it errs as people do.

Stockfish's own `Skill Level` draws from a clock-seeded generator, so it cannot be repeated. Here a player is weak
because it is shown the search only as far as its own few nodes, because it draws among its best moves with a
temperature, and because it blunders at a stated rate; all draws come from one generator named by the seed and the
game's number. Game `i` is therefore the same whoever plays it, alone or among others. The search itself goes on to the
strongest player's nodes, and what it sees in the end is kept: later it tells where a player erred, at no cost.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2slab.errors import DataError
from w2slab.graph.atomic import write_atomically
from w2slab.ladders.chess.engine import Engine, Line, Report, engine_name, open_engine, require_chess
from w2slab.ladders.chess.shards import read_rows, run_shards, write_rows

if TYPE_CHECKING:
    import chess

CARD_FILE = "games.json"
SHARD_PATTERN = "games-*.jsonl.gz"
MAX_PLIES = 200
# Opening: each ply is drawn from the best moves, or is any legal move.
OPENING_PLIES = (4, 12)
OPENING_TEMPERATURE = 0.08
OPENING_RANDOM_FRAC = 0.15
# A player draws among this many lines; weaker players with the higher temperature.
PLAYER_LINES = 4
PLAYER_TEMPERATURES = (0.15, 0.03)
# Most players resign after this many of their own moves without hope; the others play on to the end.
RESIGN_FRAC = 0.75
RESIGN_PERCENT = 5
RESIGN_MOVES = 2


@dataclass(frozen=True)
class GamesSpec:
    """Everything that decides the games: the seed, how often a player blunders, and the range of its nodes a move."""

    seed: int
    blunder_frac: float = 0.06
    min_nodes: int = 20
    max_nodes: int = 600
    shard_games: int = 50

    def __post_init__(self) -> None:
        if not 0 <= self.blunder_frac <= 1:
            raise DataError(f"blunder rate: {self.blunder_frac} is not a share; give a number from 0 to 1")
        if not 1 <= self.min_nodes <= self.max_nodes:
            raise DataError(f"nodes: {self.min_nodes} to {self.max_nodes} is no range; give 1 <= least <= most")
        if self.shard_games < 1:
            raise DataError(f"games per shard: {self.shard_games} is too few; give at least 1")


@dataclass(frozen=True)
class Game:
    """One game: its moves in UCI, and what is known of how they came about.

    Args:
        start: FEN of the first position; None for the usual one.
        blunders: Plies (0 is White's first) whose move was a drawn blunder; None where nobody knows.
        chances: The mover's chance to win in percent before each ply, as the whole search saw it; 100 is a mate in
            sight. None where nobody knows.
        gaps: By how much the best move's chance beat the next one's, in percent, before each ply.
        nodes: Nodes a move of White and of Black; None for games of people.
    """

    id: str
    moves: tuple[str, ...]
    result: str
    start: str | None = None
    blunders: tuple[int, ...] | None = None
    chances: tuple[int, ...] | None = None
    gaps: tuple[int, ...] | None = None
    nodes: tuple[int, int] | None = None

    def to_row(self) -> dict[str, Any]:
        """The game as plain data for a line of JSON; what is unknown is left out."""
        row = {name: value for name, value in asdict(self).items() if value is not None}
        return row | {"moves": " ".join(self.moves)}

    @staticmethod
    def from_row(row: dict[str, Any], place: str) -> Game:
        """The game of one line of JSON, read at `place`."""
        try:
            fields = {name: tuple(row[name]) for name in ("blunders", "chances", "gaps", "nodes") if name in row}
            return Game(row["id"], tuple(row["moves"].split()), row["result"], row.get("start"), **fields)
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{place}: not a game ({error!r}). Delete the file and make the games again") from error


@dataclass(frozen=True)
class Player:
    """One side of a game: nodes a move, temperature of its choice, and whether it resigns."""

    n_nodes: int
    temperature: float
    resigns: bool


def play_games(spec: GamesSpec, n_games: int, out: Path, *, n_workers: int = 1, command: str = "") -> int:
    """Play games `0 .. n_games - 1` into shards under `out`; shards that are whole already are kept.

    Returns:
        How many games were played now.
    """
    write_card(out, {"source": "self-play", "spec": asdict(spec), "engine": engine_name()}, command)
    missing = []
    for number in range(math.ceil(n_games / spec.shard_games)):
        first = number * spec.shard_games
        last = min(first + spec.shard_games, n_games)
        path = shard_path(out, number)
        if not path.exists() or len(read_rows(path)) < last - first:
            missing.append((spec, first, last, path))
    return sum(run_shards(_play_shard, missing, label="games: shards", n_workers=n_workers))


def _play_shard(spec: GamesSpec, first: int, last: int, path: Path) -> int:
    with open_engine() as engine:
        write_rows(path, [play_game(engine, spec, index).to_row() for index in range(first, last)])
    return last - first


def play_game(engine: Engine, spec: GamesSpec, index: int) -> Game:
    """Game number `index` of the seed; it depends on nothing else."""
    chess = require_chess()
    rng = random.Random(f"chess-game:{spec.seed}:{index}")
    players = (draw_player(spec, rng), draw_player(spec, rng))
    n_opening = rng.randint(*OPENING_PLIES)
    board = chess.Board()
    blunders: list[int] = []
    chances: list[int] = []
    gaps: list[int] = []
    hopeless = [0, 0]
    result = None
    engine.forget()
    while result is None:
        side = len(board.move_stack) % 2
        player = players[side]
        reports = engine.search(board.fen(), spec.max_nodes, PLAYER_LINES)
        chance, gap = percents(reports[-1].lines)
        hopeless[side] = hopeless[side] + 1 if chance < RESIGN_PERCENT else 0
        if player.resigns and hopeless[side] >= RESIGN_MOVES:
            result = "0-1" if side == 0 else "1-0"
            break
        chances.append(chance)
        gaps.append(gap)
        lines = seen_by(player, reports)
        if len(board.move_stack) < n_opening:
            move, is_blunder = draw_opening_move(board, lines, rng), False
        else:
            move, is_blunder = draw_move(board, lines, player, spec.blunder_frac, rng)
        if is_blunder:
            blunders.append(len(board.move_stack))
        board.push_uci(move)
        result = finish(board)
    return Game(
        f"selfplay-{spec.seed}-{index:06d}",
        tuple(move.uci() for move in board.move_stack),
        result,
        blunders=tuple(blunders),
        chances=tuple(chances),
        gaps=tuple(gaps),
        nodes=(players[0].n_nodes, players[1].n_nodes),
    )


def draw_player(spec: GamesSpec, rng: random.Random) -> Player:
    """A player whose strength is uniform on the scale where each doubling of nodes counts the same."""
    strength = rng.random()
    n_nodes = round(spec.min_nodes * (spec.max_nodes / spec.min_nodes) ** strength)
    weakest, strongest = PLAYER_TEMPERATURES
    return Player(n_nodes, weakest + (strongest - weakest) * strength, rng.random() < RESIGN_FRAC)


def seen_by(player: Player, reports: list[Report]) -> list[Line]:
    """The best lines as they stood when the player's nodes were spent."""
    seen = [report for report in reports if report.n_nodes <= player.n_nodes]
    return (seen or reports)[-1 if seen else 0].lines


def percents(lines: list[Line]) -> tuple[int, int]:
    """The best move's chance, and its lead over the next best; 100 is a mate in sight, and 0 being mated."""
    best = lines[0].chance
    chance = round(100 * best) if best in (0.0, 1.0) else min(max(round(100 * best), 1), 99)
    return chance, round(100 * (best - lines[1].chance)) if len(lines) > 1 else 0


def draw_opening_move(board: chess.Board, lines: list[Line], rng: random.Random) -> str:
    """One of the better moves, or now and then any."""
    if rng.random() < OPENING_RANDOM_FRAC:
        moves: list[str] = sorted(move.uci() for move in board.legal_moves)
        return rng.choice(moves)
    return draw_line(lines, OPENING_TEMPERATURE, rng)


def draw_line(lines: list[Line], temperature: float, rng: random.Random) -> str:
    """The first move of one line, the likelier the nearer its chance is to the best one's."""
    weights = [math.exp((line.chance - lines[0].chance) / temperature) for line in lines]
    return rng.choices(lines, weights)[0].move


def draw_move(
    board: chess.Board, lines: list[Line], player: Player, blunder_frac: float, rng: random.Random
) -> tuple[str, bool]:
    """The player's move, and whether it is a drawn blunder.

    Half of the blunders are any legal move. The others are a capture or a check that is not the engine's first
    choice, where there is one: people err most where something seems to happen.
    """
    if rng.random() >= blunder_frac:
        return draw_line(lines, player.temperature, rng), False
    moves = sorted(board.legal_moves, key=lambda move: move.uci())
    tempting = [
        move for move in moves if move.uci() != lines[0].move and (board.is_capture(move) or board.gives_check(move))
    ]
    move = rng.choice(tempting if tempting and rng.random() < 0.5 else moves).uci()
    return move, move != lines[0].move


def finish(board: chess.Board) -> str | None:
    """The result of a game that is over: by rule, by threefold repetition, or by length; None while it goes on."""
    outcome = board.outcome(claim_draw=False)
    if outcome is not None:
        return str(outcome.result())
    is_repeated = board.halfmove_clock >= 8 and board.is_repetition(3)
    return "1/2-1/2" if is_repeated or len(board.move_stack) >= MAX_PLIES else None


def shard_path(folder: Path, number: int) -> Path:
    """Return the path of shard `number` of a folder of games."""
    return folder / f"games-{number:05d}.jsonl.gz"


def write_card(folder: Path, card: dict[str, Any], command: str) -> None:
    """Say in the folder how its games were made; refuse a folder whose games were made otherwise."""
    path = folder / CARD_FILE
    if path.exists():
        before = read_card(folder)
        for name in card:
            if before.get(name) != card[name]:
                raise DataError(
                    f"{path}: {name}: these games were made with {before.get(name)}, and now {card[name]} is asked. "
                    "Choose another --out folder, or the same settings"
                )
        return
    content = json.dumps(card | {"command": command}, indent=2) + "\n"
    write_atomically(path, content.encode())


def read_card(folder: Path) -> dict[str, Any]:
    """Read the card that `write_card` wrote."""
    path = folder / CARD_FILE
    try:
        card: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise DataError(f"{folder}: no {CARD_FILE} here. Make games with: w2slab chess games --out {folder}") from error
    except ValueError as error:
        raise DataError(f"{path}: not JSON ({error}). Delete the file and run the command again") from error
    return card


def game_shards(folder: Path) -> list[Path]:
    """The shards of a folder of games, in order; a folder without any is an error."""
    read_card(folder)
    shards = sorted(folder.glob(SHARD_PATTERN))
    if not shards:
        raise DataError(f"{folder}: no file {SHARD_PATTERN} here. Make games with: w2slab chess games --out {folder}")
    return shards


def read_games(shard: Path) -> Iterator[Game]:
    """The games of one shard, without those that a PGN file had and that could not be read."""
    for number, row in enumerate(read_rows(shard), 1):
        if "problem" not in row:
            yield Game.from_row(row, f"{shard}:{number}")
