from __future__ import annotations

import json
from pathlib import Path

import pytest

from w2slab.errors import DataError, UnavailableError
from w2slab.ladders.chess.difficulty import engine_difficulty, settled_nodes
from w2slab.ladders.chess.engine import find_stockfish, open_engine
from w2slab.ladders.chess.games import Game, GamesSpec, play_games
from w2slab.ladders.chess.puzzles import PuzzlesSpec, make_puzzles, search_game, search_position, suspects
from w2slab.tasks.chess.table import read_puzzles

pytestmark = pytest.mark.engine

SPEC = PuzzlesSpec(glance_nodes=300, look_nodes=1000, verify_nodes=4000, max_tries=4)


@pytest.fixture(scope="module")
def chess():
    """The python-chess package, where it and the engine are there."""
    try:
        find_stockfish()
    except UnavailableError as error:
        pytest.skip(str(error))
    return pytest.importorskip("chess", reason='python-chess is missing: pip install "w2slab[chess]"')


@pytest.fixture(scope="module")
def games(chess, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("games")
    play_games(GamesSpec(seed=11, max_nodes=100, blunder_frac=0.2, shard_games=4), 12, folder)
    return folder


def make(games: Path, out: Path, **options):
    return make_puzzles(games, out, SPEC, out.with_suffix(".work"), **options)


def test_table_is_the_same_for_any_number_of_workers_and_after_a_stop(games, tmp_path):
    one, two = tmp_path / "one.parquet", tmp_path / "two.parquet"
    make(games, one)
    make(games, two, n_workers=2)
    assert one.read_bytes() == two.read_bytes()
    # A stop leaves some shards unmade.
    shards = sorted(two.with_suffix(".work").iterdir())
    assert len(shards) == 3
    shards[1].unlink()
    kept = shards[0].stat().st_mtime_ns
    two.unlink()
    make(games, two)
    assert one.read_bytes() == two.read_bytes()
    assert shards[0].stat().st_mtime_ns == kept


def test_found_puzzles_have_one_winning_reply_or_mate(chess, games, tmp_path):
    out = tmp_path / "puzzles.parquet"
    written = make(games, out)
    puzzles = read_puzzles(out).to_pylist()
    assert written.n_train + written.n_test == len(puzzles) >= 5
    per_game: dict[str, int] = {}
    with open_engine() as engine:
        for puzzle in puzzles:
            per_game[puzzle["group"]] = per_game.get(puzzle["group"], 0) + 1
            board = chess.Board(puzzle["fen"])
            assert puzzle["moves"] == sorted(move.uci() for move in board.legal_moves)
            assert board.piece_at(chess.parse_square(puzzle["setup"][2:4])).color != board.turn
            right = [puzzle["moves"][place] for place in puzzle["right"]]
            mates = [uci for uci in puzzle["moves"] if mates_at_once(chess, board, uci)]
            if mates:
                assert sorted(right) == mates
                continue
            assert len(right) == 1
            engine.forget()
            best, second = engine.look(puzzle["fen"], SPEC.verify_nodes, 2)
            assert best.chance >= SPEC.min_chance
            assert best.chance - second.chance >= SPEC.min_gap
            assert [best.move] == right
    assert max(per_game.values()) <= SPEC.max_per_game
    card = json.loads(out.with_suffix(".json").read_text())
    assert sum(card["n_puzzles"].values()) == len(puzzles)
    assert card["games"]["spec"]["seed"] == 11


def mates_at_once(chess, board, uci: str) -> bool:
    after = board.copy()
    after.push_uci(uci)
    return after.is_checkmate()


def test_every_mate_in_one_is_right(chess):
    before = chess.Board("k7/8/1K6/8/8/8/6Q1/7R b - - 0 1")
    with open_engine() as engine:
        # Black was being mated anyway: no mistake.
        assert search_position(engine, before, "a8b8", SPEC) is None
        # The rook could have kept the back rank.
        before = chess.Board("r5k1/5ppp/8/8/8/8/8/RR4K1 b - - 0 1")
        puzzle = search_position(engine, before, "a8a2", SPEC)
    assert {puzzle["moves"][place] for place in puzzle["right"]} == {"b1b8"}
    assert puzzle["kind"] == "mate-in-one"


def test_mistake_is_needed(chess):
    board = chess.Board()
    for uci in ("f2f3", "e7e5"):
        board.push_uci(uci)
    with open_engine() as engine:
        assert search_position(engine, board, "e2e4", SPEC) is None
        puzzle = search_position(engine, board, "g2g4", SPEC)
        assert [puzzle["moves"][place] for place in puzzle["right"]] == ["d8h4"]
        assert search_position(engine, board, "g2g4", SPEC, allowed=["other"]) is None


def test_games_without_the_engines_view_get_a_glance(chess):
    # White's queen takes a guarded pawn, in a game as PGN brings it.
    moves = ("e2e4", "e7e5", "g1f3", "b8c6", "f1c4", "f8c5", "d2d3", "d7d6", "c1e3", "c8g4", "d1d2", "g4f3", "d2c3")
    with open_engine() as engine:
        game = Game("pgn-1", (*moves, "f3e4"), "*")
        found = search_game(engine, game, PuzzlesSpec(max_tries=0, glance_nodes=1000))
        assert found == search_game(engine, game, PuzzlesSpec(max_tries=0, glance_nodes=1000))
    assert all(puzzle["group"] == "pgn-1" for puzzle in found)


def test_suspect_is_a_sudden_single_win_or_mate():
    chances = (50, 50, 50, 50, 50, 50, 50, 90, 10, 90, 20, 100, 1)
    gaps = (0, 0, 0, 0, 0, 0, 0, 40, 0, 40, 0, 0, 0)
    game = Game("a", ("e2e4",) * 13, "*", chances=chances, gaps=gaps)
    # Ply 7 wins alone; ply 9 was won already; ply 11 is a mate that was not in sight.
    assert suspects(game, PuzzlesSpec()) == [7, 11]


def test_settled_nodes_are_those_after_which_the_move_stays():
    assert settled_nodes([(20, "a"), (50, "b"), (90, "a"), (200, "a")]) == 90
    assert settled_nodes([(20, "a"), (50, "a")]) == 20
    assert settled_nodes([(20, "a"), (50, "b")]) == 50
    assert engine_difficulty(1024) == 10.0


def test_budgets_that_do_not_grow_are_refused():
    with pytest.raises(DataError, match="do not grow"):
        PuzzlesSpec(look_nodes=100)
