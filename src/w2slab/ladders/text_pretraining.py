"""Texts -> a language ladder: a tokenizer, and causal language models of growing size as Hugging Face folders."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from w2slab.errors import DataError
from w2slab.graph.fingerprint import LocalFile
from w2slab.graph.job import Stopped
from w2slab.jobs.setup import prepare_worker
from w2slab.randomness import derived_seed
from w2slab.training.schedules import WarmupStableDecay

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from w2slab.training.language import LossLog
    from w2slab.training.placement import Device

END, PAD = "<|end|>", "<|pad|>"
BLOCK = 1 << 20  # characters encoded at a time
LOG_EVERY = 200  # steps between two lines of the log
# Windows are held out in runs of 64, of which every 128th; so they lie within few texts.
HELD_OUT_RUN, HELD_OUT_EVERY = 64, 128


@dataclass(frozen=True, kw_only=True)
class TextRung:
    """A rung of the shipped ladder: a Llama's shape, how many tokens it saw and at which peak learning rate."""

    width: int
    layers: int
    heads: int
    inner: int
    tokens: int
    lr: float


RUNGS = {
    "text-100k": TextRung(width=24, layers=2, heads=2, inner=64, tokens=20_000_000, lr=8e-3),
    "text-300k": TextRung(width=48, layers=3, heads=3, inner=128, tokens=14_000_000, lr=6e-3),
    "text-800k": TextRung(width=96, layers=4, heads=4, inner=256, tokens=10_000_000, lr=4e-3),
    "text-3m": TextRung(width=192, layers=5, heads=6, inner=512, tokens=8_000_000, lr=2.5e-3),
}


@dataclass(frozen=True, kw_only=True)
class TextLadderSpec:
    """Everything that decides the weights of a rung.

    Args:
        name: The rung's name.
        corpora: Text files, plain or gzipped; two blank lines part one text from the next.
        rung: Shape and length of training.
        vocabulary: Tokens of the byte-level BPE.
        context: Tokens of a window.
        batch_size: Windows of one step.
        seed: Decides first weights and order.
    """

    name: str
    corpora: tuple[str, ...]
    rung: TextRung
    vocabulary: int = 4096
    context: int = 256
    batch_size: int = 16
    seed: int = 0

    @property
    def schedule(self) -> WarmupStableDecay:
        """Steps and learning rates."""
        steps = max(1, self.rung.tokens // (self.batch_size * self.context))
        return WarmupStableDecay(steps=steps, lr=self.rung.lr, warmup_steps=min(200, max(1, steps // 10)))


@dataclass(frozen=True, kw_only=True)
class TextLadderOptions:
    """Options of the execution; they change the weights by rounding only.

    Args:
        device: `auto`, `cpu`, `cuda` or `mps`.
        threads: Threads of torch.
        micro_batch: Most windows in one pass.
        checkpoint_every_s: Seconds from one checkpoint to the next.
        time_limit_s: Stop after so many seconds, with a checkpoint; `None` goes on to the end.
        dtype: Number type of the weights that are written.
        command: Written into the card.
    """

    device: Device = "auto"
    threads: int = 1
    micro_batch: int | None = None
    checkpoint_every_s: float = 120.0
    time_limit_s: float | None = None
    dtype: str = "float16"
    command: str = ""


@dataclass(frozen=True)
class Windows:
    """Neighbouring tokens of a long stream, in rows of one length.

    Args:
        tokens: uint16, the stream.
        starts: Where each row begins.
        width: Tokens of a row.
    """

    tokens: NDArray[np.uint16]
    starts: NDArray[np.int64]
    width: int

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Every row is as long as the others."""
        return np.full(len(self.starts), self.width, dtype=np.int64)

    def batch(self, indices: NDArray[np.integer]) -> tuple[Any, Any]:
        """Rows at these positions; nothing is padded."""
        import torch

        rows = self.tokens[self.starts[indices][:, None] + np.arange(self.width)]
        ids = torch.from_numpy(rows.astype(np.int64))
        return ids, torch.ones_like(ids, dtype=torch.bool)


def rung_spec(name: str, corpora: Sequence[Path], shape: Mapping[str, Any], **settings: Any) -> TextLadderSpec:
    """The spec of a shipped rung, or of one of the user's own shape.

    `shape` holds fields of `TextRung`, `settings` those of `TextLadderSpec`; `None` takes the shipped rung's value.

    Raises:
        DataError: The rung is not a shipped one, and its shape is not whole; or the heads do not fit the width.
    """
    given = {key: value for key, value in shape.items() if value is not None}
    if name in RUNGS:
        rung = replace(RUNGS[name], **given)
    else:
        absent = [field.name for field in fields(TextRung) if field.name not in given]
        if absent:
            raise DataError(
                f'rung "{name}": give {", ".join(absent)} as well, or take one of {", ".join(RUNGS)} as it is shipped'
            )
        rung = TextRung(**given)
    if rung.width % rung.heads or rung.width // rung.heads % 2:
        raise DataError(f"heads: {rung.heads} must part the width, {rung.width}, into even parts")
    return TextLadderSpec(name=name, corpora=tuple(map(str, corpora)), rung=rung, **settings)


def train_rung(spec: TextLadderSpec, out: Path, options: TextLadderOptions | None = None) -> dict[str, Any]:
    """Train a rung and write it as the Hugging Face folder `out / name`; return its card.

    The tokenizer and the tokens of the corpora are made once per folder and shared by its rungs. Called again after a
    kill or a time limit, it goes on from the last checkpoint to the same weights.

    Raises:
        DataError: A corpus is missing, unreadable or too small.
        JobError: The loss is not finite, or the checkpoint belongs to another training.
        Stopped: The time limit is reached; call again to go on.
    """
    options = options or TextLadderOptions()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    prepare_worker()
    from w2slab.training import language
    from w2slab.training.loop import Running
    from w2slab.training.placement import Placement

    started = time.monotonic()
    corpus = _encoded(spec, out)
    training, held_out = _windows(corpus, spec.context)
    if len(training.starts) < spec.batch_size or not len(held_out.starts):
        raise DataError(f"{', '.join(spec.corpora)}: {len(corpus)} tokens are too few; bring longer texts")
    schedule, network = spec.schedule, _network(spec)
    running = Running(
        placement=Placement(options.device),
        micro_batch=options.micro_batch,
        work=out / f"{spec.name}.work",
        checkpoint_every_s=options.checkpoint_every_s,
        stop_requested=lambda: options.time_limit_s is not None and time.monotonic() - started >= options.time_limit_s,
    )
    log = _log(schedule, out / f"{spec.name}.log.jsonl", started)
    learned = language.learn_language(
        network,
        training,
        schedule,
        running,
        _identity(spec),
        batch_size=spec.batch_size,
        seed=spec.seed,
        callbacks=[log],
    )
    if learned is None:
        raise Stopped(f"{spec.name}: stopped before step {schedule.steps}; its place is saved")
    card = {
        "name": spec.name,
        "n_parameters": sum(p.numel() for p in network.parameters()),
        "tokens_seen": schedule.steps * spec.batch_size * spec.context,
        "tokens_of_corpus": len(corpus),
        "corpora": [Path(path).name for path in spec.corpora],
        "held_out_loss": round(language.mean_loss(network, held_out, running, 64), 4),
        "spec": {k: v for k, v in asdict(spec).items() if k != "corpora"},
        "command": options.command,
    }
    _write(spec, network, card, out, options.dtype)
    return card


def _identity(spec: TextLadderSpec) -> dict[str, Any]:
    """Return what a checkpoint must have been made of: all but the length, which decides nothing until cool-down."""
    identity = {k: v for k, v in asdict(spec).items() if k not in ("corpora", "rung")}
    return identity | {k: v for k, v in asdict(spec.rung).items() if k != "tokens"} | _made_of(spec)


def _log(schedule: WarmupStableDecay, path: Path, started: float) -> LossLog:
    from w2slab.training.language import LossLog

    def line(step: int, loss: float) -> dict[str, float]:
        return {"step": step, "loss": loss, "lr": schedule.rate(step - 1)}

    def write(line: dict[str, float]) -> None:
        with path.open("a") as file:
            beside = {"of": schedule.steps, "seconds": round(time.monotonic() - started, 1)}
            file.write(json.dumps(line | beside) + "\n")

    return LossLog(LOG_EVERY, schedule.steps, line, write)


def _network(spec: TextLadderSpec) -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    rung = spec.rung
    config = LlamaConfig(
        vocab_size=spec.vocabulary,
        hidden_size=rung.width,
        num_hidden_layers=rung.layers,
        num_attention_heads=rung.heads,
        num_key_value_heads=rung.heads,
        intermediate_size=rung.inner,
        max_position_embeddings=spec.context,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=1,
        use_cache=False,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derived_seed(spec.seed, "weights", spec.name))
        return LlamaForCausalLM(config)


def _write(spec: TextLadderSpec, network: Any, card: dict[str, Any], out: Path, dtype: str) -> None:
    """Write the folder, whole or not at all."""
    import torch
    from transformers import AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    unfinished, folder = out / f"{spec.name}.unfinished", out / spec.name
    shutil.rmtree(unfinished, ignore_errors=True)
    network.cpu().to(getattr(torch, dtype)).save_pretrained(unfinished)
    AutoTokenizer.from_pretrained(out / "tokenizer").save_pretrained(unfinished)
    (unfinished / "card.json").write_text(json.dumps(card, indent=1) + "\n")
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)
    shutil.rmtree(out / f"{spec.name}.work", ignore_errors=True)


def _windows(tokens: NDArray[np.uint16], width: int) -> tuple[Windows, Windows]:
    """Return the training windows and the held-out ones."""
    starts = np.arange(len(tokens) // width, dtype=np.int64) * width
    held_out = np.arange(len(starts)) // HELD_OUT_RUN % HELD_OUT_EVERY == 0
    return Windows(tokens, starts[~held_out], width), Windows(tokens, starts[held_out], width)


def _encoded(spec: TextLadderSpec, out: Path) -> NDArray[np.uint16]:
    """All tokens of the corpora, made once: `tokens.npy` and `tokenizer/` in the folder of the ladder."""
    made_of = _made_of(spec)
    tokens, stamp = out / "tokens.npy", out / "tokens.json"
    if not (stamp.exists() and json.loads(stamp.read_text()) == made_of):
        out.mkdir(parents=True, exist_ok=True)
        tokenizer = _train_tokenizer(spec, out / "tokenizer")
        blocks = [
            np.concatenate([np.array([*e.ids, 0], dtype=np.uint16) for e in tokenizer.encode_batch(texts)])
            for path in spec.corpora
            for texts in _batches_of_texts(Path(path))
        ]
        np.save(tokens, np.concatenate(blocks))
        stamp.write_text(json.dumps(made_of))
    return np.load(tokens, mmap_mode="r")


def _made_of(spec: TextLadderSpec) -> dict[str, Any]:
    """Return everything that decides the tokens."""
    return {"corpora": [LocalFile.of(Path(p)).digest for p in spec.corpora], "vocabulary": spec.vocabulary}


def _train_tokenizer(spec: TextLadderSpec, folder: Path) -> Any:
    """A byte-level BPE, saved as a folder that `AutoTokenizer` reads."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=spec.vocabulary,
        special_tokens=[END, PAD],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    # Every tenth megabyte teaches the merges as well as all of them, in a tenth of the time.
    sample = (
        text
        for path in spec.corpora
        for i, batch in enumerate(_batches_of_texts(Path(path)))
        if i % 10 == 0
        for text in batch
    )
    tokenizer.train_from_iterator(sample, trainer)
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=END, eos_token=END, pad_token=PAD, model_max_length=spec.context
    )
    wrapped.save_pretrained(folder)
    return tokenizer


def _batches_of_texts(path: Path) -> Iterator[list[str]]:
    """The texts of a file, about a megabyte at a time."""
    batch: list[str] = []
    size = 0
    for text in _texts(path):
        batch.append(text)
        size += len(text)
        if size >= BLOCK:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _texts(path: Path) -> Iterator[str]:
    """The texts of a file, parted by two blank lines.

    Raises:
        DataError: The file is missing, or is neither UTF-8 text nor gzipped UTF-8 text.
    """
    lines: list[str] = []
    blank = 0
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
            for line in file:
                blank = 0 if line.strip() else blank + 1
                if blank >= 2:
                    if lines:
                        yield "".join(lines).strip()
                    lines = []
                else:
                    lines.append(line)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text: {error}") from None
    if "".join(lines).strip():
        yield "".join(lines).strip()
