"""Jobs for the tests of ranks: they need no torch, so that a process starts at once."""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import asdict
from typing import Any

from w2slab.errors import JobError
from w2slab.graph.job import JobContext, Stopped

RANK = int(os.environ.get("RANK", "0"))


def tell(spec: Any, context: JobContext) -> dict[str, Any]:
    """What this process was given."""
    context.progress(0.5, f"half, says {RANK}")
    names = ("WORLD_SIZE", "LOCAL_RANK", "OMP_NUM_THREADS")
    (context.out / f"rank-{RANK}").write_text(" ".join(os.environ[name] for name in names))
    return {"spec": spec, "options": asdict(context.options), "rank": RANK, "inputs": sorted(map(str, context.inputs))}


def fail(spec: Any, context: JobContext) -> dict[str, Any]:
    """The second process fails in the way that the spec says; the first waits for it in vain."""
    if RANK == 1 and spec["how"] == "explained":
        raise JobError("the examples are no good")
    if RANK == 1 and spec["how"] == "bug":
        raise ValueError("a bug")
    if RANK == 1 and spec["how"] == "killed":
        print("my last words", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(600)
    return {}


def wait(spec: Any, context: JobContext) -> dict[str, Any]:
    """Wait to be stopped."""
    (context.work / f"{RANK}.pid").write_text(str(os.getpid()))
    while not context.stop_requested():
        time.sleep(0.02)
    raise Stopped
