"""Options of a run: how and where it computes, in no key and without effect on results beyond rounding."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from w2slab.errors import Problem, StudyError
from w2slab.fields import closest
from w2slab.training.placement import DEVICES, Device


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Options of a run, which travel to every job and are the same for all of them.

    Args:
        device: `auto` takes an accelerator if there is one, `cpu` never does; `cuda` and `mps` insist.
        micro_batch: Examples that pass through a model at once in training, at least 1; `None` is the whole batch,
            halved where memory runs out.
        prediction_batch: Examples that pass through a model at once in prediction, at least 1.
        gradient_checkpointing: Compute activations again in the backward pass instead of keeping them.
        gpus_per_job: Processes of each job, at least 1: one on each GPU, or without GPUs on the CPU.
        sharded: Each process of a job keeps a part of the model (FSDP2); needs `gpus_per_job` of 2 or more.
        keep_checkpoint: Keep the weights of the models that are trained.
        checkpoint_every_s: Seconds between the checkpoints from which a killed job goes on; 0 is after every step.

    Raises:
        StudyError: A name is unknown or a value is not allowed; every mistake is told.
    """

    device: Device = "auto"
    micro_batch: int | None = None
    prediction_batch: int = 256
    gradient_checkpointing: bool = False
    gpus_per_job: int = 1
    sharded: bool = False
    keep_checkpoint: bool = False
    checkpoint_every_s: float = 60.0

    def __new__(cls, **values: Any) -> Self:
        """Refuse unknown names with the nearest one."""
        known = [each.name for each in fields(cls)]
        problems = [
            Problem(f"RunOptions.{name}", f"there is no such option.{closest(name, known)}")
            for name in values
            if name not in known
        ]
        if problems:
            raise StudyError(problems)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        """Refuse values that are not allowed."""
        problems = [
            Problem(f"RunOptions.{name}", f"{getattr(self, name)!r} is not allowed; allowed: {allowed}")
            for name, allowed in self._refused()
        ]
        if not problems and self.sharded and self.gpus_per_job == 1:
            problems = [Problem("RunOptions.sharded", "it needs gpus_per_job of 2 or more")]
        if problems:
            raise StudyError(problems)

    def _refused(self) -> Iterator[tuple[str, str]]:
        """Yield each field whose value is not allowed, with the values that are."""
        if self.device not in DEVICES:
            yield "device", ", ".join(DEVICES)
        for name, value in (("prediction_batch", self.prediction_batch), ("gpus_per_job", self.gpus_per_job)):
            if not _is_count(value):
                yield name, "a whole number of at least 1"
        if self.micro_batch is not None and not _is_count(self.micro_batch):
            yield "micro_batch", "a whole number of at least 1, or None"
        for name in ("gradient_checkpointing", "sharded", "keep_checkpoint"):
            if type(getattr(self, name)) is not bool:
                yield name, "True, False"
        seconds = self.checkpoint_every_s
        if type(seconds) not in (int, float) or not (math.isfinite(seconds) and seconds >= 0):
            yield "checkpoint_every_s", "a number of seconds from 0"

    @classmethod
    def of(cls, values: RunOptions | Mapping[str, Any] | None) -> RunOptions:
        """Return options as they are, options from a mapping of names to values, or the defaults."""
        return values if isinstance(values, RunOptions) else RunOptions(**(values or {}))


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 1
