"""A worker process: does one call after the other until its parent is gone.

Started by `Processes` as `python -m w2slab.graph.executors.worker PARENT CONTROL REPORT`: the parent's process id and
two descriptors that carry one JSON object per line. The protocol has descriptors of its own, so that what a job prints
cannot break it.

    in   {"call": number, "jobs": [Ticket]}   {"stop": number}
    out  {"ready": {}}   {"progress": Progress}   {"end": End}
"""

from __future__ import annotations

import ctypes
import json
import os
import queue
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from w2slab.graph.perform import End, Progress, Ticket, perform
from w2slab.graph.store import Store

_PR_SET_PDEATHSIG = 1
_ANY = 0  # the number of no call: whichever runs is to stop


def main(parent: int, control: int, report: int) -> None:
    """Serve until the parent closes the control pipe or dies."""
    die_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    os.set_inheritable(control, False)
    os.set_inheritable(report, False)
    send = sender(report)
    stops: set[int] = set()
    calls: queue.SimpleQueue[tuple[int, list[Ticket]]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(control, calls, stops), daemon=True).start()
    # A cluster that ends sends SIGTERM to everyone: the job saves its place instead of being lost.
    signal.signal(signal.SIGTERM, lambda *_: stops.add(_ANY))
    send("ready", {})
    while True:
        number, tickets = calls.get()
        stops.discard(_ANY)
        _print_to(Store(tickets[0].store).log(tickets[0].key))
        perform(
            tickets,
            on_message=partial(_emit, send, tickets[0]),
            stop_requested=partial(_is_asked_to_stop, stops, number),
        )


def _is_asked_to_stop(stops: set[int], number: int) -> bool:
    return number in stops or _ANY in stops


def _emit(send: Callable[[str, dict[str, Any]], None], first: Ticket, message: Progress | End) -> None:
    """Send what happens to a job; one that fails keeps what its call printed, which stands in the first one's log."""
    if isinstance(message, Progress):
        send("progress", asdict(message))
        return
    sys.stdout.flush()
    sys.stderr.flush()
    if message.status == "failed" and message.key != first.key:
        store = Store(first.store)
        with suppress(OSError):
            shutil.copyfile(store.log(first.key), store.log(message.key))
    send("end", asdict(message))


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent dies, even of SIGKILL, so that no orphan keeps writing."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the line above
        os._exit(1)


def _listen(control: int, calls: queue.SimpleQueue[tuple[int, list[Ticket]]], stops: set[int]) -> None:
    with os.fdopen(control, encoding="ascii") as lines:
        for line in lines:
            message = json.loads(line)
            if "stop" in message:
                stops.add(message["stop"])
            else:
                calls.put((message["call"], [Ticket(**each) for each in message["jobs"]]))
    os._exit(0)  # the parent is done with us, or dead


def sender(report: int) -> Callable[[str, dict[str, Any]], None]:
    """Return a function that writes a message of one kind to a descriptor, as a line of JSON."""
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
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
