"""Games -> a rung of the chess ladder: a network that imitates the moves that were played.

A training that was stopped in the constant part of its schedule may continue to another number of positions.
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
from w2slab.graph.job import Stopped
from w2slab.ladders.chess.corpus import join_corpora, read_corpus
from w2slab.models.chessformer.architecture import Architecture
from w2slab.models.chessformer.positions import collate
from w2slab.randomness import derived_seed, rng
from w2slab.training.batches import cut, pooled
from w2slab.training.checkpoint import Progress
from w2slab.training.language import LossLog
from w2slab.training.loop import Learning, Part, Step
from w2slab.training.placement import Device
from w2slab.training.schedules import WarmupStableDecay

if TYPE_CHECKING:
    import torch

    from w2slab.training.placement import Placement

_TRAINING_FIELDS = ("batch_size", "lr", "weight_decay", "warmup_steps", "cooldown_frac", "validation_games", "seed")


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
    """Everything that decides the weights.

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
    def schedule(self) -> WarmupStableDecay:
        """Steps and learning rates."""
        return WarmupStableDecay(
            steps=self.steps, lr=self.lr, warmup_steps=self.warmup_steps, cooldown_frac=self.cooldown_frac
        )


@dataclass(frozen=True, kw_only=True)
class PretrainOptions:
    """Options of the execution; they change the weights by rounding only.

    Args:
        device: `cpu` or `cuda`.
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
    import torch

    torch.set_flush_denormal(True)
    options = options or PretrainOptions()
    torch.set_num_threads(options.threads)
    from w2slab.models.chessformer.chessformer_network import build, write_weights
    from w2slab.training.loop import Optimization, Running, train
    from w2slab.training.placement import Placement

    started = time.monotonic()
    placement = Placement(_device(options.device))
    games = _Games(spec)
    network = placement.place(build(spec.architecture, derived_seed(spec.seed, "weights", spec.name))).eval()
    # Not the number of positions: until the cool-down begins, it decides nothing.
    identity = {key: value for key, value in asdict(spec).items() if key not in ("positions", "corpora")}
    optimization = Optimization(
        steps=spec.steps, rate=spec.schedule.rate, weight_decay=spec.weight_decay, betas=(0.9, 0.98)
    )
    running = Running(
        placement,
        work=out / f"{spec.name}.work",
        checkpoint_every_s=options.checkpoint_every_s,
        stop_requested=lambda: options.time_limit_s is not None and time.monotonic() - started >= options.time_limit_s,
    )
    log = _Log(spec, out, options.log_every_steps)
    out.mkdir(parents=True, exist_ok=True)
    learning = _Imitating(network, games, spec, placement)
    ended = train(network, learning, optimization, running, identity | {"corpus": len(games.corpus)}, [log])
    if ended.is_stopped:
        raise Stopped(f"stopped after step {ended.state.step} of {spec.steps}; its place is saved")
    card = {
        "name": spec.name,
        "n_parameters": sum(p.numel() for p in network.parameters()),
        "architecture": asdict(spec.architecture),
        **games.counts(spec),
        **learning.validated(),
        "seconds": round(log.seconds, 1),
        "training": {key: value for key, value in asdict(spec).items() if key in _TRAINING_FIELDS},
        "command": options.command,
    }
    write_weights(network, out / f"{spec.name}.safetensors")
    (out / f"{spec.name}.json").write_text(json.dumps(card, indent=2) + "\n")
    shutil.rmtree(out / f"{spec.name}.work", ignore_errors=True)
    return card


def _device(name: str) -> Device:
    import torch

    if name == "cpu":
        return "cpu"
    if name != "cuda":
        raise DataError(f'device "{name}" is not known; allowed: cpu, cuda')
    if not torch.cuda.is_available():
        raise UnavailableError("device cuda: there is no GPU that torch can use here; take cpu")
    return "cuda"


class _Games:
    """The corpora of a training, and the games that are held out."""

    def __init__(self, spec: PretrainSpec) -> None:
        self.corpus = join_corpora([read_corpus(Path(path)) for path in spec.corpora])
        held_out = self.corpus.games % spec.validation_games == 0
        self.training, self.validation = np.flatnonzero(~held_out), np.flatnonzero(held_out)
        if len(self.training) < spec.batch_size or not len(self.validation):
            raise DataError(f"{', '.join(spec.corpora)}: too few positions for a batch of {spec.batch_size}")

    def counts(self, spec: PretrainSpec) -> dict[str, Any]:
        """Return the corpus and numbers of positions, for the card."""
        return {
            "corpus": self.corpus.card,
            "positions": spec.steps * spec.batch_size,
            "distinct_positions": len(self.training),
            "validation_positions": len(self.validation),
        }


class _Imitating(Learning):
    """Cross entropy of the moves that were played."""

    def __init__(self, network: torch.nn.Module, games: _Games, spec: PretrainSpec, placement: Placement) -> None:
        self.network, self.games, self.spec, self.placement = network, games, spec, placement
        self.corpus = games.corpus
        self.batch_size, self.lengths = spec.batch_size, games.corpus.counts

    def batches(self, first: int) -> Iterator[np.ndarray]:
        """Yield batches of positions with similar numbers of pieces and moves."""
        corpus, spec = self.corpus, self.spec

        def by_size(drawn: np.ndarray) -> np.ndarray:
            return np.lexsort((corpus.counts[drawn], np.count_nonzero(corpus.boards[drawn], axis=1)))

        def generator(epoch: int) -> np.random.Generator:
            return rng(spec.seed, "pretrain", str(epoch))

        drawn = pooled(
            self.games.training, spec.batch_size, generator, by_size, steps=spec.steps, first=first, drop_last=True
        )
        yield from map(np.sort, drawn)

    def part_loss(self, step: Step, part: Part, prepared: None) -> torch.Tensor:
        """Return the summed loss of some positions over the size of the batch."""
        summed = self._loss(step.indices[part.places], "sum")
        return summed * (0.0 if part.is_idle else 1 / len(step.indices))

    def batch_loss(self, step: Step) -> torch.Tensor:
        """Return the mean loss of the batch."""
        return self._loss(step.indices, "mean")

    def validated(self) -> dict[str, float]:
        """Return the mean loss and the share of moves matched on the games held out, for the card."""
        import torch

        validation = self.games.validation
        order = validation[np.argsort(self.corpus.counts[validation], kind="stable")]
        loss = matches = 0.0
        with torch.no_grad():
            for indices in cut(order, self.spec.batch_size):
                logits, targets = self._logits(indices), self._targets(indices)
                loss += torch.nn.functional.cross_entropy(logits, targets, reduction="sum").item()
                matches += (logits.argmax(dim=1) == targets).sum().item()
        return {"validation_loss": round(loss / len(order), 4), "move_match": round(matches / len(order), 4)}

    def _loss(self, indices: np.ndarray, reduction: str) -> torch.Tensor:
        import torch.nn.functional as F

        return F.cross_entropy(self._logits(indices), self._targets(indices), reduction=reduction)

    def _logits(self, indices: np.ndarray) -> torch.Tensor:
        logits: torch.Tensor = self.network(**self.placement.to_device(collate(self.corpus, indices)))
        return logits

    def _targets(self, indices: np.ndarray) -> torch.Tensor:
        import torch

        return torch.from_numpy(self.corpus.targets[indices].astype(np.int64)).to(self.placement.device)


class _Log(LossLog):
    """The lines of `<name>.log.jsonl`; the last of them is kept in every checkpoint.

    A training whose rate has begun to fall does not continue to another number of positions.
    """

    def __init__(self, spec: PretrainSpec, out: Path, every: int) -> None:
        super().__init__(every, spec.steps, self._line, self._append)
        self.spec, self.path, self.work = spec, out / f"{spec.name}.log.jsonl", out / f"{spec.name}.work"
        self.seconds_before, self.started = 0.0, time.monotonic()

    @property
    def seconds(self) -> float:
        """Time spent so far, earlier attempts included."""
        return self.seconds_before + time.monotonic() - self.started

    def resumed(self, state: Progress) -> None:
        """Refuse another number of positions once the rate has begun to fall; write the lines so far.

        Raises:
            JobError: The number has changed too late.
        """
        before = int(state.curve[-1]["of_positions"]) if state.curve else self.spec.positions
        begun = min(spec.schedule.cooldown_start for spec in (self.spec, replace(self.spec, positions=before)))
        if before != self.spec.positions and state.step > begun:
            raise JobError(
                f"{self.work}: this training was to end after {before} positions, and it is too late to change that to "
                f"{self.spec.positions}: it cools down or should; ask for {before}, or delete the folder to begin anew"
            )
        self.seconds_before = state.curve[-1]["seconds"] if state.curve else 0.0
        self.path.write_text("".join(json.dumps(line) + "\n" for line in state.curve))

    def before_save(self, state: Progress) -> None:
        """Add a line, so that the checkpoint has the time and the length of the training."""
        if state.loss_steps:
            self.add(state)

    def _line(self, step: int, loss: float) -> dict[str, float]:
        return {
            "step": step,
            "positions": step * self.spec.batch_size,
            "of_positions": self.spec.positions,
            "loss": round(loss, 4),
            "lr": self.spec.schedule.rate(step - 1),
            "seconds": round(self.seconds, 1),
        }

    def _append(self, line: dict[str, float]) -> None:
        with self.path.open("a") as log:
            log.write(json.dumps(line) + "\n")
