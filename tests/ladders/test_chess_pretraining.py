from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from w2slab.errors import DataError, JobError
from w2slab.graph.job import Stopped
from w2slab.ladders.chess.corpus import CorpusSpec, write_corpus
from w2slab.ladders.chess.games import Game
from w2slab.ladders.chess.pretraining import PretrainOptions, PretrainSpec, pretrain, rung_spec
from w2slab.models.chessformer.architecture import Architecture
from w2slab.models.chessformer.chessformer import Chessformer

chess = pytest.importorskip("chess", reason="python-chess makes the corpus")

pytestmark = pytest.mark.slow
SHAPE = Architecture(width=8, layers=1, heads=1)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    """Games of players who take what they can, and else draw a move."""
    generator, games = np.random.default_rng(0), []
    for number in range(40):
        board, moves = chess.Board(), []
        while len(moves) < 50 and not board.is_game_over():
            legal = sorted(board.legal_moves, key=lambda move: (not board.is_capture(move), move.uci()))
            greedy = board.is_capture(legal[0])
            moves.append(legal[0] if greedy else legal[generator.integers(len(legal))])
            board.push(moves[-1])
        games.append(Game(f"g{number}", tuple(move.uci() for move in moves), "*"))
    folder = tmp_path_factory.mktemp("corpus")
    write_corpus(games, folder, CorpusSpec(per_game=40))
    return folder


def spec(corpus: Path, positions: int = 1280, **more) -> PretrainSpec:
    fields = {"batch_size": 64, "lr": 1e-2, "warmup_steps": 5, "cooldown_frac": 0.4, "validation_games": 10} | more
    return PretrainSpec(name="small", corpora=(str(corpus),), architecture=SHAPE, positions=positions, **fields)


def weights(folder: Path) -> bytes:
    return (folder / "small.safetensors").read_bytes()


def test_pretraining_lowers_the_loss(corpus, tmp_path):
    begun = pretrain(spec(corpus, 64, lr=1e-9), tmp_path / "begun")
    card = pretrain(spec(corpus, 6400), tmp_path / "done", PretrainOptions(log_every_steps=20))
    assert card["validation_loss"] < begun["validation_loss"] - 0.5
    lines = [json.loads(line) for line in (tmp_path / "done" / "small.log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [20, 40, 60, 80, 100]
    assert lines[-1]["loss"] < lines[0]["loss"]
    assert Chessformer("small", tmp_path / "done").n_parameters() == card["n_parameters"]


def test_a_training_stopped_at_each_step_ends_with_the_same_bytes(corpus, tmp_path):
    pretrain(spec(corpus, 384), tmp_path / "whole")
    for _ in range(6):
        with pytest.raises(Stopped):
            pretrain(spec(corpus, 384), tmp_path / "parts", PretrainOptions(time_limit_s=0.0))
    pretrain(spec(corpus, 384), tmp_path / "parts", PretrainOptions(time_limit_s=0.0))
    assert weights(tmp_path / "parts") == weights(tmp_path / "whole")
    assert not (tmp_path / "parts" / "small.work").exists()


def test_a_killed_training_ends_with_the_same_bytes(corpus, tmp_path):
    command = (
        f"chess pretrain --rung small --width 8 --layers 1 --heads 1 --corpus {corpus} --out {tmp_path / 'killed'}"
    )
    command += " --positions 3200 --batch-size 64 --checkpoint-every 0.05"
    process = subprocess.Popen([sys.executable, "-m", "w2slab", *command.split()])
    checkpoint = tmp_path / "killed" / "small.work" / "training.safetensors"
    while not checkpoint.exists():
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "killed" / "small.safetensors").exists()
    same = rung_spec("small", [corpus], asdict(SHAPE), positions=3200, batch_size=64)
    pretrain(same, tmp_path / "killed")
    pretrain(same, tmp_path / "whole")
    assert weights(tmp_path / "killed") == weights(tmp_path / "whole")


def test_the_length_may_change_until_the_cool_down(corpus, tmp_path):
    with pytest.raises(Stopped):
        pretrain(spec(corpus, 640), tmp_path / "changed", PretrainOptions(time_limit_s=0.0))
    pretrain(spec(corpus, 320), tmp_path / "changed")
    pretrain(spec(corpus, 320), tmp_path / "whole")
    assert weights(tmp_path / "changed") == weights(tmp_path / "whole")
    for _ in range(4):
        with pytest.raises(Stopped):
            pretrain(spec(corpus, 320), tmp_path / "cooling", PretrainOptions(time_limit_s=0.0))
    with pytest.raises(JobError, match="too late to change"):
        pretrain(spec(corpus, 640), tmp_path / "cooling")


def test_a_checkpoint_of_another_training_is_refused(corpus, tmp_path):
    with pytest.raises(Stopped):
        pretrain(spec(corpus), tmp_path, PretrainOptions(time_limit_s=0.0))
    with pytest.raises(JobError, match="another training"):
        pretrain(spec(corpus, seed=1), tmp_path)


def test_what_cannot_be_trained_is_said_first(corpus, tmp_path):
    with pytest.raises(DataError, match="too few positions"):
        pretrain(spec(corpus, batch_size=100_000), tmp_path)
    with pytest.raises(DataError, match="allowed: cpu, cuda"):
        pretrain(spec(corpus), tmp_path, PretrainOptions(device="tpu"))
    with pytest.raises(DataError, match="give width, layers and heads"):
        rung_spec("mine", [corpus], {"width": 8})
    with pytest.raises(DataError, match="must divide"):
        rung_spec("mine", [corpus], {"width": 8, "layers": 1, "heads": 3})
