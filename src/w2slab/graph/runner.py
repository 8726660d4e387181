"""What is missing, in which order it is made, and what a failure stops.

A job is *cached* if its result is in the store and whole. A run makes what the wanted jobs need and nothing else: what
stands before a cached job is not looked at. Several runs may share a store; a job that another run is doing is waited
for while there is nothing else to do.
"""

from __future__ import annotations

import heapq
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from types import FrameType
from typing import Any, Literal

from w2slab.errors import W2SError
from w2slab.graph.executors import Executor
from w2slab.graph.fingerprint import canonical, local_files, transport
from w2slab.graph.job import Graph, Job
from w2slab.graph.locks import Lock
from w2slab.graph.perform import End, Progress, Ticket
from w2slab.graph.store import Store

State = Literal["cached", "missing", "failed"]
Interruption = Literal["SIGINT", "SIGTERM", "max_seconds"]

_POLL_SECONDS = (0.02, 0.5)  # first and longest pause while another run does what is needed
_TRIES = 2  # of a job whose process dies
_FRESH_AFTER = 2  # failures in a row, after which a job's checkpoints are no longer trusted


@dataclass(frozen=True)
class Event:
    """Something that happened to a job, for the display of progress.

    Args:
        kind: `cached` results are announced first, and later those that another run has made meanwhile. `waiting`:
            another run is doing it. `retried`: its process died and it starts once more. `skipped`: something before
            it failed.
        share: How much of the job is done, in [0, 1]; of `progress`.
        words: What the job says of its progress, or the message of a failure.
        seconds: How long the job took; of `finished` and `failed`.
        n_left: Jobs of this run that are still to be made.
    """

    kind: Literal["cached", "started", "progress", "finished", "failed", "skipped", "stopped", "waiting", "retried"]
    job: Job
    share: float = 0.0
    words: str = ""
    seconds: float = 0.0
    n_left: int = 0


@dataclass(frozen=True)
class Outcome:
    """How a run ended, by keys of jobs.

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
        """0 all done, 1 some failed, 75 stopped on purpose, 130 interrupted from the keyboard."""
        if self.stopped:
            return 130 if self.interrupted == "SIGINT" else 75
        return 1 if self.failed else 0


def state(graph: Graph, store: Store) -> dict[str, State]:
    """Whether each job is cached, missing, or failed the last time it was tried. Nothing is run or written."""
    failures = store.failures()
    return {
        job.key: "cached" if store.has(job.key) else "failed" if job.key in failures else "missing" for job in graph
    }


def missing(graph: Graph, store: Store, targets: Iterable[Job] | None = None) -> list[Job]:
    """The jobs that a run would do, in the graph's order. Nothing is run or written."""
    return _survey(graph, targets, lambda job: store.has(job.key))[1]


def run(
    graph: Graph,
    store: Store,
    executor: Executor,
    *,
    targets: Iterable[Job] | None = None,
    options: Mapping[str, Any] | None = None,
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
        options: How and where to compute; every job is given them, and no key depends on them.
        on_event: Called in this process with what happens to each job.
        max_seconds: After this time the run stops as upon a signal; `None` is never.

    Raises:
        StoreError: The store cannot be written, or holds something else than what is asked for.
        UnavailableError: The executor cannot work here.
    """
    cached, needed = _survey(graph, targets, store.check)
    flow = _Flow(graph, store, executor, needed, canonical(options or {}), on_event)
    flow.deadline = None if max_seconds is None else time.monotonic() + max_seconds
    try:
        for job in cached:
            flow.outcome.cached.append(job.key)
            flow.tell("cached", job)
        if needed:
            store.open()
            with flow.answering_signals():
                flow.work()
    finally:
        flow.close()
        store.save_marks()
    return replace(flow.outcome, stopped=list(flow.left), interrupted=flow.interrupted)


def _survey(
    graph: Graph, targets: Iterable[Job] | None, is_there: Callable[[Job], bool]
) -> tuple[list[Job], list[Job]]:
    """The cached jobs that are read, and the jobs to be done, both in the graph's order."""
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


class _Flow:
    """The state of one run."""

    def __init__(
        self,
        graph: Graph,
        store: Store,
        executor: Executor,
        needed: list[Job],
        options: Mapping[str, Any],
        on_event: Callable[[Event], None],
    ) -> None:
        self.store, self.executor, self.options, self.on_event = store, executor, options, on_event
        self.outcome = Outcome()
        self.interrupted: Interruption | None = None
        self.deadline: float | None = None
        self._is_forced = False
        self._jobs = {job.key: job for job in needed}
        self.left = dict.fromkeys(self._jobs)
        self._readers: dict[str, list[str]] = {key: [] for key in self._jobs}
        self._n_awaited: dict[str, int] = {}
        for job in needed:
            awaited = {each.key for each in job.inputs.values()} & self._jobs.keys()
            self._n_awaited[job.key] = len(awaited)
            for key in awaited:
                self._readers[key].append(job.key)
        self._rank = _ranks(needed, self._readers)
        self._ready = [(self._rank[key], key) for key, n in self._n_awaited.items() if n == 0]
        heapq.heapify(self._ready)
        self._elsewhere: dict[str, None] = {}  # another run is doing these
        self._running: set[str] = set()
        self._tries: dict[str, int] = {}  # how often each was begun
        self._locks: dict[str, Lock] = {}
        self._old_failures = store.failures() if needed else {}

    # --- the loop -----------------------------------------------------------------------------------------------------

    def work(self) -> None:
        """Do what is needed until nothing is left, or until the run is to end."""
        shortest, longest = _POLL_SECONDS
        pause = shortest
        while self._running or (self._is_open() and (self._ready or self._elsewhere)):
            if self._is_open():
                self._begin_jobs()
            if not self._is_open():
                self.executor.cancel(force=self._is_forced)
            n_left = len(self.left)
            timeout = pause if self._elsewhere else self._until_deadline(longest)
            if self._running:
                for message in self.executor.wait(timeout):
                    self._receive(message)
            elif self._elsewhere and self._is_open():
                time.sleep(timeout)
            if self._is_open():
                self._look_elsewhere()
            pause = shortest if len(self.left) < n_left else min(2 * pause, longest)

    def close(self) -> None:
        """Leave nothing running and nothing locked, also after an error."""
        patience = time.monotonic() + 10.0
        while self._running and time.monotonic() < patience:
            self.executor.cancel(force=True)
            with suppress(W2SError):  # what ended the run was raised already
                self._running -= {each.key for each in self.executor.wait(0.1) if isinstance(each, End)}
        for key in list(self._locks):
            self._unlock(key)

    @contextmanager
    def answering_signals(self) -> Iterator[None]:
        """Answer SIGINT and SIGTERM by an orderly end. Only the main thread can."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._answer) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _answer(self, number: int, _: FrameType | None) -> None:
        self._is_forced = self.interrupted in ("SIGINT", "SIGTERM")
        if not self._is_forced:
            self.interrupted = "SIGINT" if number == signal.SIGINT else "SIGTERM"
        self.executor.cancel(force=self._is_forced)

    def _is_open(self) -> bool:
        if self.interrupted is None and self.deadline is not None and time.monotonic() >= self.deadline:
            self.interrupted = "max_seconds"
        return self.interrupted is None

    def _until_deadline(self, longest: float) -> float:
        return longest if self.deadline is None else min(longest, max(0.0, self.deadline - time.monotonic()))

    # --- beginning jobs -----------------------------------------------------------------------------------------------

    def _begin_jobs(self) -> None:
        while self._ready and len(self._running) < self.executor.capacity() and self._is_open():
            _, key = heapq.heappop(self._ready)
            job = self._jobs[key]
            lock = self._locks.get(key) or self.store.lock(key)
            if lock is None:
                self._elsewhere[key] = None
                self.tell("waiting", job)
                continue
            self._locks[key] = lock
            if not self._is_settled(job):
                self._begin(job)

    def _look_elsewhere(self) -> None:
        for key in list(self._elsewhere):
            lock = self.store.lock(key)
            if lock is not None:  # the other run is done with it, or dead
                self._locks[key] = lock
                del self._elsewhere[key]
                if not self._is_settled(self._jobs[key]):
                    heapq.heappush(self._ready, (self._rank[key], key))

    def _is_settled(self, job: Job) -> bool:
        """Whether another run has made this job, or has failed at it, since this run began."""
        if self.store.check(job):
            self._finish(job, 0.0, by_us=job.key in self._tries)  # its process may have died just after publication
            return True
        stamp = self.store.failure_stamp(job.key)
        if stamp is not None and stamp != self._old_failures.get(job.key) and job.key not in self._tries:
            self._fail(job, f"{(self.store.failure(job.key) or {}).get('message', '')} (in another run)", 0.0)
            return True
        return False

    def _begin(self, job: Job) -> None:
        obstacle = self._obstacle(job)
        if obstacle is not None:
            self._record_failure(job, End(key=job.key, status="failed", message=obstacle))
            return
        n_tries = self._tries[job.key] = self._tries.get(job.key, 0) + 1
        if n_tries == 1 and (self.store.failure(job.key) or {}).get("n_failures", 0) >= _FRESH_AFTER:
            self.store.forget_attempts(job.key)
        ticket = Ticket(
            store=str(self.store.root),
            key=job.key,
            run=job.run,
            title=job.title,
            spec=transport(job.spec),
            payload=job.payload,
            inputs={name: each.key for name, each in job.inputs.items()},
            options=self.options,
        )
        self._running.add(job.key)
        self.executor.submit(ticket)
        self.tell("started" if n_tries == 1 else "retried", job)

    def _obstacle(self, job: Job) -> str | None:
        """Why what the job reads is not what its key says."""
        for name, each in job.inputs.items():
            try:
                is_whole = self.store.check(each)
            except W2SError as error:
                return str(error)
            if not is_whole:  # seldom: it was whole when the run began
                return f"its input `{name}` ({each.key}) was damaged or removed during the run. Run again to remake it."
        for file in local_files(job.spec):
            if not file.is_unchanged():
                return f"{file.path}: has changed since the study was planned. Run again, so that it is planned anew."
        return None

    # --- ending jobs --------------------------------------------------------------------------------------------------

    def _receive(self, message: Progress | End) -> None:
        if message.key not in self._running:
            return
        job = self._jobs[message.key]
        if isinstance(message, Progress):
            self.tell("progress", job, share=message.share, words=message.words)
            return
        self._running.remove(job.key)
        n_tries = self._tries[job.key]
        if message.status == "done":
            self._finish(job, message.seconds, by_us=True)
        elif message.status == "failed":
            self._record_failure(job, message)
        elif not self._is_open():
            self._unlock(job.key)
            self.tell("stopped", job)
        elif n_tries < _TRIES:  # its process died, or was told to end by somebody else
            heapq.heappush(self._ready, (self._rank[job.key], job.key))
        else:
            words = f"{message.message or 'the job was stopped from outside'} (tried {n_tries} times)"
            self._record_failure(job, End(key=job.key, status="failed", message=words))

    def _finish(self, job: Job, seconds: float, *, by_us: bool) -> None:
        self.store.mark_whole(job.key)
        self._settle(job.key)
        (self.outcome.done if by_us else self.outcome.cached).append(job.key)
        self.tell("finished" if by_us else "cached", job, seconds=seconds)
        for reader in self._readers[job.key]:
            self._n_awaited[reader] -= 1
            if self._n_awaited[reader] == 0 and reader in self.left:
                heapq.heappush(self._ready, (self._rank[reader], reader))

    def _record_failure(self, job: Job, end: End) -> None:
        failure = {"key": job.key, "title": job.title, "message": end.message, "traceback": end.traceback}
        failure["time"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self.store.write_failure(job.key, failure)
        self._fail(job, end.message, end.seconds)

    def _fail(self, job: Job, words: str, seconds: float) -> None:
        self._settle(job.key)
        self.outcome.failed[job.key] = words
        self.tell("failed", job, words=words, seconds=seconds)
        unseen = list(self._readers[job.key])
        while unseen:
            key = unseen.pop()
            if key in self.left:
                del self.left[key]
                self.outcome.skipped[key] = job.key
                self.tell("skipped", self._jobs[key], words=f"{job.title or job.key} failed")
                unseen.extend(self._readers[key])

    def _settle(self, key: str) -> None:
        del self.left[key]
        self._unlock(key)

    def _unlock(self, key: str) -> None:
        lock = self._locks.pop(key, None)
        if lock is not None:
            lock.release()

    def tell(self, kind: Any, job: Job, **about: Any) -> None:
        """Announce an event."""
        self.on_event(Event(kind, job, n_left=len(self.left), **about))


def _ranks(needed: list[Job], readers: Mapping[str, list[str]]) -> dict[str, tuple[int, int]]:
    """Place of each job in the order: the longest way to the end first, then the graph's order."""
    way: dict[str, int] = {}
    for job in reversed(needed):  # every reader comes after what it reads
        way[job.key] = 1 + max((way[reader] for reader in readers[job.key]), default=0)
    return {job.key: (-way[job.key], index) for index, job in enumerate(needed)}
