from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pytest

from w2slab.errors import DataError
from w2slab.ladders.chess.lichess import import_lichess
from w2slab.tasks.chess.table import read_puzzles

pytest.importorskip("chess", reason='python-chess is missing: pip install "w2slab[chess]"')

HEADER = "PuzzleId,FEN,Moves,Rating,RatingDeviation,Popularity,NbPlays,Themes,GameUrl,OpeningTags\n"
ONE_MATE = "bbbbb,6k1/5ppp/7r/8/8/8/5PPP/R5K1 b - - 0 1,h6b6 a1a8 b6b8 a8b8,900.5,80,90,10,mate,https://lichess.org/ABCDEFGH#9,\n"
WIN = "ccccc,4k3/8/3q4/8/8/8/8/3QK3 b - - 0 1,d6d5 d1d5,600,80,90,10,short,,\n"


def write(tmp_path: Path, *rows: str, header: str = HEADER) -> Path:
    path = tmp_path / "lichess.csv"
    path.write_text(header + "".join(rows))
    return path


def test_rows_become_puzzles_after_the_set_up_move(tmp_path):
    out = tmp_path / "puzzles.parquet"
    written, problems = import_lichess(write(tmp_path, WIN, ONE_MATE), out)
    assert (written.n_train + written.n_test, problems) == (2, [])
    win, mate = read_puzzles(out).to_pylist()
    assert win["fen"].startswith("4k3/8/8/3q4/8/8/8/3QK3 w")
    assert win["setup"] == "d6d5"
    assert [win["moves"][place] for place in win["right"]] == ["d1d5"]
    assert (win["difficulty"], win["group"]) == (600.0, "lichess-puzzle-ccccc")
    assert [mate["moves"][place] for place in mate["right"]] == ["a1a8"]
    assert mate["group"] == "lichess-ABCDEFGH"
    assert out.with_suffix(".json").exists()


def test_every_mate_in_one_is_right_and_the_solution_comes_first(tmp_path):
    fen = "k7/8/1K6/8/8/8/6Q1/7R b - - 0 1"
    row = f"ddddd,{fen},a8b8 h1h8,700,80,90,10,mate,https://lichess.org/abcdefgh#9,\n"
    out = tmp_path / "puzzles.parquet"
    import_lichess(write(tmp_path, row), out)
    [puzzle] = read_puzzles(out).to_pylist()
    right = [puzzle["moves"][place] for place in puzzle["right"]]
    assert right[0] == "h1h8"
    assert set(right) == {"h1h8", "g2b7", "g2g8"}


@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_packed_files_are_read(tmp_path, suffix):
    content = (HEADER + WIN).encode()
    path = tmp_path / f"lichess.csv.{suffix}"
    if suffix == "gz":
        path.write_bytes(gzip.compress(content))
    else:
        with pa.output_stream(str(path), compression="zstd") as stream:
            stream.write(content)
    written, _ = import_lichess(path, tmp_path / "puzzles.parquet")
    assert written.n_train + written.n_test == 1


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (WIN.replace("4k3", "9"), "lichess.csv:3: FEN"),
        (WIN.replace("3QK3", "3Q4"), "lichess.csv:3: FEN"),
        (WIN.replace("d6d5 d1d5", "d6d5"), 'lichess.csv:3: Moves: "d6d5" has no solution'),
        (WIN.replace("d6d5", "Qd5"), 'lichess.csv:3: Moves: "Qd5" is not UCI'),
        (WIN.replace("d1d5", "d1d6"), 'lichess.csv:3: Moves: "d1d6" is not legal'),
        (WIN.replace("600", ""), 'lichess.csv:3: Rating: "" is not a number'),
        (WIN.replace("600", "nan"), "lichess.csv:3: Rating"),
        ("ccccc\n", "lichess.csv:3: FEN"),
    ],
)
def test_bad_row_is_an_error_that_names_line_and_field_or_is_counted(tmp_path, row, says):
    path, out = write(tmp_path, ONE_MATE, row), tmp_path / "puzzles.parquet"
    with pytest.raises(DataError) as caught:
        import_lichess(path, out)
    assert says in str(caught.value)
    assert not out.exists()
    written, problems = import_lichess(path, out, skip_bad=True)
    assert written.n_train + written.n_test == 1
    assert len(problems) == 1
    assert says in problems[0]


def test_missing_column_or_file_is_an_error(tmp_path):
    path = write(tmp_path, WIN, header=HEADER.replace("Rating,", "Elo,"))
    with pytest.raises(DataError, match="column Rating is missing"):
        import_lichess(path, tmp_path / "puzzles.parquet")
    with pytest.raises(DataError, match="no such file"):
        import_lichess(tmp_path / "none.csv", tmp_path / "puzzles.parquet")
