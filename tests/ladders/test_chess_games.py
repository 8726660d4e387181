from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from w2slab.errors import DataError, UnavailableError
from w2slab.ladders.chess import engine as engine_module
from w2slab.ladders.chess.engine import find_stockfish, open_engine, read_reports
from w2slab.ladders.chess.games import GamesSpec, game_shards, play_games, read_games

pytestmark = pytest.mark.engine

SPEC = GamesSpec(seed=5, max_nodes=60, shard_games=3)


@pytest.fixture
def stockfish() -> None:
    pytest.importorskip("chess", reason='python-chess is missing: pip install "w2slab[chess]"')
    try:
        find_stockfish()
    except UnavailableError as error:
        pytest.skip(str(error))


def shard_bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.gz"))}


@pytest.mark.usefixtures("stockfish")
def test_games_are_the_same_for_any_number_of_workers(tmp_path):
    assert play_games(SPEC, 8, tmp_path / "one") == 8
    assert play_games(SPEC, 8, tmp_path / "two", n_workers=2) == 8
    assert len(shard_bytes(tmp_path / "one")) == 3
    assert shard_bytes(tmp_path / "one") == shard_bytes(tmp_path / "two")


@pytest.mark.usefixtures("stockfish")
def test_games_are_legal_and_say_how_they_came_about(tmp_path):
    import chess

    play_games(SPEC, 6, tmp_path)
    games = [game for shard in game_shards(tmp_path) for game in read_games(shard)]
    assert len({game.moves for game in games}) == 6
    for game in games:
        board = chess.Board()
        for uci in game.moves:
            board.push(board.parse_uci(uci))
        assert len(game.chances) == len(game.gaps) == len(game.moves)
        assert all(0 <= chance <= 100 for chance in game.chances)
        assert set(game.blunders) < set(range(len(game.moves)))
        if board.is_checkmate():
            assert game.result == ("0-1" if board.turn else "1-0")


@pytest.mark.usefixtures("stockfish")
def test_more_games_keep_those_that_are_there(tmp_path):
    play_games(SPEC, 4, tmp_path / "grown")
    assert play_games(SPEC, 4, tmp_path / "grown") == 0
    # The second shard held one game of three, so it is played again.
    assert play_games(SPEC, 6, tmp_path / "grown") == 3
    play_games(SPEC, 6, tmp_path / "whole")
    assert shard_bytes(tmp_path / "grown") == shard_bytes(tmp_path / "whole")


@pytest.mark.usefixtures("stockfish")
def test_killed_run_ends_with_the_bytes_of_one_that_was_not(tmp_path):
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    code = (
        "import sys; from pathlib import Path; from w2slab.ladders.chess.games import GamesSpec, play_games; "
        "play_games(GamesSpec(seed=5, max_nodes=60, shard_games=3), 200, Path(sys.argv[1]))"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(killed)], stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 50
        while len(shard_bytes(killed)) < 2 and time.monotonic() < until:
            time.sleep(0.01)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    n_games = 3 * len(shard_bytes(killed)) + 3
    assert n_games >= 9
    assert play_games(SPEC, n_games, killed) == 3
    play_games(SPEC, n_games, whole)
    assert shard_bytes(killed) == shard_bytes(whole)


@pytest.mark.usefixtures("stockfish")
def test_folder_of_other_settings_is_refused(tmp_path):
    play_games(SPEC, 1, tmp_path)
    with pytest.raises(DataError, match="Choose another --out folder"):
        play_games(GamesSpec(seed=6), 1, tmp_path)


@pytest.mark.usefixtures("stockfish")
def test_engine_forgets(tmp_path):
    fen = "r1bqkbnr/pppp1ppp/2n5/4p3/2B1P3/5Q2/PPPP1PPP/RNB1K1NR w KQkq - 2 3"
    with open_engine() as engine:
        first = engine.search(fen, 2000, 2)
        engine.search(fen, 5000, 3)
        engine.forget()
        assert engine.search(fen, 2000, 2) == first
        assert first[-1].lines[0].move == "f3f7"
        assert first[-1].lines[0].chance == 1.0


def test_iteration_with_a_bound_is_left_out():
    reports = read_reports(
        [
            "info depth 1 multipv 1 score cp 100 nodes 20 pv e2e4 e7e5\n",
            "info depth 1 multipv 2 score mate -3 nodes 20 pv d2d4\n",
            "info depth 2 currmove e2e4 currmovenumber 1\n",
            "info depth 2 multipv 1 score cp 90 nodes 50 pv g1f3\n",
            "info depth 2 multipv 2 score cp 80 upperbound nodes 50 pv e2e4\n",
            "bestmove g1f3\n",
        ]
    )
    assert [report.n_nodes for report in reports] == [20]
    assert [line.move for line in reports[0].lines] == ["e2e4", "d2d4"]
    assert reports[0].lines[0].chance == pytest.approx(0.591, abs=0.001)
    assert reports[0].lines[1].chance == 0.0


def test_missing_stockfish_says_how_to_install_it(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(engine_module, "EXTRA_FOLDERS", ("/nowhere",))
    with pytest.raises(UnavailableError, match="apt install stockfish"):
        find_stockfish()


def test_missing_python_chess_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "chess", None)
    with pytest.raises(UnavailableError, match=r'pip install "w2slab\[chess\]"'):
        engine_module.require_chess()


@pytest.mark.parametrize(
    ("fields", "says"),
    [({"blunder_frac": 1.5}, "blunder rate"), ({"min_nodes": 0}, "nodes"), ({"min_nodes": 9, "max_nodes": 3}, "nodes")],
)
def test_impossible_settings_are_refused(fields, says):
    with pytest.raises(DataError, match=says):
        GamesSpec(seed=0, **fields)


def test_folder_without_games_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"no games\.json here"):
        game_shards(tmp_path)
    (tmp_path / "games.json").write_text("{}")
    with pytest.raises(DataError, match="w2slab chess games"):
        game_shards(tmp_path)


def test_damaged_shard_is_an_error_that_names_it(tmp_path):
    import gzip

    shard = tmp_path / "games-00000.jsonl.gz"
    shard.write_bytes(b"no gzip")
    with pytest.raises(DataError, match=r"games-00000\.jsonl\.gz: not a whole"):
        list(read_games(shard))
    shard.write_bytes(gzip.compress(json.dumps({"id": "a", "result": "*"}).encode()))
    with pytest.raises(DataError, match=r"games-00000\.jsonl\.gz:1: not a game"):
        list(read_games(shard))
