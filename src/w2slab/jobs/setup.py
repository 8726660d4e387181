"""Libraries made ready for a job, and the options of a run as training takes them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

from w2slab.graph.job import JobContext
from w2slab.jobs.options import RunOptions

if TYPE_CHECKING:
    from w2slab.training.loop import Running


def quiet_libraries() -> None:
    """Keep progress bars and telemetry of libraries away; before their first import."""
    for name in ("HF_HUB_DISABLE_PROGRESS_BARS", "HF_HUB_DISABLE_TELEMETRY", "TQDM_DISABLE"):
        os.environ.setdefault(name, "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def prepare_worker() -> None:
    """Import torch with as many threads as `OMP_NUM_THREADS` says (one by default), and quiet the libraries.

    Each job that computes with torch calls it first; harmless if done again. Numbers too small for full precision count
    as 0: a confident model makes them by the million, and they slow a processor down fourfold. It must be said before
    the first parallel operation, or only one thread hears it.
    """
    quiet_libraries()

    import torch

    torch.set_flush_denormal(True)
    threads = os.environ.get("OMP_NUM_THREADS", "1").split(",")[0]
    torch.set_num_threads(max(1, int(threads)) if threads.isdigit() else 1)


def options_of(context: JobContext) -> RunOptions:
    """Return the options of the run, the defaults if it was given none."""
    return RunOptions.of(context.options)


def running_of(context: JobContext, precision: Literal["fp32", "bf16"]) -> Running:
    """Return how a job's training is carried out, as the run's options say.

    Raises:
        JobError: The device or the number type is not to be had here.
    """
    from w2slab.training.loop import Running
    from w2slab.training.placement import Placement

    options = options_of(context)
    return Running(
        placement=Placement(options.device, precision, sharded=options.sharded),
        micro_batch=options.micro_batch,
        prediction_batch=options.prediction_batch,
        work=context.work,
        checkpoint_every_s=options.checkpoint_every_s,
        progress=context.progress,
        stop_requested=context.stop_requested,
    )
