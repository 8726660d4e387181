"""A worker process: does one job after the other until its parent is gone.

Started by `executors.Processes` as `python -m w2slab.graph.worker PARENT CONTROL REPORT SETUP`: the parent's process
id, two descriptors that carry one JSON object per line, and a function to call before the first job. The protocol has
descriptors of its own, so that what a job prints cannot break it.

    in   {"job": Ticket}   {"stop": key}
    out  {"ready": {}}   {"broken": {"message", "traceback"}}   {"progress": Progress}   {"end": End}
"""

from __future__ import annotations

import ctypes
import json
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from w2slab.graph.perform import Progress, Ticket, named_function, perform
from w2slab.graph.store import Store

_PR_SET_PDEATHSIG = 1


def main(parent: int, control: int, report: int, setup: str) -> None:
    """Serve until the parent closes the control pipe or dies."""
    die_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    os.set_inheritable(control, False)
    os.set_inheritable(report, False)
    send = sender(report)
    try:
        if setup:
            named_function(setup)()
    except Exception as error:
        send("broken", {"message": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()})
        return
    stops: set[str] = set()
    tickets: queue.SimpleQueue[Ticket] = queue.SimpleQueue()
    # A cluster that ends sends SIGTERM to everyone: the job saves its place instead of being lost.
    signal.signal(signal.SIGTERM, lambda *_: stops.add(""))
    threading.Thread(target=_listen, args=(control, tickets, stops), daemon=True).start()
    send("ready", {})
    while True:
        ticket = tickets.get()
        stops.discard("")
        _print_to(Store(ticket.store).log(ticket.key))

        def stop_requested(key: str = ticket.key) -> bool:
            return key in stops or "" in stops

        def on_progress(progress: Progress) -> None:
            send("progress", asdict(progress))

        end = perform(ticket, on_progress=on_progress, stop_requested=stop_requested)
        sys.stdout.flush()
        sys.stderr.flush()
        if end.status == "done":
            Store(ticket.store).clear(ticket.key)
        stops.discard(ticket.key)
        send("end", asdict(end))


def die_with(parent: int) -> None:
    """No orphan keeps writing: the kernel kills this process when its parent dies, even of SIGKILL."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the line above
        os._exit(1)


def _listen(control: int, tickets: queue.SimpleQueue[Ticket], stops: set[str]) -> None:
    with os.fdopen(control, encoding="ascii") as lines:
        for line in lines:
            message = json.loads(line)
            if "stop" in message:
                stops.add(message["stop"])
            else:
                tickets.put(Ticket(**message["job"]))
    os._exit(0)  # the parent is done with us, or dead


def sender(report: int) -> Callable[[str, dict[str, Any]], None]:
    """A function that writes a message of one kind to a descriptor, as a line of JSON."""
    lock = threading.Lock()  # a job may report progress from a thread of its own

    def send(kind: str, content: dict[str, Any]) -> None:
        line = (json.dumps({kind: content}) + "\n").encode("ascii")
        with lock:
            while line:
                line = line[os.write(report, line) :]

    return send


def _print_to(path: Path) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    path.parent.mkdir(parents=True, exist_ok=True)
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
