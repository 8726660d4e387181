"""Jobs done in this process by one call, which is what the workers of every executor make.

Only plain data goes in (tickets) and comes out (messages): keys and folders travel, results stay on disk. Several
jobs are done by one call of their `fused` function, and each still gets a result, a record and an end of its own.
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
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from w2slab.errors import JobError, W2SError
from w2slab.graph.codec import decode, encode
from w2slab.graph.fingerprint import canonical
from w2slab.graph.job import Job, JobContext, Stopped
from w2slab.graph.locks import Lock
from w2slab.graph.store import Store

PEAKS = "peak_memory_bytes_by_process"  # the fact in which a job says what processes of its own took
_PROGRESS_SECONDS = 0.2
_PROGRESS_AT_ONCE = 20  # jobs of one call that each speak so often; of more, each speaks less often
_PUBLISHERS = 4
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
        fused: The function that does it together with that of others; empty if there is none.
        spec: What is computed, as `codec.encode` gives it.
        payload: What decides the result, for the record.
        inputs: Key of each input by name.
        options: How and where to compute, as `encode` writes it.
    """

    store: str
    key: str
    run: str
    title: str
    spec: Any
    payload: Mapping[str, Any]
    inputs: Mapping[str, str]
    options: Any = None
    fused: str = ""

    @classmethod
    def of(cls, job: Job, store: Store, options: Any) -> Ticket:
        """Return the ticket of a job of a graph, to be done for a store."""
        return cls(
            store=str(store.root),
            key=job.key,
            run=job.run,
            title=job.title,
            spec=encode(job.spec),
            payload=job.payload,
            inputs={name: each.key for name, each in job.inputs.items()},
            options=options,
            fused=job.fused,
        )


Status = Literal["done", "failed", "stopped", "died", "apart"]


@dataclass(frozen=True)
class Progress:
    """A message from a running job: the share that is done, in [0, 1], and a few words."""

    key: str
    share: float
    message: str


@dataclass(frozen=True, kw_only=True)
class End:
    """The last message about a job, which is no longer running.

    Args:
        status: `done` and published; `failed` with an error; `stopped` when asked to, its place saved; `died` with
            its process, which is worth another try; `apart` if the call for several failed as a whole, which is worth
            another try alone.
        seconds: How long the call took, divided by the number of jobs that it did.
    """

    key: str
    status: Status
    message: str = ""
    traceback: str = ""
    seconds: float = 0.0


def perform(
    tickets: Sequence[Ticket],
    *,
    on_message: Callable[[Progress | End], None] = lambda message: None,
    stop_requested: Callable[[], bool] = lambda: False,
    work: Callable[[JobContext], Any] | None = None,
) -> None:
    """Do the jobs by one call and publish the result of each; each has its `End` as soon as it is published.

    Args:
        tickets: One job, which its `run` does, or several of one `fused` function.
        on_message: Called, from this thread for each `End`, with what happens.
        stop_requested: Whether the jobs should save their place and stop.
        work: Does a single job in the place of its `run`, to the same result; `None` is its `run`.
    """
    store = Store(tickets[0].store)
    until = time.monotonic() + _PREDECESSOR_SECONDS
    attempts: list[_Attempt] = []
    try:
        for ticket in tickets:
            lock = store.lock_attempt(ticket.key, wait_s=max(0.0, until - time.monotonic()))
            if lock is None:
                message = (
                    f"another process still works on {ticket.key}. Wait until it has ended, or end it, and run again."
                )
                on_message(End(key=ticket.key, status="failed", message=message))
            elif store.has(ticket.key):  # whoever held the lock before finished it
                with lock:
                    store.clear(ticket.key)
                on_message(End(key=ticket.key, status="done"))
            else:
                attempts.append(_Attempt(ticket, store, lock, on_message))
        if attempts:
            _do(attempts, stop_requested, work)
    finally:
        for attempt in attempts:
            attempt.close()


def named_function(name: str) -> Callable[..., Any]:
    """Import the function called `module:function`.

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


class _Attempt:
    """A job that this process may do now, and others may not."""

    def __init__(self, ticket: Ticket, store: Store, lock: Lock, on_message: Callable[[Progress | End], None]) -> None:
        self.ticket, self._store, self._lock, self._on_message = ticket, store, lock, on_message
        self._out: Path | None = None
        self._is_open = True

    def context(self, stop_requested: Callable[[], bool], n_together: int) -> JobContext:
        """Return the context that the job's function is given."""
        self._out = self._store.temporary(self.ticket.key)
        return JobContext(
            inputs={name: self._store.folder(key) for name, key in self.ticket.inputs.items()},
            out=self._out,
            work=self._store.work(self.ticket.key),
            shared=self._store.shared,
            options=decode(self.ticket.options),
            progress=_throttled(self.ticket.key, self._on_message, n_together),
            stop_requested=stop_requested,
        )

    def publish(self, about: Mapping[str, Any], facts: Any) -> Exception | None:
        """Put the result into the store, or return why that cannot be."""
        assert self._out is not None  # the job was done
        try:
            self._store.publish(self.ticket.key, self._out, _record(self.ticket, about, facts))
        except Exception as error:
            return error
        return None

    def end(
        self, seconds: float, error: BaseException | None = None, *, failed: Literal["failed", "apart"] = "failed"
    ) -> None:
        """Let go of the job and report its end: done without an error, else stopped or `failed`."""
        self.close()
        message = trace = ""
        if error is not None and not isinstance(error, Stopped):
            message = str(error) if isinstance(error, W2SError) else f"{type(error).__name__}: {error}"
            trace = "".join(traceback.format_exception(error))
        status: Status = "done" if error is None else "stopped" if isinstance(error, Stopped) else failed
        self._on_message(End(key=self.ticket.key, status=status, message=message, traceback=trace, seconds=seconds))

    def close(self) -> None:
        """Leave nothing behind but the result and the checkpoints; harmless if done twice."""
        if self._is_open:
            self._is_open = False
            if self._out is not None and self._out.exists():  # not once it is published
                shutil.rmtree(self._out, ignore_errors=True)
            self._lock.release()


def _do(attempts: list[_Attempt], stop_requested: Callable[[], bool], work: Callable[[JobContext], Any] | None) -> None:
    n = len(attempts)
    _forget_peak_memory()
    began, clock, processor = _now(), time.monotonic(), _cpu_seconds()
    try:
        contexts = [each.context(stop_requested, n) for each in attempts]
        results = _call([each.ticket for each in attempts], contexts) if work is None else list(map(work, contexts))
    except (Exception, SystemExit) as error:
        for attempt in attempts:
            attempt.end((time.monotonic() - clock) / n, error, failed="failed" if n == 1 else "apart")
        return
    seconds = (time.monotonic() - clock) / n
    about = {
        "started": began,
        "ended": _now(),
        "seconds": round(seconds, 4),
        "cpu_seconds": round((_cpu_seconds() - processor) / n, 4),
        "peak_memory_bytes": peak_memory_bytes(),
        "made_with": n,  # as many jobs, this one counted, were done by one call
        **_surroundings(),
    }
    # Failures first: what was printed is theirs, and goes with the first job that is published.
    made = []
    for attempt, result in zip(attempts, results, strict=True):
        if isinstance(result, BaseException):
            attempt.end(seconds, result)
        else:
            made.append((attempt, result))
    if n == 1:
        for attempt, facts in made:
            attempt.end(seconds, attempt.publish(about, facts))
        return
    # To publish is to wait for the disk: it takes several at once.
    with ThreadPoolExecutor(_PUBLISHERS) as pool:
        ends = pool.map(lambda each: each[0].publish(about, each[1]), made)
        for (attempt, _), problem in zip(made, ends, strict=True):
            attempt.end(seconds, problem)


def _call(tickets: list[Ticket], contexts: list[JobContext]) -> list[Any]:
    """Return the facts of each job, or the exception with which it failed among others."""
    first = tickets[0]
    if len(tickets) == 1:
        return [named_function(first.run)(decode(first.spec), contexts[0])]
    results = list(named_function(first.fused)([decode(each.spec) for each in tickets], contexts))
    if len(results) != len(tickets):
        raise JobError(
            f"{first.fused}: returned {len(results)} results for {len(tickets)} jobs. Return the facts or the "
            "exception of each, in the order of the specs."
        )
    return results


def _record(ticket: Ticket, about: Mapping[str, Any], facts: Any) -> dict[str, Any]:
    try:
        facts = canonical({} if facts is None else facts)
    except W2SError as error:
        raise JobError(f"{ticket.run}: the facts it returned cannot be recorded: {error}") from None
    spec = ticket.payload.get("spec")
    of_others = facts.get(PEAKS, ()) if isinstance(facts, dict) else ()
    return {
        **about,
        "key": ticket.key,
        "title": ticket.title,
        "run": ticket.run,
        "payload": ticket.payload,
        "inputs": ticket.inputs,
        "seed": spec.get("seed") if isinstance(spec, dict) else None,
        "options": ticket.options,
        "facts": facts,
        "peak_memory_bytes": about["peak_memory_bytes"] + sum(of_others),
    }


def _throttled(key: str, on_message: Callable[[Progress | End], None], n_together: int) -> Callable[[float, str], None]:
    last = float("-inf")
    pause = _PROGRESS_SECONDS * max(1.0, n_together / _PROGRESS_AT_ONCE)

    def progress(share: float, message: str = "") -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= pause:
            last = now
            on_message(Progress(key, min(max(float(share), 0.0), 1.0), str(message)))

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
    """Return the most memory that this process has held since it began its job."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
