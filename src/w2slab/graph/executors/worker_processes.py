"""Jobs in worker processes of this machine, which outlive many jobs."""

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
from typing import Any, Literal

from w2slab.errors import UnavailableError
from w2slab.graph.perform import End, Progress, Status, Ticket

_NOTICE_SECONDS = 0.2
_CLOSE_SECONDS = 5.0
_START_LOG_BYTES = 2000


class Processes:
    """An executor with worker processes, which start when first needed and live until `close`.

    Args:
        n_workers: How many jobs run at once.
        threads: Threads of each worker's numeric libraries.

    Raises:
        ValueError: Fewer than one worker or thread.
    """

    def __init__(self, n_workers: int, threads: int = 1) -> None:
        for name, number in (("n_workers", n_workers), ("threads", threads)):
            if number < 1:
                raise ValueError(f"Processes: {name} is {number}; it must be at least 1")
        self._n_workers = n_workers
        self._environment = _environment(threads)
        self._workers: list[_Worker] = []
        self._selector = selectors.DefaultSelector()
        self._request: Literal["stop", "kill"] | None = None

    def capacity(self) -> int:
        """Return the number of workers, each of which does one call."""
        return self._n_workers

    def submit(self, tickets: Sequence[Ticket]) -> None:
        """Give the jobs to a worker that is free, or to a new one."""
        if not any(worker.keys for worker in self._workers):
            self._request = None
        for worker in [worker for worker in self._workers if not worker.keys]:
            if worker.begin(tickets):
                return
            self._dismiss(worker)  # it died while it had nothing to do
        worker = _Worker(self._environment)
        self._workers.append(worker)
        self._selector.register(worker.report, selectors.EVENT_READ, worker)
        worker.begin(tickets)  # if it is dead already, `wait` finds out

    def wait(self, timeout_s: float) -> list[Progress | End]:
        """Return what the workers report, and the end of the jobs of those that died."""
        deadline = time.monotonic() + timeout_s
        messages: list[Progress | End] = []
        while True:
            self._carry_out_request()
            left = deadline - time.monotonic()
            # Short enough to notice a request that a signal handler noted, and a death that leaves the pipe open.
            for each, _ in self._selector.select(min(max(left, 0.0), _NOTICE_SECONDS)):
                messages += self._read(each.data)
            for worker in [worker for worker in self._workers if worker.process.poll() is not None]:
                messages += self._reap(worker)
            if messages or left <= 0:
                return messages

    def cancel(self, *, force: bool = False) -> None:
        """Ask the running jobs to stop, or kill their workers."""
        self._request = "kill" if force or self._request == "kill" else "stop"

    def close(self) -> None:
        """End the workers; a job that still runs is killed and keeps its checkpoint."""
        for worker in self._workers:
            worker.close_control()
        for worker in list(self._workers):
            self._dismiss(worker)
        self._selector.close()

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _carry_out_request(self) -> None:
        for worker in self._workers:
            if worker.keys and self._request == "kill":
                worker.process.kill()
            elif worker.keys and self._request == "stop":
                worker.ask_to_stop()

    def _read(self, worker: _Worker) -> list[Progress | End]:
        messages: list[Progress | End] = []
        for message in worker.read():
            if "ready" in message:
                worker.is_ready = True
            if "progress" in message:
                messages.append(Progress(**message["progress"]))
            if "end" in message:
                end = End(**message["end"])
                worker.keys.pop(end.key, None)
                messages.append(end)
        return messages

    def _reap(self, worker: _Worker) -> list[Progress | End]:
        messages = self._read(worker)  # what it wrote before it died
        if not worker.is_ready and worker.process.returncode > 0 and self._request is None:
            worker.is_ready = True  # said once: the next `wait` ends its jobs
            raise UnavailableError(f"a worker process cannot start: {worker.exit_reason()}")
        if worker.keys:
            status: Status = "stopped" if self._request is not None else "died"
            reason = worker.exit_reason()
            messages += [End(key=key, status=status, message=reason) for key in worker.keys]
        self._dismiss(worker)
        return messages

    def _dismiss(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        self._selector.unregister(worker.report)
        worker.close()


class _Worker:
    """The parent's end of one worker process."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.keys: dict[str, None] = {}  # of the jobs in hand
        self.is_ready = False  # it has come as far as to take jobs
        self._n_calls = 0
        control, self._control = os.pipe()
        self.report, report = os.pipe()
        os.set_blocking(self.report, False)
        self._was_asked_to_stop = False
        self._unread = b""
        self._start_log = tempfile.TemporaryFile()
        # -P: the search path is this process's, nothing added. The group of its own keeps Ctrl-C away.
        command = [sys.executable, "-P", "-m", "w2slab.graph.executors.worker"]
        self.process = subprocess.Popen(
            [*command, str(os.getpid()), str(control), str(report)],
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
        return self._send({"call": self._n_calls, "jobs": [asdict(each) for each in tickets]})

    def ask_to_stop(self) -> None:
        if not self._was_asked_to_stop:
            self._was_asked_to_stop = True
            self._send({"stop": self._n_calls})

    def _send(self, message: dict[str, Any]) -> bool:
        line = (json.dumps(message) + "\n").encode("ascii")
        try:
            while line:
                line = line[os.write(self._control, line) :]
        except BrokenPipeError:
            return False
        return True

    def read(self) -> list[dict[str, Any]]:
        """Return the complete messages that have arrived."""
        try:
            while chunk := os.read(self.report, 65536):
                self._unread += chunk
        except BlockingIOError:
            pass
        *lines, self._unread = self._unread.split(b"\n")
        return [json.loads(line) for line in lines]

    def exit_reason(self) -> str:
        """Return in words why the process is gone, with what it printed before its first job."""
        code = self.process.returncode
        if code is None or code >= 0:
            reason = f"the worker process ended by itself, with exit code {code}"
        else:
            name = signal.Signals(-code).name
            hint = ", perhaps because memory ran out" if name == "SIGKILL" else ""
            reason = f"the worker process was killed by {name}{hint}"
        self._start_log.seek(0)
        printed = self._start_log.read()[-_START_LOG_BYTES:].decode("utf-8", "replace").strip()
        return f"{reason}\n{printed}" if printed else reason

    def close_control(self) -> None:
        """Close the control pipe, upon which the process ends."""
        if self._control >= 0:
            os.close(self._control)
            self._control = -1

    def close(self) -> None:
        """Make sure that the process is gone."""
        self.close_control()
        try:
            self.process.wait(_CLOSE_SECONDS)
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
