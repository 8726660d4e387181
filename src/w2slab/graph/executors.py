"""Where jobs run: in this process, or in worker processes that outlive many jobs.

An executor is told what to do by tickets and answers with messages. It knows nothing of graphs, keys' meaning, caches
or retries; another one (a cluster) needs the same four methods.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Protocol

from w2slab.errors import UnavailableError
from w2slab.graph.perform import End, Progress, Status, Ticket, named_function, perform

_NOTICE_SECONDS = 0.2
_FAREWELL_SECONDS = 5.0
_START_LOG_BYTES = 2000


class Executor(Protocol):
    """Something that can do jobs."""

    def capacity(self) -> int:
        """How many calls it does at once."""
        ...

    def submit(self, tickets: Sequence[Ticket]) -> None:
        """Begin a job, or several for one call; at most `capacity` calls are submitted and have a job not ended."""
        ...

    def wait(self, timeout_s: float) -> list[Progress | End]:
        """What happened, as soon as something did; empty after `timeout_s`.

        Raises:
            UnavailableError: Jobs cannot be done here at all.
        """
        ...

    def cancel(self, *, force: bool = False) -> None:
        """Ask the running jobs to save their place and stop, or end them at once.

        Safe in a signal handler: it notes the wish, which `wait` carries out. Every job still gets its `End`.
        """
        ...


class Inline:
    """Does jobs in this process, one after the other, while `wait` is called; for tests and for debugging."""

    def __init__(self, setup: str | None = None) -> None:
        self._setup = setup
        self._tickets: Sequence[Ticket] = ()
        self._is_busy = False
        self._is_cancelled = False

    def capacity(self) -> int:
        """One call at once."""
        return 1

    def submit(self, tickets: Sequence[Ticket]) -> None:
        """Keep the jobs for the next `wait`."""
        self._is_cancelled = False
        self._tickets = tickets

    def wait(self, timeout_s: float) -> list[Progress | End]:
        """Do what was submitted."""
        tickets, self._tickets = self._tickets, ()
        if not tickets:
            return []
        if self._setup is not None:
            try:
                named_function(self._setup)()
            except Exception as error:
                raise UnavailableError(f"{self._setup}: cannot be set up: {type(error).__name__}: {error}") from error
            self._setup = None
        messages: list[Progress | End] = []
        self._is_busy = True
        try:
            perform(tickets, on_message=messages.append, stop_requested=lambda: self._is_cancelled)
        except KeyboardInterrupt:
            if not self._is_cancelled:
                raise
            ended = {each.key for each in messages if isinstance(each, End)}
            messages += [End(key=each.key, status="stopped") for each in tickets if each.key not in ended]
        finally:
            self._is_busy = False
        return messages

    def cancel(self, *, force: bool = False) -> None:
        """Ask the call to stop; by force, interrupt it as Ctrl-C does."""
        self._is_cancelled = True
        if force and self._is_busy:
            raise KeyboardInterrupt

    def close(self) -> None:
        """There is nothing to end."""

    def __enter__(self) -> Inline:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Processes:
    """Does jobs in worker processes, which start when first needed and live until `close`.

    Args:
        n_workers: How many jobs run at once.
        threads: Threads of each worker's numeric libraries.
        setup: A function, as `module:function`, that each worker calls before its first job.
    """

    def __init__(self, n_workers: int, threads: int = 1, setup: str | None = None) -> None:
        self._n_workers = n_workers
        self._environment = _environment(threads)
        self._setup = setup
        self._workers: list[_Worker] = []
        self._selector = selectors.DefaultSelector()
        self._wish: str | None = None

    def capacity(self) -> int:
        """One call for each worker."""
        return self._n_workers

    def submit(self, tickets: Sequence[Ticket]) -> None:
        """Give the jobs to a worker that is free, or to a new one."""
        if not any(worker.keys for worker in self._workers):
            self._wish = None
        for worker in [worker for worker in self._workers if not worker.keys]:
            if worker.begin(tickets):
                return
            self._dismiss(worker)  # it died while it had nothing to do
        worker = _Worker(self._environment, self._setup)
        self._workers.append(worker)
        self._selector.register(worker.report, selectors.EVENT_READ, worker)
        worker.begin(tickets)  # if it is dead already, `wait` finds out

    def wait(self, timeout_s: float) -> list[Progress | End]:
        """What the workers report, and who of them died."""
        deadline = time.monotonic() + timeout_s
        messages: list[Progress | End] = []
        while True:
            self._carry_out_wish()
            left = deadline - time.monotonic()
            # Short enough to notice a wish that a signal handler noted, and a death that leaves the pipe open.
            for each, _ in self._selector.select(min(max(left, 0.0), _NOTICE_SECONDS)):
                messages += self._heard(each.data)
            for worker in [worker for worker in self._workers if worker.process.poll() is not None]:
                messages += self._bury(worker)
            if messages or left <= 0:
                return messages

    def cancel(self, *, force: bool = False) -> None:
        """Ask the running jobs to stop, or kill their workers."""
        self._wish = "kill" if force or self._wish == "kill" else "stop"

    def close(self) -> None:
        """End the workers; a job that still runs is killed and keeps its checkpoint."""
        for worker in self._workers:
            worker.say_farewell()
        for worker in list(self._workers):
            self._dismiss(worker)
        self._selector.close()

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _carry_out_wish(self) -> None:
        for worker in self._workers:
            if worker.keys and self._wish == "kill":
                worker.process.kill()
            elif worker.keys and self._wish == "stop":
                worker.ask_to_stop()

    def _heard(self, worker: _Worker) -> list[Progress | End]:
        messages: list[Progress | End] = []
        for message in worker.read():
            if "broken" in message:
                raise UnavailableError(
                    f"{self._setup}: a worker cannot start: {message['broken']['message']}\n"
                    f"{message['broken']['traceback']}"
                )
            if "progress" in message:
                messages.append(Progress(**message["progress"]))
            if "end" in message:
                end = End(**message["end"])
                worker.keys.pop(end.key, None)
                messages.append(end)
        return messages

    def _bury(self, worker: _Worker) -> list[Progress | End]:
        messages = self._heard(worker)  # what it said before it died
        if worker.keys:
            status: Status = "stopped" if self._wish is not None else "died"
            words = worker.last_words()
            messages += [End(key=key, status=status, message=words) for key in worker.keys]
        self._dismiss(worker)
        return messages

    def _dismiss(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        self._selector.unregister(worker.report)
        worker.close()


class _Worker:
    """The parent's end of one worker process."""

    def __init__(self, environment: Mapping[str, str], setup: str | None) -> None:
        self.keys: dict[str, None] = {}  # of the jobs in hand
        self._n_calls = 0
        control, self._control = os.pipe()
        self.report, report = os.pipe()
        os.set_blocking(self.report, False)
        self._was_asked_to_stop = False
        self._unread = b""
        self._start_log = tempfile.TemporaryFile()
        # -P: the search path is this process's, nothing added. The group of its own keeps Ctrl-C away.
        command = [sys.executable, "-P", "-m", "w2slab.graph.worker"]
        self.process = subprocess.Popen(
            [*command, str(os.getpid()), str(control), str(report), setup or ""],
            stdin=subprocess.DEVNULL,
            stdout=self._start_log,
            stderr=subprocess.STDOUT,
            env=environment,
            pass_fds=(control, report),
            process_group=0,
        )
        os.close(control)
        os.close(report)

    def begin(self, tickets: Sequence[Ticket]) -> bool:
        """Hand over jobs for one call; False if the process is dead."""
        self.keys, self._was_asked_to_stop = dict.fromkeys(each.key for each in tickets), False
        self._n_calls += 1
        return self._say({"call": self._n_calls, "jobs": [asdict(each) for each in tickets]})

    def ask_to_stop(self) -> None:
        if not self._was_asked_to_stop:
            self._was_asked_to_stop = True
            self._say({"stop": self._n_calls})

    def _say(self, message: dict[str, Any]) -> bool:
        line = (json.dumps(message) + "\n").encode("ascii")
        try:
            while line:
                line = line[os.write(self._control, line) :]
        except BrokenPipeError:
            return False
        return True

    def read(self) -> list[dict[str, Any]]:
        """Complete messages that have arrived."""
        try:
            while chunk := os.read(self.report, 65536):
                self._unread += chunk
        except BlockingIOError:
            pass
        *lines, self._unread = self._unread.split(b"\n")
        return [json.loads(line) for line in lines]

    def last_words(self) -> str:
        """Why the process is gone."""
        code = self.process.returncode
        if code is None or code >= 0:
            words = f"the worker process ended by itself, with exit code {code}"
        else:
            name = signal.Signals(-code).name
            hint = ", perhaps because memory ran out" if name == "SIGKILL" else ""
            words = f"the worker process was killed by {name}{hint}"
        self._start_log.seek(0)
        printed = self._start_log.read()[-_START_LOG_BYTES:].decode("utf-8", "replace").strip()
        return f"{words}\n{printed}" if printed else words

    def say_farewell(self) -> None:
        """Close the control pipe, upon which the process ends."""
        if self._control >= 0:
            os.close(self._control)
            self._control = -1

    def close(self) -> None:
        """Make sure that the process is gone."""
        self.say_farewell()
        try:
            self.process.wait(_FAREWELL_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.report)
        self._start_log.close()


def _environment(threads: int) -> dict[str, str]:
    return {
        **os.environ,
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
        "PYTHONHASHSEED": "0",  # the order of a set of texts must not differ from one attempt to the next
        "PYTHONUNBUFFERED": "1",  # what a job printed before it was killed is worth reading
        # A job's module is found by a worker wherever this process would find it.
        "PYTHONPATH": os.pathsep.join(os.path.abspath(path) for path in sys.path),
    }
