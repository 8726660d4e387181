"""An executor outside the package: one process, told what to do by `python -c`; run as a script it does a study."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from select import select

import w2slab
from w2slab.executors import End, Progress, Ticket, perform

SERVE = """
import os, queue, sys, threading; from tests.promises.own_executor import answer
asked, calls = [], queue.Queue()
def listen():
    for line in sys.stdin: asked.append(line) if line == "stop\\n" else (asked.clear(), calls.put(line))
    os._exit(0)  # its parent closed it, or is dead
threading.Thread(target=listen, daemon=True).start()
while True: answer(calls.get(), lambda: bool(asked))
"""


def answer(line, is_stopped):
    say, sys.stdout = sys.stdout, sys.stderr  # what jobs print goes elsewhere
    tickets = [Ticket(**each) for each in json.loads(line)]
    perform(
        tickets,
        on_message=lambda each: print(json.dumps([type(each).__name__, asdict(each)]), file=say, flush=True),
        stop_requested=is_stopped,
    )
    sys.stdout = say


class OneProcess:
    """Does one call after the other in a process of its own."""

    def __init__(self):
        command, self.keys, self.is_cancelled = [sys.executable, "-c", SERVE], [], False
        self.process = subprocess.Popen(command, stdin=-1, stdout=-1, bufsize=0, process_group=0)

    def capacity(self):
        return 1

    def submit(self, tickets):
        self.keys, self.is_cancelled = [each.key for each in tickets], False
        self.process.stdin.write(json.dumps([asdict(each) for each in tickets]).encode() + b"\n")

    def wait(self, timeout_s):
        if not select([self.process.stdout], [], [], timeout_s)[0]:
            return []
        if not (line := self.process.stdout.readline()):
            status = "stopped" if self.is_cancelled else "died"
            return [End(key=key, status=status) for key in self.keys]
        kind, fields = json.loads(line)
        if kind == "End":
            self.keys.remove(fields["key"])
        return [End(**fields) if kind == "End" else Progress(**fields)]

    def cancel(self, *, force=False):
        self.is_cancelled = True
        if force:
            self.process.kill()
        else:
            self.process.stdin.write(b"stop\n")

    def close(self):
        self.process.kill()
        self.process.communicate()


if __name__ == "__main__":
    executor = OneProcess()
    outcome = w2slab.run(w2slab.load_study(sys.argv[1]), sys.argv[2], executor=executor).outcome
    executor.close()
    print(len(outcome.done))
    sys.exit(outcome.exit_code)
