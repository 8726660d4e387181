from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.conftest import w2slab
from w2slab.errors import UnavailableError
from w2slab.ladders.chess.engine import find_stockfish
from w2slab.tasks.chess.table import read_puzzles


@pytest.mark.engine
def test_games_and_puzzles_from_the_command_line(tmp_path):
    pytest.importorskip("chess", reason='python-chess is missing: pip install "w2slab[chess]"')
    try:
        find_stockfish()
    except UnavailableError as error:
        pytest.skip(str(error))
    games, out = tmp_path / "games", tmp_path / "puzzles.parquet"
    done = w2slab("chess", "games", "--out", games, "--games", 2, "--seed", 3, "--max-nodes", 60)
    assert done.returncode == 0, done.stderr
    assert "2 games; 2 played now" in done.stdout
    done = w2slab("chess", "puzzles", "--games", games, "--out", out, "--verify-nodes", 3000)
    assert done.returncode == 0, done.stderr
    split = read_puzzles(out).column("split").to_pylist()
    assert f"{split.count('train')} puzzles to train on and {split.count('test')} to test on" in done.stdout
    assert out.with_suffix(".json").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--out", "puzzles.parquet"], "give one of --games and --lichess"),
        (["--out", "puzzles.json", "--lichess", "none.csv"], "ends in .parquet"),
        (["--out", "puzzles.parquet", "--lichess", "none.csv"], "none.csv: no such file"),
    ],
)
def test_wrong_usage_and_data_end_with_exit_code_2(tmp_path, arguments, says):
    done = w2slab("chess", "puzzles", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_missing_stockfish_ends_with_exit_code_3(tmp_path):
    pytest.importorskip("chess", reason='python-chess is missing: pip install "w2slab[chess]"')
    code = (
        "import sys; from w2slab.ladders.chess import engine; engine.EXTRA_FOLDERS = (); "
        "from w2slab.cli.main import main; "
        "sys.argv = ['w2slab', 'chess', 'games', '--out', 'games']; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PATH": ""}, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 3
    assert "apt install stockfish" in done.stderr
