"""One job in several processes of this machine, each of which computes its share of every optimizer batch.

The process that was given the job starts the *ranks*, passes on what it is asked (to stop), reports for them, and ends
them all when one fails. They end with it, however it ends. Each is `python -m w2slab.jobs.ranks PARENT CONTROL REPORT`
and reads and writes one JSON object per line:

    in   {"run", "spec", "inputs", "out", "work", "shared", "options"}   then perhaps {"stop": true}
    out  {"progress": {"share", "words"}}   {"end": {"status", "message", "facts", "peak"}}
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from w2slab.errors import JobError, UnavailableError, W2SError
from w2slab.graph.codec import decode, encode
from w2slab.graph.executors.worker import die_with, sender
from w2slab.graph.job import JobContext, Stopped
from w2slab.graph.locks import Lock
from w2slab.graph.perform import PEAKS, named_function, peak_memory_bytes
from w2slab.jobs.setup import options_of

_NOTICE_SECONDS = 0.2
_GRACE_SECONDS = 1.0  # in which the one at fault is told from those that miss it
_TAIL_BYTES = 2000
# What torchrun and `accelerate launch` set; it must reach no process of ours.
_LAUNCHER = (
    "RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_", "ROLE_", "MASTER_", "TORCHELASTIC_",
    "ACCELERATE_", "FSDP_",
)  # fmt: skip


@dataclass(frozen=True)
class Launch:
    """The way a launcher such as `accelerate launch` started this process.

    Args:
        rank: Number of this process; 0 does the run.
        processes: How many there are: the processes of each job.
        on_cpu: Whether the launcher was told to stay away from GPUs.
        sharded: Whether it was told that each process keeps a part of the network (FSDP).
    """

    rank: int = 0
    processes: int = 1
    on_cpu: bool = False
    sharded: bool = False


def taken_from_launcher(environment: MutableMapping[str, str]) -> Launch | None:
    """Return the way a launcher started this process, or `None`, and remove its variables from the environment.

    Raises:
        UnavailableError: It started processes on several machines.
    """

    def says(name: str) -> bool:
        return environment.get(name, "").lower() in ("1", "true", "yes")

    processes = int(environment.get("WORLD_SIZE", "1"))
    launch = Launch(
        rank=int(environment.get("RANK", "0")),
        processes=processes,
        on_cpu=says("ACCELERATE_USE_CPU"),
        sharded=says("ACCELERATE_USE_FSDP"),
    )
    here = int(environment.get("LOCAL_WORLD_SIZE", processes))
    was_launched = "WORLD_SIZE" in environment or "ACCELERATE_MIXED_PRECISION" in environment
    for name in [name for name in environment if name.startswith(_LAUNCHER)]:
        del environment[name]
    if here != processes:
        raise UnavailableError(
            f"the launcher started {processes} processes on several machines; one job runs on one machine. Launch with "
            "--num_machines 1; several machines may run one study side by side over a shared --store"
        )
    return launch if was_launched else None


def spread(run: str, spec: Any, context: JobContext) -> dict[str, Any]:
    """Do a job in `gpus_per_job` processes: a GPU for each, or without GPUs a share of this process's threads.

    Args:
        run: The function that each of them calls, as `module:function`; only the first may write files.
        spec: As the function takes it.
        context: As the function takes it.

    Returns:
        The facts that the first process returned, with the peak memory of each.

    Raises:
        JobError: A process failed or died; the others were ended.
        Stopped: They were asked to stop and saved their place.
    """
    import torch

    options = options_of(context)
    n_ranks = options.gpus_per_job
    on_gpus = options.device in ("auto", "cuda") and torch.cuda.is_available()
    job = {
        "run": run,
        "spec": encode(spec),
        "inputs": {name: str(folder) for name, folder in context.inputs.items()},
        "out": str(context.out),
        "work": str(context.work),
        "shared": None if context.shared is None else str(context.shared),
        "options": encode(replace(options, device="cuda" if on_gpus else "cpu")),
    }
    # The meeting place lives here, on a port that the kernel chose, as it does under torchrun.
    meeting = torch.distributed.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    with ExitStack() as stack:
        gpus = stack.enter_context(taken_gpus(n_ranks, context)) if on_gpus else None
        environment = _environment(n_ranks, meeting.port, gpus)
        ranks = [stack.enter_context(_Rank(index, environment)) for index in range(n_ranks)]
        for rank in ranks:
            rank.say(job)
        ends = _follow(ranks, context)
    if any(end["status"] == "stopped" for end in ends):
        raise Stopped("stopped in the middle of training; its place is saved")
    return {**ends[0]["facts"], PEAKS: [end["peak"] for end in ends]}


@contextmanager
def taken_gpus(n_gpus: int, context: JobContext, names: list[str] | None = None) -> Iterator[list[str]]:
    """GPUs that no other job in several processes uses, by the names that `CUDA_VISIBLE_DEVICES` takes; waited for.

    Raises:
        JobError: There are fewer than that.
        Stopped: The run asked for it meanwhile.
    """
    names = visible_gpus() if names is None else names
    if len(names) < n_gpus:
        raise JobError(f"option gpus_per_job: {n_gpus} GPUs are asked for and there are {len(names)}")
    folder = Path(tempfile.gettempdir()) / f"w2slab-gpus-{os.getuid()}"
    while True:
        with ExitStack() as held:
            taken: list[str] = []
            for name in names:
                lock = Lock.take(folder / name.replace("/", "-")) if len(taken) < n_gpus else None
                if lock is not None:
                    held.enter_context(lock)
                    taken.append(name)
            if len(taken) == n_gpus:
                yield taken
                return
        if context.stop_requested():
            raise Stopped("stopped while waiting for GPUs")
        time.sleep(_NOTICE_SECONDS)


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, by the names that `CUDA_VISIBLE_DEVICES` takes."""
    import torch

    named = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    count = torch.cuda.device_count()
    return named[:count] or [str(index) for index in range(count)]


def _environment(n_ranks: int, port: int, gpus: list[str] | None) -> dict[str, str]:
    """Return the environment that all ranks of a job share."""
    threads = os.environ.get("OMP_NUM_THREADS", "1").split(",")[0]
    share = str(max(1, (int(threads) if threads.isdigit() else 1) // n_ranks))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_LAUNCHER)}
    environment |= {
        "WORLD_SIZE": str(n_ranks),
        "LOCAL_WORLD_SIZE": str(n_ranks),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        "TORCHELASTIC_RESTART_COUNT": "0",
        "OMP_NUM_THREADS": share,
        "MKL_NUM_THREADS": share,
        "OPENBLAS_NUM_THREADS": share,
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": os.pathsep.join(os.path.abspath(path) for path in sys.path),
    }
    if gpus is not None:
        environment["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
    return environment


class _Rank:
    """The parent's end of one process."""

    def __init__(self, index: int, environment: Mapping[str, str]) -> None:
        self.index = index
        self.end: dict[str, Any] | None = None
        control, self._control = os.pipe()
        self.report, report = os.pipe()
        os.set_blocking(self.report, False)
        self._unread = b""
        self._printed = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "w2slab.jobs.ranks", str(os.getpid()), str(control), str(report)],
            stdin=subprocess.DEVNULL,
            stdout=self._printed,
            stderr=subprocess.STDOUT,
            env={**environment, "RANK": str(index), "LOCAL_RANK": str(index)},
            pass_fds=(control, report),
            process_group=0,
        )
        os.close(control)
        os.close(report)

    def __enter__(self) -> _Rank:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self._printed.seek(0)
        sys.stderr.write(self._printed.read().decode("utf-8", "replace"))  # from here on it belongs to the job's log
        self._printed.close()
        os.close(self._control)
        os.close(self.report)

    def say(self, message: dict[str, Any]) -> None:
        line = (json.dumps(message) + "\n").encode("ascii")
        try:
            while line:
                line = line[os.write(self._control, line) :]
        except BrokenPipeError:
            pass  # it is dead, as will be seen

    def read(self) -> list[dict[str, Any]]:
        """Progress that has arrived; the end is noted."""
        try:
            while chunk := os.read(self.report, 65536):
                self._unread += chunk
        except BlockingIOError:
            pass
        *lines, self._unread = self._unread.split(b"\n")
        messages = [json.loads(line) for line in lines]
        for message in messages:
            self.end = message.get("end", self.end)
        return [message["progress"] for message in messages if "progress" in message]

    def exit_reason(self) -> str:
        """Return the reason for the exit of the process, with its last output."""
        code = self.process.returncode
        how = f"ended with exit code {code}" if code >= 0 else f"was killed by {signal.Signals(-code).name}"
        hint = ", perhaps because memory ran out" if code == -signal.SIGKILL else ""
        self._printed.seek(0)
        printed = self._printed.read()[-_TAIL_BYTES:].decode("utf-8", "replace").strip()
        return f"process {self.index + 1} of the job {how}{hint}" + (f"\n{printed}" if printed else "")


def _follow(ranks: list[_Rank], context: JobContext) -> list[dict[str, Any]]:
    """Return the end of each rank, once all have ended; raise the first failure instead."""
    was_told = False
    deadline = float("inf")
    with selectors.DefaultSelector() as selector:
        for rank in ranks:
            selector.register(rank.report, selectors.EVENT_READ, rank)
        while True:
            for key, _ in selector.select(_NOTICE_SECONDS):
                for progress in key.data.read():
                    context.progress(progress["share"], progress["words"])
                if key.data.end is not None or key.data.process.poll() is not None:
                    selector.unregister(key.fileobj)
            if not was_told and context.stop_requested():
                was_told = True
                for rank in ranks:
                    rank.say({"stop": True})
            faults = [fault for rank in ranks if (fault := _fault(rank)) is not None]
            if faults and deadline == float("inf"):
                deadline = time.monotonic() + _GRACE_SECONDS
            if len(faults) == len(ranks) or time.monotonic() >= deadline:
                raise JobError(min(faults)[1])
            if all(rank.end is not None and rank.end["status"] != "failed" for rank in ranks):
                return [rank.end for rank in ranks if rank.end is not None]


def _fault(rank: _Rank) -> tuple[int, str] | None:
    """Return the failure of a rank and, before it, how unlikely other ranks caused it."""
    if rank.end is None and rank.process.poll() is not None:
        rank.read()  # what it said before it died
    if rank.end is not None:
        if rank.end["status"] != "failed":
            return None
        return (0 if rank.end["is_explained"] else 2), rank.end["message"]
    if rank.process.returncode is None:
        return None
    return (3 if rank.process.returncode == -signal.SIGABRT else 1), rank.exit_reason()


def main(parent: int, control: int, report: int) -> None:
    """Be a rank: do the job that the parent sends, and say how it ended."""
    die_with(parent)
    for ignored in (signal.SIGINT, signal.SIGTERM):  # the parent's to answer
        signal.signal(ignored, signal.SIG_IGN)
    os.set_inheritable(control, False)
    os.set_inheritable(report, False)
    send = sender(report)
    lines = os.fdopen(control, encoding="ascii")
    job = json.loads(lines.readline())
    stop = threading.Event()

    def listen() -> None:
        for _ in lines:
            stop.set()
        os._exit(1)  # the parent is done with us, or dead

    threading.Thread(target=listen, daemon=True).start()
    is_first = os.environ["RANK"] == "0"

    def progress(share: float, words: str) -> None:
        if is_first:
            send("progress", {"share": share, "words": words})

    context = JobContext(
        inputs={name: Path(folder) for name, folder in job["inputs"].items()},
        out=Path(job["out"]),
        work=Path(job["work"]),
        shared=None if job["shared"] is None else Path(job["shared"]),
        options=decode(job["options"]),
        progress=progress,
        stop_requested=stop.is_set,
    )
    end: dict[str, Any] = {"status": "done", "message": "", "facts": {}}
    try:
        end["facts"] = named_function(job["run"])(decode(job["spec"]), context)
        _leave()
    except Stopped:
        end["status"] = "stopped"
        _leave()
    except Exception as error:
        traceback.print_exc()
        is_explained = isinstance(error, W2SError)
        message = str(error) if is_explained else f"{type(error).__name__}: {error}"
        end |= {"status": "failed", "message": message, "is_explained": is_explained}
    sys.stdout.flush()
    sys.stderr.flush()
    send("end", {**end, "peak": peak_memory_bytes()})
    os._exit(0)  # nothing is left to do, and libraries that tidy up may hang on processes that are gone


def _leave() -> None:
    """Part from the other ranks when all have come here: one that ended first might abort another."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
