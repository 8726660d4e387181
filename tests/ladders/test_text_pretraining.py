from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from w2slab.errors import DataError, JobError
from w2slab.graph.job import Stopped
from w2slab.ladders import text_pretraining as text_ladder
from w2slab.ladders.text_pretraining import RUNGS, TextLadderOptions, TextLadderSpec, TextRung, rung_spec, train_rung

pytestmark = pytest.mark.slow

RUNG = TextRung(width=16, layers=1, heads=2, inner=32, tokens=16 * 16 * 30, lr=1e-2)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    """Sentences of a small grammar; two blank lines between texts."""
    generator = np.random.default_rng(0)
    who, does, what = ["the cat", "a dog", "my bird"], ["sees", "likes", "hears"], ["milk", "the moon", "an old song"]

    def sentence() -> str:
        return f"{generator.choice(who)} {generator.choice(does)} {generator.choice(what)}."

    texts = ["\n".join(sentence() for _ in range(20)) for _ in range(400)]
    path = tmp_path_factory.mktemp("corpus") / "texts.txt.gz"
    path.write_bytes(gzip.compress("\n\n\n".join(texts).encode()))
    return path


def spec(corpus: Path, **more) -> TextLadderSpec:
    fields = {"vocabulary": 300, "context": 16, "batch_size": 16, "rung": RUNG} | more
    return TextLadderSpec(name="small", corpora=(str(corpus),), **fields)


def weights(folder: Path) -> bytes:
    return (folder / "small" / "model.safetensors").read_bytes()


def test_a_rung_is_an_ordinary_folder_that_has_learned_the_language(corpus, tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    begun = train_rung(spec(corpus, rung=replace(RUNG, tokens=256, lr=1e-9)), tmp_path / "begun")
    card = train_rung(spec(corpus), tmp_path / "done")
    assert card["held_out_loss"] < begun["held_out_loss"] - 1.0
    assert json.loads((tmp_path / "done" / "small" / "card.json").read_text()) == card
    network = AutoModelForCausalLM.from_pretrained(tmp_path / "done" / "small")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "done" / "small")
    assert sum(p.numel() for p in network.parameters()) == card["n_parameters"]
    text = "my bird hears an old song. ☃"
    ids = tokenizer(text)["input_ids"]
    assert tokenizer.decode(ids) == text
    likely = network(torch.tensor([ids])).logits[0].float().log_softmax(-1)
    assert likely[:-1].gather(1, torch.tensor(ids[1:])[:, None])[:8].mean() > -np.log(300) + 1.5


def test_texts_are_parted_by_two_blank_lines(tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text("one\ntwo\n\nstill one\n\n\n\nanother\n\n\n\n\n")
    assert list(text_ladder._texts(path)) == ["one\ntwo\n\nstill one", "another"]


def test_a_training_stopped_at_each_step_ends_with_the_same_bytes(corpus, tmp_path):
    short = spec(corpus, rung=replace(RUNG, tokens=16 * 16 * 4))
    train_rung(short, tmp_path / "whole")
    for _ in range(4):
        with pytest.raises(Stopped):
            train_rung(short, tmp_path / "parts", TextLadderOptions(time_limit_s=0.0))
    train_rung(short, tmp_path / "parts")
    assert weights(tmp_path / "parts") == weights(tmp_path / "whole")
    assert not (tmp_path / "parts" / "small.work").exists()


def test_a_killed_training_goes_on_with_the_same_bytes(corpus, tmp_path):
    longer = spec(corpus, rung=replace(RUNG, tokens=16 * 16 * 400))
    train_rung(longer, tmp_path / "whole")
    code = (
        "import json, sys; from pathlib import Path; from w2slab.ladders.text_pretraining import *;"
        "a = json.loads(sys.argv[1]); a['rung'] = TextRung(**a['rung']); a['corpora'] = tuple(a['corpora']);"
        "train_rung(TextLadderSpec(**a), Path(sys.argv[2]), TextLadderOptions(checkpoint_every_s=0.0))"
    )
    arguments = [sys.executable, "-c", code, json.dumps(asdict(longer)), str(tmp_path / "killed")]
    child = subprocess.Popen(arguments)
    place = tmp_path / "killed" / "small.work" / "training.safetensors"
    deadline = time.monotonic() + 60
    while not place.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.2)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    assert place.exists()
    assert not (tmp_path / "killed" / "small").exists()
    train_rung(longer, tmp_path / "killed")
    assert weights(tmp_path / "killed") == weights(tmp_path / "whole")


def test_a_checkpoint_of_another_seed_rate_or_shape_is_refused(corpus, tmp_path):
    with pytest.raises(Stopped):
        train_rung(spec(corpus), tmp_path, TextLadderOptions(time_limit_s=0.0))
    for other in (
        spec(corpus, seed=1),
        spec(corpus, rung=replace(RUNG, lr=1e-3)),
        spec(corpus, rung=replace(RUNG, width=8)),
    ):
        with pytest.raises(JobError, match="belongs to another training"):
            train_rung(other, tmp_path)


def test_a_corpus_that_is_too_small_missing_or_no_text_is_refused(tmp_path):
    tiny, binary = tmp_path / "tiny.txt", tmp_path / "binary.txt"
    tiny.write_text("hello")
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="too few; bring longer texts"):
        train_rung(spec(tiny), tmp_path / "a")
    with pytest.raises(DataError, match=r"binary\.txt: cannot be read as text"):
        train_rung(spec(binary), tmp_path / "b")
    with pytest.raises(DataError, match=r"nothing\.txt"):
        train_rung(spec(tmp_path / "nothing.txt"), tmp_path / "c")


def test_shapes_shipped_and_own(corpus):
    assert rung_spec("text-100k", [corpus], {"tokens": 5}).rung == replace(RUNGS["text-100k"], tokens=5)
    own = {"width": 8, "layers": 1, "heads": 2, "inner": 8, "tokens": 9, "lr": 0.1}
    assert rung_spec("mine", [corpus], own).rung == TextRung(**own)
    with pytest.raises(DataError, match='rung "mine": give inner, tokens, lr as well, or take one of text-100k'):
        rung_spec("mine", [corpus], {"width": 8, "layers": 1, "heads": 2})
    with pytest.raises(DataError, match="heads: 3 must part the width, 8"):
        rung_spec("mine", [corpus], own | {"heads": 3})


def test_the_command_trains_stops_and_goes_on(corpus, tmp_path):
    shape = ["--width", "8", "--layers", "1", "--heads", "2", "--inner", "16", "--tokens", "512", "--lr", "0.01"]
    command = [sys.executable, "-m", "w2slab", "ladder", "text", "--corpus", str(corpus), "--out", str(tmp_path)]
    command += ["--rung", "mine", *shape, "--vocabulary", "300", "--context", "16", "--batch-size", "4"]
    stopped = subprocess.run([*command, "--time-limit", "0"], capture_output=True, text=True)
    assert (stopped.returncode, stopped.stderr) == (75, "mine: stopped before step 8; its place is saved\n")
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "512 tokens seen" in done.stdout
    assert (tmp_path / "mine" / "tokenizer.json").exists()
