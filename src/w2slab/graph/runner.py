"""Runs: jobs that are missing are made in order, and a failure stops what needs it.

A job is *cached* if its result is in the store and whole. A run makes what the wanted jobs need and nothing else: what
stands before a cached job is not looked at. Several runs may share a store; a job that another run is doing is waited
for while there is nothing else to do. Ready jobs that may be done by one call are given to it as a *batch*, and each
remains a job with its own result; if the call fails, each is tried alone.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from w2slab.errors import W2SError
from w2slab.graph.codec import encode
from w2slab.graph.ending import Ending, Interruption
from w2slab.graph.executors import Executor
from w2slab.graph.job import Graph, Job
from w2slab.graph.locks import Lock, most_locks
from w2slab.graph.order import Order
from w2slab.graph.perform import End, Progress, Ticket
from w2slab.graph.store import Store

State = Literal["cached", "missing", "failed"]

_POLL_SECONDS = (0.02, 0.5)  # first and longest pause while another run does what is needed
_TRIES = 2  # of a job whose process dies
MOST_TOGETHER = 256  # jobs that one call is given
_FRESH_AFTER = 2  # failures in a row, after which a job's checkpoints are no longer trusted


@dataclass(frozen=True)
class Event:
    """A change of a job's state, for the display of progress.

    Args:
        kind: `cached` results are announced first, and later those that another run has made meanwhile. `waiting`:
            another run is doing it. `retried`: its process died, or the call that did it with others failed, and it
            starts once more. `skipped`: something before it failed.
        share: How much of the job is done, in [0, 1]; of `progress`.
        message: What the job says of its progress, or the message of a failure, also of the one before `retried`.
        seconds: How long the job took, its share of a call that did several; of `finished` and `failed`.
        n_left: Jobs of this run that are still to be made.
    """

    kind: Literal["cached", "started", "progress", "finished", "failed", "skipped", "stopped", "waiting", "retried"]
    job: Job
    share: float = 0.0
    message: str = ""
    seconds: float = 0.0
    n_left: int = 0


@dataclass(frozen=True)
class Outcome:
    """The end of a run, by keys of jobs.

    Args:
        done: Made in this run, in the order in which they were finished.
        cached: There before, or made meanwhile by another run.
        failed: Why each job failed.
        skipped: The failed job because of which each job was not begun.
        stopped: Not made since the run was ended first.
        interrupted: What ended the run early.
    """

    done: list[str] = field(default_factory=list)
    cached: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    stopped: list[str] = field(default_factory=list)
    interrupted: Interruption | None = None

    @property
    def exit_code(self) -> int:
        """Return 0 if all is done, 1 if some failed, 75 stopped on purpose, 130 interrupted from the keyboard."""
        if self.stopped:
            return 130 if self.interrupted == "SIGINT" else 75
        return 1 if self.failed else 0


def state(graph: Graph, store: Store) -> dict[str, State]:
    """Return for each job `cached`, `missing`, or `failed` the last time it was tried; nothing is run or written."""
    failures = store.failures()
    return {
        job.key: "cached" if store.has(job.key) else "failed" if job.key in failures else "missing" for job in graph
    }


def missing(graph: Graph, store: Store, targets: Iterable[Job] | None = None) -> list[Job]:
    """Return the jobs that a run would do, in the graph's order; nothing is run or written."""
    return _survey(graph, targets, lambda job: store.has(job.key))[1]


def run(
    graph: Graph,
    store: Store,
    executor: Executor,
    *,
    targets: Iterable[Job] | None = None,
    options: Any = None,
    on_event: Callable[[Event], None] = lambda event: None,
    max_seconds: float | None = None,
) -> Outcome:
    """Make what is missing for the targets.

    The first SIGINT or SIGTERM asks the running jobs to save their place and begins no other; the second kills them.

    Args:
        graph: Holds every job that the targets need.
        store: Where results are, and are put.
        executor: Does the jobs.
        targets: The jobs whose results are needed; `None` is the graph's wanted jobs.
        options: How and where to compute, as the jobs take it; every job is given it, and no key depends on it.
        on_event: Called in this process with what happens to each job.
        max_seconds: After this time the run stops as upon a signal; `None` is never.

    Raises:
        StoreError: The store cannot be written, or holds something else than what is asked for.
        UnavailableError: The executor cannot work here.
    """
    cached, needed = _survey(graph, targets, store.check)
    flow = _Flow(store, executor, needed, encode(options), on_event, max_seconds)
    try:
        for job in cached:
            flow.outcome.cached.append(job.key)
            flow.emit("cached", job)
        if needed:
            store.open()
            with flow.ending.answering_signals():
                flow.work()
    finally:
        flow.close()
        store.save_marks()
    return replace(flow.outcome, stopped=list(flow.order.left), interrupted=flow.ending.reason)


def _survey(
    graph: Graph, targets: Iterable[Job] | None, is_there: Callable[[Job], bool]
) -> tuple[list[Job], list[Job]]:
    """Return the cached jobs that are read and the jobs to be done, both in the graph's order."""
    unseen = [graph[job.key] for job in (graph.wanted if targets is None else targets)]
    found: dict[str, bool] = {}
    while unseen:
        job = unseen.pop()
        if job.key not in found:
            found[job.key] = is_there(job)
            if not found[job.key]:
                unseen.extend(job.inputs.values())
    ordered = [job for job in graph if job.key in found]
    return [job for job in ordered if found[job.key]], [job for job in ordered if not found[job.key]]


@dataclass
class _Batch:
    """The jobs that were given to one call."""

    size: int
    n_running: int


class _Flow:
    """The state of one run."""

    def __init__(
        self,
        store: Store,
        executor: Executor,
        needed: list[Job],
        options: Any,
        on_event: Callable[[Event], None],
        max_seconds: float | None,
    ) -> None:
        self.store, self.executor, self.options, self.on_event = store, executor, options, on_event
        self.order = Order(needed)
        self.outcome = Outcome()
        self.ending = Ending(max_seconds, lambda: executor.cancel(force=self.ending.is_forced))
        self._elsewhere: dict[str, None] = {}  # another run is doing these
        self._running: dict[str, _Batch] = {}
        self._n_busy = 0  # calls that run
        self._tries: dict[str, int] = {}  # how often each was begun
        self._reasons: dict[str, str] = {}  # why each is tried once more
        self._locks: dict[str, Lock] = {}
        self._most_locks = most_locks()
        self._old_failures = store.failures() if needed else {}

    # --- the loop -----------------------------------------------------------------------------------------------------

    def work(self) -> None:
        """Do what is needed until nothing is left, or until the run is to end."""
        shortest, longest = _POLL_SECONDS
        pause = shortest
        looked = time.monotonic()
        while self._running or (not self.ending.has_come() and (self.order.has_ready() or self._elsewhere)):
            if not self.ending.has_come():
                self._begin_jobs()
            if self.ending.has_come():
                self.executor.cancel(force=self.ending.is_forced)
            n_left = len(self.order.left)
            timeout = pause if self._elsewhere else self.ending.within(longest)
            if self._running:
                for message in self.executor.wait(timeout):
                    self._receive(message)
            elif self._elsewhere and not self.ending.has_come():
                time.sleep(timeout)
            if not self.ending.has_come() and time.monotonic() - looked >= pause:
                self._look_elsewhere()
                looked = time.monotonic()
            pause = shortest if len(self.order.left) < n_left else min(2 * pause, longest)

    def close(self) -> None:
        """Leave nothing running and nothing locked, also after an error."""
        patience = time.monotonic() + 10.0
        while self._running and time.monotonic() < patience:
            self.executor.cancel(force=True)
            with suppress(W2SError):  # what ended the run was raised already
                for message in self.executor.wait(0.1):
                    if isinstance(message, End):
                        self._running.pop(message.key, None)
        for key in list(self._locks):
            self._unlock(key)

    # --- beginning jobs -----------------------------------------------------------------------------------------------

    def _begin_jobs(self) -> None:
        while self.order.has_ready() and self._n_busy < self.executor.capacity() and not self.ending.has_come():
            batch = self._next_batch()
            if batch:
                self._begin(batch)

    def _next_batch(self) -> list[Job]:
        """Take ready jobs for one call, ours to do: an even share of them, so that every free worker has some."""
        group, n_ready = self.order.next_group()
        share = math.ceil(n_ready / (self.executor.capacity() - self._n_busy))
        share = max(1, min(share, MOST_TOGETHER, self._most_locks - len(self._locks)))
        batch: list[Job] = []
        found: dict[str, bool] = {}
        while len(batch) < share and (job := self.order.pop(group)) is not None:
            if self._is_ours(job, found):
                batch.append(job)
        return batch

    def _is_ours(self, job: Job, found: dict[str, bool]) -> bool:
        """Lock the job; return whether it is still to be done, can be, and no other run does it."""
        lock = self.store.lock(job.key)
        if lock is None:
            self._elsewhere[job.key] = None
            self.emit("waiting", job)
            return False
        self._locks[job.key] = lock
        if self._is_settled(job):
            return False
        obstacle = self._obstacle(job, found)
        if obstacle is not None:
            self._record_failure(job, End(key=job.key, status="failed", message=obstacle))
        return obstacle is None

    def _look_elsewhere(self) -> None:
        for key in list(self._elsewhere):
            lock = self.store.lock(key)
            if lock is not None:  # the other run is done with it, or dead
                self._locks[key] = lock
                del self._elsewhere[key]
                if not self._is_settled(self.order.jobs[key]):
                    self._put_back(self.order.jobs[key])

    def _put_back(self, job: Job, *, alone: bool = False) -> None:
        self._unlock(job.key)  # more may be put back than a process can hold locks
        self.order.put(job, alone=alone)

    def _is_settled(self, job: Job) -> bool:
        """Return whether another run has made this job, or has failed at it, since this run began."""
        if self.store.check(job):
            self._finish(job, 0.0, by_us=job.key in self._tries)  # its process may have died just after publication
            return True
        stamp = self.store.failure_stamp(job.key)
        if stamp is not None and stamp != self._old_failures.get(job.key):
            self._fail(job, f"{(self.store.failure(job.key) or {}).get('message', '')} (in another run)", 0.0)
            return True
        return False

    def _begin(self, batch: list[Job]) -> None:
        together = _Batch(len(batch), len(batch))
        tickets = []
        for job in batch:
            n_tries = self._tries[job.key] = self._tries.get(job.key, 0) + 1
            if n_tries == 1 and job.key in self._old_failures:
                if (self.store.failure(job.key) or {}).get("n_failures", 0) >= _FRESH_AFTER:
                    self.store.forget_attempts(job.key)
            tickets.append(Ticket.of(job, self.store, self.options))
            self._running[job.key] = together
        self._n_busy += 1
        self.executor.submit(tickets)
        for job in batch:
            reason = self._reasons.pop(job.key, "")
            self.emit("started" if self._tries[job.key] == 1 else "retried", job, message=reason)

    def _obstacle(self, job: Job, found: dict[str, bool]) -> str | None:
        """Return in words what the job reads that its key does not say; `found` are inputs checked a moment ago."""
        for name, each in job.inputs.items():
            try:
                is_whole = found[each.key] if each.key in found else self.store.check(each)
            except W2SError as error:
                return str(error)
            found[each.key] = is_whole
            if not is_whole:  # seldom: it was whole when the run began
                return f"its input `{name}` ({each.key}) was damaged or removed during the run. Run again to remake it."
        for file in job.files:
            if not file.is_unchanged():
                return f"{file.path}: has changed since the study was planned. Run again, so that it is planned anew."
        return None

    # --- ending jobs --------------------------------------------------------------------------------------------------

    def _receive(self, message: Progress | End) -> None:
        if message.key not in self._running:
            return
        job = self.order.jobs[message.key]
        if isinstance(message, Progress):
            self.emit("progress", job, share=message.share, message=message.message)
            return
        batch = self._running.pop(job.key)
        batch.n_running -= 1
        self._n_busy -= batch.n_running == 0
        n_tries = self._tries[job.key]
        if message.status == "done":
            self._finish(job, message.seconds, by_us=True)
        elif message.status == "failed":
            self._record_failure(job, message)
        elif self.ending.has_come():
            self._unlock(job.key)
            self.emit("stopped", job)
        elif message.status != "stopped" and batch.size > 1:  # perhaps another one's fault
            self._reasons[job.key] = message.message
            self._put_back(job, alone=True)
        elif n_tries < _TRIES:  # its process died, or was ended by somebody else
            self._reasons[job.key] = message.message
            self._put_back(job)
        else:
            reason = f"{message.message or 'the job was stopped from outside'} (tried {n_tries} times)"
            self._record_failure(job, End(key=job.key, status="failed", message=reason))

    def _finish(self, job: Job, seconds: float, *, by_us: bool) -> None:
        self.store.mark_whole(job.key)
        self.order.finish(job)
        self._unlock(job.key)
        (self.outcome.done if by_us else self.outcome.cached).append(job.key)
        self.emit("finished" if by_us else "cached", job, seconds=seconds)

    def _record_failure(self, job: Job, end: End) -> None:
        failure = {"key": job.key, "title": job.title, "message": end.message, "traceback": end.traceback}
        failure["time"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self.store.write_failure(job.key, failure)
        self._fail(job, end.message, end.seconds)

    def _fail(self, job: Job, message: str, seconds: float) -> None:
        self.order.fail(job)
        self._unlock(job.key)
        self.outcome.failed[job.key] = message
        self.emit("failed", job, message=message, seconds=seconds)
        for skipped in self.order.skip_after(job):
            self.outcome.skipped[skipped.key] = job.key
            self.emit("skipped", skipped, message=f"{job.title or job.key} failed")

    def _unlock(self, key: str) -> None:
        lock = self._locks.pop(key, None)
        if lock is not None:
            lock.release()

    def emit(self, kind: Any, job: Job, **about: Any) -> None:
        """Announce an event."""
        self.on_event(Event(kind, job, n_left=len(self.order.left), **about))
