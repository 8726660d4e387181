from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from w2slab.errors import DataError
from w2slab.ladders.chess.games import game_shards, read_games
from w2slab.ladders.chess.pgn import import_pgn

pytest.importorskip("chess", reason='python-chess is missing: pip install "w2slab[chess]"')

GAMES = """\
[Event "A"]
[Result "1-0"]

1. e4 e5 {a comment [with a "tag"]
[in it]} 2. Qh5 $1 Nc6 (2... g6 3. Qxe5+ (3. Qf3)) 3. Bc4 Nf6?? 4. Qxf7# 1-0

[Event "B"]
[Result "0-1"]

1.f3 e5 2.g4 ; a blunder
Qh4# 0-1

[Event "C"]
[Result "1-0"]

1. e4 e5 2. Ke3 1-0

[Event "D"]
[FEN "4k3/P7/8/8/8/8/8/R3K3 w Q - 0 1"]
[Result "*"]

1. O-O-O Kf7 2. a8=Q *
"""


def imported(tmp_path: Path, content: bytes, name: str = "games.pgn", **options):
    path = tmp_path / name
    path.write_bytes(content)
    result = import_pgn(path, tmp_path / "out", **options)
    return result, [game for shard in game_shards(tmp_path / "out") for game in read_games(shard)]


@pytest.mark.parametrize(("name", "pack"), [("games.pgn", bytes), ("games.pgn.gz", gzip.compress)])
def test_main_lines_are_read_and_bad_games_are_counted(tmp_path, name, pack):
    result, games = imported(tmp_path, pack(GAMES.encode()), name)
    assert result.n_games == 3
    assert [game.moves for game in games] == [
        ("e2e4", "e7e5", "d1h5", "b8c6", "f1c4", "g8f6", "h5f7"),
        ("f2f3", "e7e5", "g2g4", "d8h4"),
        ("e1c1", "e8f7", "a7a8q"),
    ]
    assert [game.result for game in games] == ["1-0", "0-1", "*"]
    assert games[2].start == "4k3/P7/8/8/8/8/8/R3K3 w Q - 0 1"
    assert games[0].chances is None
    [problem] = result.problems
    # It names the file, the line of the game and the move.
    assert f"{name}:13: move 3" in problem
    assert "Ke3" in problem


def test_windows_line_ends_and_any_encoding(tmp_path):
    content = GAMES.replace('"A"', '"Å"').replace("\n", "\r\n").encode("latin-1")
    result, games = imported(tmp_path, content)
    assert result.n_games == len(games) == 3


def test_only_so_many_games_and_none_twice(tmp_path):
    result, games = imported(tmp_path, GAMES.encode(), n_games=2)
    assert result.n_games == 2
    again, games_again = imported(tmp_path, GAMES.encode(), n_games=2)
    assert again == result
    assert games_again == games


def test_missing_file_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        import_pgn(tmp_path / "none.pgn", tmp_path / "out")


def test_file_without_a_game_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no game found"):
        imported(tmp_path, b"\x00\xff no chess here\n")
    assert not (tmp_path / "out").exists()


def test_damaged_archive_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"games\.pgn\.gz"):
        imported(tmp_path, gzip.compress(GAMES.encode() * 50)[:-40], "games.pgn.gz")
