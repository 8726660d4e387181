"""Games -> a rung of the chess ladder: a network that imitates the moves that were played.

The schedule is warm-up, a constant rate, and a last stretch in which the rate falls to 0. The constant part does not
depend on the length of the whole, so a training that was stopped in it may go on to another number of positions.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from w2slab.errors import DataError, JobError, UnavailableError
from w2slab.ladders.chess.corpus import join_corpora, read_corpus
from w2slab.models.chessformer.chessformer import Architecture, collate
from w2slab.randomness import derived_seed, rng

if TYPE_CHECKING:
    import torch

_TRAINING_FIELDS = ("batch_size", "lr", "weight_decay", "warmup_steps", "cooldown_frac", "validation_games", "seed")
BATCHES_PER_POOL = 64  # drawn together at random, then sorted by size, so that little is padded


@dataclass(frozen=True)
class Rung:
    """A shipped rung: its shape, how many positions it saw and at which peak learning rate."""

    architecture: Architecture
    positions: int
    lr: float


RUNGS = {
    "chess-500": Rung(Architecture(width=2, layers=1, heads=1), 80_000, 5e-3),
    "chess-800": Rung(Architecture(width=3, layers=1, heads=1), 50_000, 5e-3),
    "chess-3k": Rung(Architecture(width=8, layers=1, heads=1), 16_000, 3e-3),
    "chess-8k": Rung(Architecture(width=16, layers=1, heads=1), 64_000, 3e-3),
    "chess-25k": Rung(Architecture(width=24, layers=2, heads=2), 100_000, 3e-3),
    "chess-90k": Rung(Architecture(width=48, layers=3, heads=2), 500_000, 3e-3),
    "chess-500k": Rung(Architecture(width=96, layers=4, heads=2, move_layers=2), 1_850_000, 2e-3),
}


@dataclass(frozen=True, kw_only=True)
class PretrainSpec:
    """What decides the weights.

    Args:
        name: The rung's name.
        corpora: Folders of `w2slab chess corpus`.
        architecture: Shape of the network.
        positions: How many positions are seen, repetitions counted.
        batch_size: Positions of one optimizer step.
        lr: Peak learning rate of AdamW.
        warmup_steps: Steps over which the rate rises.
        cooldown_frac: Share of the steps, at the end, over which the rate falls to 0 along a line.
        validation_games: Every so many games, one is held out.
        seed: Decides first weights and order.
    """

    name: str
    corpora: tuple[str, ...]
    architecture: Architecture
    positions: int
    batch_size: int = 256
    lr: float = 3e-3
    weight_decay: float = 0.05
    warmup_steps: int = 100
    cooldown_frac: float = 0.3
    validation_games: int = 200
    seed: int = 0

    @property
    def steps(self) -> int:
        """Optimizer steps of the whole."""
        return max(1, self.positions // self.batch_size)

    @property
    def cooldown_start(self) -> int:
        """The first step of the cool-down."""
        return round((1 - self.cooldown_frac) * self.steps)

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        left = (self.steps - step) / max(1, self.steps - self.cooldown_start)
        return self.lr * min(1.0, (step + 1) / self.warmup_steps, left)


@dataclass(frozen=True, kw_only=True)
class PretrainOptions:
    """How it is carried out; none of it changes the weights but by rounding.

    Args:
        device: Where tensors live, `cpu` or `cuda`.
        threads: Threads of torch.
        checkpoint_every_s: Seconds from one checkpoint to the next.
        time_limit_s: Stop after so many seconds, with a checkpoint; `None` goes on to the end.
        log_every_steps: Steps between two lines of `log.jsonl`.
        command: Written into the card.
    """

    device: str = "cpu"
    threads: int = 1
    checkpoint_every_s: float = 120.0
    time_limit_s: float | None = None
    log_every_steps: int = 200
    command: str = ""


def rung_spec(name: str, corpora: Sequence[Path], shape: Mapping[str, int | None], **settings: Any) -> PretrainSpec:
    """The spec of a shipped rung, or of one of the user's own shape.

    `shape` holds fields of `Architecture`, `settings` those of `PretrainSpec`; `None` takes the shipped rung's value,
    or the default.

    Raises:
        DataError: The rung is not a shipped one, and its shape is not whole.
    """
    given = {key: value for key, value in shape.items() if value is not None}
    preset = RUNGS.get(name)
    defaults: dict[str, Any] = {"positions": 1_000_000}
    if preset is None and not {"width", "layers", "heads"} <= set(given):
        raise DataError(f'rung "{name}": give width, layers and heads, or take one of {", ".join(RUNGS)}')
    chosen = {key: value for key, value in settings.items() if value is not None}
    if preset is None:
        architecture = Architecture(**given)
    else:
        architecture = replace(preset.architecture, **given)
        defaults = {"positions": preset.positions, "lr": preset.lr}
    if architecture.heads and (architecture.width // 2) % architecture.heads:
        raise DataError(f"heads: {architecture.heads} must divide half the width, {architecture.width // 2}")
    return PretrainSpec(
        name=name, corpora=tuple(map(str, corpora)), architecture=architecture, **{**defaults, **chosen}
    )


def pretrain(spec: PretrainSpec, out: Path, options: PretrainOptions | None = None) -> dict[str, Any]:
    """Train a rung and write `<name>.safetensors` and `<name>.json` into `out`; return the card.

    Called again after a kill or a time limit, it goes on from the last checkpoint in `out` to the same weights.

    Raises:
        DataError: A corpus is missing or too small.
        JobError: The loss is not finite, or the checkpoint belongs to another training.
        Stopped: The time limit is reached; call again to go on.
    """
    run = _Run(spec, out, options or PretrainOptions())
    run.train()
    return run.finish()


def _device(name: str) -> torch.device:
    import torch

    if name not in ("cpu", "cuda"):
        raise DataError(f'device "{name}" is not known; allowed: cpu, cuda')
    if name == "cuda" and not torch.cuda.is_available():
        raise UnavailableError("device cuda: there is no GPU that torch can use here; take cpu")
    return torch.device(name)


class _Run:
    def __init__(self, spec: PretrainSpec, out: Path, options: PretrainOptions) -> None:
        import torch

        torch.set_flush_denormal(True)
        torch.set_num_threads(options.threads)
        from w2slab.models.chessformer.chessformer_network import build
        from w2slab.training import checkpoint

        self.spec, self.out, self.options = spec, out, options
        self.device = _device(options.device)
        self.corpus = join_corpora([read_corpus(Path(path)) for path in spec.corpora])
        held_out = self.corpus.games % spec.validation_games == 0
        self.training, self.validation = np.flatnonzero(~held_out), np.flatnonzero(held_out)
        if len(self.training) < spec.batch_size or not len(self.validation):
            raise DataError(f"{', '.join(spec.corpora)}: too few positions for a batch of {spec.batch_size}")
        self.network = build(spec.architecture, derived_seed(spec.seed, "weights", spec.name)).to(self.device)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=spec.lr, betas=(0.9, 0.98), weight_decay=spec.weight_decay, fused=True
        )
        self.work = out / f"{spec.name}.work"
        self.log = out / f"{spec.name}.log.jsonl"
        # Not the number of positions: until the cool-down begins, it decides nothing.
        self.identity = {key: value for key, value in asdict(spec).items() if key not in ("positions", "corpora")}
        self.identity["corpus"] = len(self.corpus)
        self.state = checkpoint.load(self.work, self.identity, self.network, self.optimizer)
        self._check_length()
        self.seconds_before = self.state.curve[-1]["seconds"] if self.state.curve else 0.0
        self.started = time.monotonic()

    def _check_length(self) -> None:
        """Refuse to go on to another number of positions once the rate has begun to fall."""
        before = int(self.state.curve[-1]["of_positions"]) if self.state.curve else self.spec.positions
        begun = min(self.spec.cooldown_start, replace(self.spec, positions=before).cooldown_start)
        if before != self.spec.positions and self.state.step > begun:
            raise JobError(
                f"{self.work}: this training was to end after {before} positions, and it is too late to change that to "
                f"{self.spec.positions}: it cools down or should; ask for {before}, or delete the folder to begin anew"
            )

    @property
    def seconds(self) -> float:
        """Time spent so far, earlier attempts included."""
        return self.seconds_before + time.monotonic() - self.started

    def train(self) -> None:
        """All steps that are left."""
        from w2slab.graph.job import Stopped

        self.out.mkdir(parents=True, exist_ok=True)
        self.log.write_text("".join(json.dumps(line) + "\n" for line in self.state.curve))
        limit, saved = self.options.time_limit_s, time.monotonic()
        for indices in self._batches():
            self._step(indices)
            stop = limit is not None and time.monotonic() - self.started >= limit
            save = stop or time.monotonic() - saved >= self.options.checkpoint_every_s
            if save or self.state.step % self.options.log_every_steps == 0:
                self._log()
            if save:
                self._save()
                saved = time.monotonic()
            if stop:
                raise Stopped(f"stopped after step {self.state.step} of {self.spec.steps}; its place is saved")

    def finish(self) -> dict[str, Any]:
        """Judge the network, write weights and card, and drop the checkpoint."""
        from w2slab.models.chessformer.chessformer_network import write_weights

        loss, matches = self._validate()
        card = {
            "name": self.spec.name,
            "n_parameters": sum(p.numel() for p in self.network.parameters()),
            "architecture": asdict(self.spec.architecture),
            "corpus": self.corpus.card,
            "positions": self.spec.steps * self.spec.batch_size,
            "distinct_positions": len(self.training),
            "validation_positions": len(self.validation),
            "validation_loss": round(loss, 4),
            "move_match": round(matches, 4),
            "seconds": round(self.seconds, 1),
            "training": {key: value for key, value in asdict(self.spec).items() if key in _TRAINING_FIELDS},
            "command": self.options.command,
        }
        write_weights(self.network, self.out / f"{self.spec.name}.safetensors")
        (self.out / f"{self.spec.name}.json").write_text(json.dumps(card, indent=2) + "\n")
        shutil.rmtree(self.work, ignore_errors=True)
        return card

    def _batches(self) -> Iterator[np.ndarray]:
        """The batches from the current step on: a function of seed and step."""
        size, pool = self.spec.batch_size, self.spec.batch_size * BATCHES_PER_POOL
        step, epoch = 0, 0
        while step < self.spec.steps:
            generator = rng(self.spec.seed, "pretrain", str(epoch))
            order = generator.permutation(self.training)
            for start in range(0, len(order), pool):
                drawn = order[start : start + pool]
                n_batches = len(drawn) // size
                shuffled = generator.permutation(n_batches)
                if step + n_batches > self.state.step:
                    n_pieces = np.count_nonzero(self.corpus.boards[drawn], axis=1)
                    drawn = drawn[np.lexsort((self.corpus.counts[drawn], n_pieces))]
                for index in shuffled:
                    if step >= self.spec.steps:
                        return
                    if step >= self.state.step:
                        yield np.sort(drawn[index * size : (index + 1) * size])
                    step += 1
            epoch += 1

    def _step(self, indices: np.ndarray) -> None:
        import torch.nn.functional as F

        self.optimizer.param_groups[0]["lr"] = self.spec.rate(self.state.step)
        self.optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(self._logits(indices), self._targets(indices))
        value = loss.item()
        if not np.isfinite(value):
            raise JobError(f"step {self.state.step + 1}: the loss is {value}; lower the learning rate")
        loss.backward()
        self.optimizer.step()
        self.state.step += 1
        self.state.loss_sum += value
        self.state.loss_steps += 1

    def _logits(self, indices: np.ndarray) -> torch.Tensor:
        batch = collate(self.corpus, indices)
        return self.network(**{name: tensor.to(self.device) for name, tensor in batch.items()})

    def _targets(self, indices: np.ndarray) -> torch.Tensor:
        import torch

        return torch.from_numpy(self.corpus.targets[indices].astype(np.int64)).to(self.device)

    def _validate(self) -> tuple[float, float]:
        """Mean loss and share of moves matched on the games held out."""
        import torch
        import torch.nn.functional as F

        order = self.validation[np.argsort(self.corpus.counts[self.validation], kind="stable")]
        loss = matches = 0.0
        with torch.no_grad():
            for start in range(0, len(order), self.spec.batch_size):
                indices = order[start : start + self.spec.batch_size]
                logits, targets = self._logits(indices), self._targets(indices)
                loss += F.cross_entropy(logits, targets, reduction="sum").item()
                matches += (logits.argmax(dim=1) == targets).sum().item()
        return loss / len(order), matches / len(order)

    def _log(self) -> None:
        state = self.state
        line = {
            "step": state.step,
            "positions": state.step * self.spec.batch_size,
            "of_positions": self.spec.positions,
            "loss": round(state.loss_sum / state.loss_steps, 4),
            "lr": self.spec.rate(state.step - 1),
            "seconds": round(self.seconds, 1),
        }
        state.curve.append(line)
        state.loss_sum, state.loss_steps = 0.0, 0
        with self.log.open("a") as log:
            log.write(json.dumps(line) + "\n")

    def _save(self) -> None:
        from w2slab.training import checkpoint

        checkpoint.save(self.work, self.identity, self.state, self.network, self.optimizer)
