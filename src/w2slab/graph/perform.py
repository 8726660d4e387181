"""One job, done in this process: what every executor's worker calls.

Only plain data goes in (a ticket) and comes out (messages): keys and folders travel, results stay on disk.
"""

from __future__ import annotations

import datetime
import importlib
import importlib.metadata
import os
import platform
import resource
import shutil
import socket
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from w2slab.errors import JobError, W2SError
from w2slab.graph.fingerprint import canonical
from w2slab.graph.job import JobContext, Stopped
from w2slab.graph.store import Store

PEAKS = "peak_memory_bytes_by_process"  # the fact in which a job says what processes of its own took
_PROGRESS_SECONDS = 0.2
_PREDECESSOR_SECONDS = 30.0
_PACKAGES = (
    "w2slab", "numpy", "torch", "pyarrow", "safetensors", "transformers", "tokenizers", "accelerate", "peft",
    "datasets", "chess",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """A job as it travels to a worker: plain JSON data.

    Args:
        store: The store's folder.
        run: The function that does the work, as `module:function`.
        spec: What is computed; files stand as `{"file": digest, "path": path}`.
        payload: What decides the result, for the record.
        inputs: Key of each input by name.
    """

    store: str
    key: str
    run: str
    title: str
    spec: Any
    payload: Mapping[str, Any]
    inputs: Mapping[str, str]
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Progress:
    """A running job has done this share, in [0, 1]."""

    key: str
    share: float
    words: str


@dataclass(frozen=True, kw_only=True)
class End:
    """A job is no longer running.

    Args:
        status: `done` and published; `failed` with an error; `stopped` when asked to, its place saved; `died` with
            its process, which is worth another try.
    """

    key: str
    status: Literal["done", "failed", "stopped", "died"]
    message: str = ""
    traceback: str = ""
    seconds: float = 0.0


def perform(
    ticket: Ticket,
    *,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    stop_requested: Callable[[], bool] = lambda: False,
) -> End:
    """Do the job and publish its result."""
    store = Store(ticket.store)
    started = time.monotonic()
    lock = store.lock_attempt(ticket.key, wait_s=_PREDECESSOR_SECONDS)
    if lock is None:
        words = f"another process still works on {ticket.key}. Wait until it has ended, or end it, and run again."
        return End(key=ticket.key, status="failed", message=words)
    with lock:
        if store.has(ticket.key):  # whoever held the lock before finished it
            return End(key=ticket.key, status="done")
        status: Literal["done", "failed", "stopped"] = "done"
        message = trace = ""
        out = store.temporary(ticket.key)
        try:
            _make(ticket, store, out, _throttled(ticket.key, on_progress), stop_requested)
        except Stopped:
            status = "stopped"
        except (Exception, SystemExit) as error:
            status, trace = "failed", traceback.format_exc()
            message = str(error) if isinstance(error, W2SError) else f"{type(error).__name__}: {error}"
        finally:
            shutil.rmtree(out, ignore_errors=True)
        seconds = time.monotonic() - started
        return End(key=ticket.key, status=status, message=message, traceback=trace, seconds=seconds)


def named_function(name: str) -> Callable[..., Any]:
    """The function called `module:function`.

    Raises:
        JobError: There is no such function.
    """
    module, _, attribute = name.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise JobError(
            f"{name}: cannot be loaded: {error}. Name an importable function as `module:function`."
        ) from error


def _make(
    ticket: Ticket,
    store: Store,
    out: Path,
    progress: Callable[[float, str], None],
    stop_requested: Callable[[], bool],
) -> None:
    work = store.work(ticket.key)
    work.mkdir(parents=True, exist_ok=True)
    context = JobContext(
        inputs={name: store.folder(key) for name, key in ticket.inputs.items()},
        out=out,
        work=work,
        shared=store.shared,
        options=ticket.options,
        progress=progress,
        stop_requested=stop_requested,
    )
    function = named_function(ticket.run)
    _forget_peak_memory()
    began, clock, processor = _now(), time.monotonic(), _cpu_seconds()
    facts = function(ticket.spec, context)
    try:
        facts = canonical({} if facts is None else facts)
    except W2SError as error:
        raise JobError(f"{ticket.run}: the facts it returned cannot be recorded: {error}") from None
    spec = ticket.payload.get("spec")
    of_others = facts.get(PEAKS, ()) if isinstance(facts, dict) else ()
    record = {
        "key": ticket.key,
        "title": ticket.title,
        "run": ticket.run,
        "payload": ticket.payload,
        "inputs": ticket.inputs,
        "seed": spec.get("seed") if isinstance(spec, dict) else None,
        "options": ticket.options,
        "facts": facts,
        "started": began,
        "ended": _now(),
        "seconds": round(time.monotonic() - clock, 4),
        "cpu_seconds": round(_cpu_seconds() - processor, 4),
        "peak_memory_bytes": peak_memory_bytes() + sum(of_others),
        **_surroundings(),
    }
    store.publish(ticket.key, out, record)


def _throttled(key: str, on_progress: Callable[[Progress], None]) -> Callable[[float, str], None]:
    last = float("-inf")

    def progress(share: float, words: str = "") -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _PROGRESS_SECONDS:
            last = now
            on_progress(Progress(key, min(max(float(share), 0.0), 1.0), str(words)))

    return progress


@cache
def _surroundings() -> dict[str, Any]:
    versions = {}
    for name in _PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return {
        "packages": versions,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "host": socket.gethostname(),
    }


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")


def _cpu_seconds() -> float:
    return sum(os.times()[:4])


def _forget_peak_memory() -> None:
    # The process lives on from job to job; without this the peak would be that of the largest job before.
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory_bytes() -> int:
    """The most memory that this process has held since it began its job."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
