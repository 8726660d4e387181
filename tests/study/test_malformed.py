"""Bad input is an error with place, value and remedy: exit 2 or 3, nothing run, nothing written."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from w2slab.cli.main import main
from w2slab.tasks.chess.puzzle_task import SHIPPED

TOY = """\
name: x
tasks: [toy]
ladder:
  - {name: a, family: linear, n_features: 2}
  - {name: b, family: linear, n_features: 4}
methods: [naive]
splits: {supervisor_train: 100, student_train: 100, validation: 50, test: 100}
recipe: {epochs: 1, curve_points: 2}
"""
CHESS = TOY.replace("[toy]", "[{name: chess, puzzles: p.parquet}]")


def invoke(monkeypatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["w2slab", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        pytest.param("", 2, ["the file is empty", "w2slab init"], id="empty"),
        pytest.param("- a\n- b\n", 2, ["a study is a mapping"], id="a list"),
        pytest.param("name: [x\n", 2, ["study.yaml:2:1", "not YAML"], id="not YAML"),
        pytest.param(TOY + "name: y\n", 2, ["study.yaml:9:1: name", "stands twice"], id="a key twice"),
        pytest.param(TOY.replace("naive", "naiv"), 2, ["study.yaml:6:11: methods.0", 'Did you mean "naive"?'], id="method"),
        pytest.param(TOY.replace("toy", "tooy"), 2, ["study.yaml:2:9", 'Did you mean "toy"?'], id="task"),
        pytest.param(TOY.replace("linear", "liner"), 2, ["study.yaml:4:23", 'Did you mean "linear"?'], id="family"),
        pytest.param(TOY.replace("n_features: 2", "n_feature: 2"), 2, ['"n_features"'], id="field of a family"),
        pytest.param(TOY.replace("epochs: 1", "epochs: many"), 2, ["recipe.epochs", "'many'"], id="not a number"),
        pytest.param(TOY.replace("epochs: 1", "epochs: -1"), 2, ["greater than or equal to 1", "-1"], id="negative"),
        pytest.param(TOY.replace("name: x", "name: ../x"), 2, ["name", "'../x'"], id="a name that is a path"),
        pytest.param(TOY.replace("methods: [naive]\n", ""), 2, ["methods: is required and missing"], id="no methods"),
        pytest.param(TOY.replace("name: b", "name: a"), 2, ['"a" stands twice'], id="two rungs of one name"),
        pytest.param(TOY + "pairs: [[b, a]]\n", 2, ["weakest first"], id="a pair upside down"),
        pytest.param(TOY + "seeds: [0, 0]\n", 2, ['"0" stands twice'], id="a seed twice"),
        pytest.param(TOY.replace("[naive]", "[bootstrapping]").replace("  - {name: b", "  - {name: m, family: linear, n_features: 3}\n  - {name: b"), 2, ["splits.reserve of 100"], id="no reserve"),
        pytest.param(CHESS, 2, ["p.parquet", "does not exist"], id="a missing data file"),
        pytest.param(TOY.replace("family: linear, n_features: 2", "family: chessformer, path: nowhere"), 3, ["nowhere", "does not exist"], id="a missing model"),
    ],
)  # fmt: skip
def test_a_malformed_study_is_explained(tmp_path, monkeypatch, capsys, text, code, words):
    (tmp_path / "study.yaml").write_text(text)
    assert invoke(monkeypatch, "run", str(tmp_path / "study.yaml")) == code
    shown = capsys.readouterr().err
    for word in words:
        assert word in shown
    assert "Traceback" not in shown
    assert [p.name for p in tmp_path.iterdir()] == ["study.yaml"]


def shipped_rows(n: int) -> dict[str, list]:
    return pq.read_table(SHIPPED).slice(0, n).to_pydict()


def write(path: Path, rows: dict[str, list]) -> None:
    schema = pq.read_schema(SHIPPED)
    pq.write_table(pa.table(rows, schema=pa.schema([schema.field(name) for name in rows])), path)


def drop_right(rows):
    del rows["right"]


def wrong_index(rows):
    rows["right"][3] = [999]


def bad_fen(rows):
    rows["fen"][3] = "8/8/8/8 w - -"


def no_moves(rows):
    rows["moves"][3] = []


def same_id(rows):
    rows["id"][3] = rows["id"][2]


@pytest.mark.parametrize("damage", [drop_right, wrong_index, bad_fen, no_moves, same_id])
def test_a_malformed_puzzle_table_is_explained_before_any_model_runs(
    tmp_path, monkeypatch, capsys, damage: Callable[[dict[str, list]], None]
):
    rows = shipped_rows(10)
    damage(rows)
    write(tmp_path / "p.parquet", rows)
    (tmp_path / "study.yaml").write_text(CHESS)
    code = invoke(monkeypatch, "run", str(tmp_path / "study.yaml"), "--executor", "inline", "--no-report")
    shown = capsys.readouterr().err
    assert code == 2
    assert "p.parquet" in shown
    assert "Traceback" not in shown
    assert sorted(p.name for p in tmp_path.iterdir()) == ["p.parquet", "study.yaml"]


def test_a_device_that_is_not_here_is_said_before_the_first_job(tmp_path, monkeypatch, capsys):
    (tmp_path / "study.yaml").write_text(TOY)
    missing = "mps" if sys.platform != "darwin" else "cuda"
    assert invoke(monkeypatch, "run", str(tmp_path / "study.yaml"), "--device", missing) == 3
    assert f"--device {missing}" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["study.yaml"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("a: " + "9" * 5000 + "\n", "finite number", id="an integer of 5,000 digits"),
        pytest.param("a: " + "[" * 3000, "levels deep", id="3,000 levels"),
        pytest.param(TOY + "? [a, b]\n: 3\n", "a key must be a name", id="a list as a key"),
        pytest.param(
            "".join(
                f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in ["ab", "bc", "cd", "de", "ef", "fg"]
            ).replace("*a", "1"),
            "no study is that large",
            id="a small file that grows",
        ),
        pytest.param(TOY.replace("n_features: 4", "n_features: 400"), "ask for at most", id="a model too wide"),
        pytest.param(TOY.replace("test: 100", "test: 1000000000"), "ask for smaller splits", id="too few examples"),
    ],
)
def test_what_only_looks_like_a_study_is_explained(tmp_path, monkeypatch, capsys, text, words):
    (tmp_path / "study.yaml").write_text(
        text.replace("a: 9", "name: x\nrecipe: {lr: 9") + ("}" if "a: 9" in text else "")
    )
    assert invoke(monkeypatch, "run", str(tmp_path / "study.yaml")) == 2
    shown = capsys.readouterr().err
    assert words in shown
    assert "Traceback" not in shown
    assert [p.name for p in tmp_path.iterdir()] == ["study.yaml"]


def test_a_run_in_which_every_job_fails_says_so_and_exits_with_1(tmp_path, monkeypatch, capsys):
    (tmp_path / "study.yaml").write_text(TOY.replace("epochs: 1", "epochs: 3, lr: 1e39"))
    assert invoke(monkeypatch, "run", str(tmp_path / "study.yaml"), "--executor", "inline") == 1
    shown = capsys.readouterr().err
    assert "failed" in shown
    assert "the loss is" in shown


def test_a_report_that_cannot_be_written_is_explained(tmp_path, monkeypatch, capsys):
    (tmp_path / "study.yaml").write_text(TOY)
    (tmp_path / "taken").write_text("a file, not a folder")
    arguments = ["run", str(tmp_path / "study.yaml"), "--executor", "inline", "--out", str(tmp_path / "taken")]
    assert invoke(monkeypatch, *arguments) == 1
    assert "taken" in capsys.readouterr().err


def test_init_does_not_overwrite(tmp_path, monkeypatch, capsys):
    (tmp_path / "study.yaml").write_text("mine")
    assert invoke(monkeypatch, "init", str(tmp_path / "study.yaml")) == 2
    assert "--force" in capsys.readouterr().err
    assert (tmp_path / "study.yaml").read_text() == "mine"
