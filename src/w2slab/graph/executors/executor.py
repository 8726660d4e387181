"""The protocol that a run speaks with whatever does its jobs.

An executor is given tickets and answers with messages. It knows nothing of graphs, of what is cached or of retries:
`perform(tickets)` does the work in whichever process it is called, takes the locks, publishes the results and tells how
each job ended. To bring tickets to such a process, and its messages back, is all that an executor does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from w2slab.graph.perform import End, Progress, Ticket


class Executor(Protocol):
    """A place where jobs are done, for one run at a time and for any number of runs one after the other.

    Threads: a run calls every method from one thread, and from the handler of a signal only `cancel`. An executor
    need not be safe to use from several threads, and calls nobody back.

    Signals: a run answers SIGINT and SIGTERM itself, by `cancel`. Processes that an executor starts should not get
    the keyboard's SIGINT (a process group of their own keeps it away), and must not outlive the process that made the
    executor, not even when that is killed: two processes that do one job wait for each other.

    Ownership: who makes an executor closes it. A run never does, so that workers may serve several runs.
    """

    def capacity(self) -> int:
        """Return how many calls are done at once; at least 1, and it may change between calls."""
        ...

    def submit(self, tickets: Sequence[Ticket]) -> None:
        """Begin one call of `perform(tickets)` and return without waiting for it.

        Asked only while fewer than `capacity` calls have a job that is not ended. A ticket is plain JSON data:
        `dataclasses.asdict(ticket)` travels, `Ticket(**data)` comes back.
        """
        ...

    def wait(self, timeout_s: float) -> list[Progress | End]:
        """Return what happened as soon as something did; an empty list after about `timeout_s`.

        Each job that was submitted gets exactly one `End`, whatever becomes of its process: a job whose process is
        gone ends as `died`, or as `stopped` if `cancel` was called. `Progress` may be left out. `End`s of one job come
        after its `Progress`.

        Raises:
            UnavailableError: Jobs cannot be done here at all; the run ends with this error.
        """
        ...

    def cancel(self, *, force: bool = False) -> None:
        """Ask the running jobs to save their place and stop (`stop_requested` of `perform`); by force, end them now.

        Called again and again until all have ended, also by the handler of a signal: it returns at once and notes the
        request, which `wait` carries out. It concerns the jobs in hand, none that is submitted once they have ended.
        """
        ...

    def close(self) -> None:
        """Free what the executor holds. A job that still runs is ended at once, unpublished, and keeps its checkpoints.

        Called once, by whoever made the executor (`with contextlib.closing(executor)` does); nothing is called after.
        """
        ...
