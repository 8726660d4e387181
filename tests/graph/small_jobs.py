"""Small jobs for tests of the graph: each writes a number, and a line to a side file that tells who was run."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from w2slab.errors import JobError
from w2slab.graph.job import Graph, Job, Stopped


@dataclass(frozen=True)
class NumberSpec:
    """A number to be added to those of the inputs, in so many steps."""

    number: int
    n_steps: int = 1


@dataclass(frozen=True)
class Options:
    """What a run tells small jobs: a file to report to, how slow to be, and which number fails, how and if always."""

    side: str = ""
    step_seconds: float = 0.0
    mended: str = ""
    others: tuple[int, ...] = ()
    poison: tuple[int, str, bool] = (-1, "", False)


def told(context: Any) -> Options:
    """The options of the run, if it was given any."""
    return context.options or Options()


def number(spec: NumberSpec, context: Any) -> dict[str, Any]:
    """Write the sum of the number and of the inputs' numbers."""
    tell(context, f"ran {spec.number}")
    total = spec.number + sum(int((folder / "number.txt").read_text()) for folder in context.inputs.values())
    (context.out / "number.txt").write_text(str(total))
    return {"total": total}


def slow(spec: NumberSpec, context: Any) -> dict[str, Any]:
    """A chain of digests of `n_steps` links with a checkpoint after each; `step_seconds` is how slow it is."""
    place = context.work / "place.json"
    context.work.mkdir(parents=True, exist_ok=True)
    step, state = json.loads(place.read_text()) if place.exists() else (0, spec.number)
    if step == 0:
        state += sum(int((folder / "number.txt").read_text()) for folder in context.inputs.values())
    tell(context, f"began {spec.number} at {step}")
    while step < spec.n_steps:
        if context.stop_requested():
            raise Stopped
        time.sleep(told(context).step_seconds)
        step, state = step + 1, (state * 6364136223846793005 + 1442695040888963407) % 2**61
        fresh = place.with_suffix(".new")
        fresh.write_text(json.dumps([step, state]))
        os.replace(fresh, place)
        context.progress(step / spec.n_steps, f"step {step}")
    (context.out / "number.txt").write_text(str(state))
    (context.out / "more").mkdir()
    (context.out / "more" / "digits.bin").write_bytes(state.to_bytes(8, "big") * 100)
    tell(context, f"ended {spec.number}")
    return {"steps": step}


def fail(spec: NumberSpec, context: Any) -> None:
    """Fail, unless the file named `mended` in the options is there."""
    tell(context, f"ran {spec.number}")
    print("printed before the failure")
    (context.out / "half").write_text("half a result")
    if not Path(told(context).mended).exists():
        raise JobError("the number 13 brings bad luck")
    (context.out / "number.txt").write_text("13")


def die(spec: NumberSpec, context: Any) -> None:
    """Be killed at the first `number` attempts, then succeed."""
    attempts = context.work / "attempts"
    context.work.mkdir(parents=True, exist_ok=True)
    n_attempts = int(attempts.read_text()) if attempts.exists() else 0
    attempts.write_text(str(n_attempts + 1))
    if n_attempts < spec.number:
        os.kill(os.getpid(), signal.SIGKILL)
    (context.out / "number.txt").write_text(str(n_attempts))


def deaf(spec: NumberSpec, context: Any) -> None:
    """Take `number` seconds, whoever asks to stop."""
    context.progress(0.0, "not listening")
    time.sleep(spec.number)


def surroundings(spec: NumberSpec, context: Any) -> dict[str, Any]:
    """What a job sees of its process, after printing to both streams and to their descriptors."""
    print('{"end": {"key": "a line that looks like the protocol"}}')
    os.write(1, b'{"end": {}}\n')
    os.write(2, b"\xff\n")
    threads = {name: value for name, value in os.environ.items() if name.endswith("_NUM_THREADS")}
    (context.out / "number.txt").write_text("0")
    return {"process": os.getpid(), "threads": threads}


def hold(spec: NumberSpec, context: Any) -> dict[str, Any]:
    """Take memory for a moment, and say what processes of its own took."""
    held = bytearray(spec.number)
    own = told(context).others
    return {"peak_memory_bytes_by_process": own, "shared": str(context.shared), "held": len(held)}


def doubtful(spec: NumberSpec, context: Any) -> dict[str, Any]:
    """As `number`, but the number that the option `poison` names fails, in the way it names."""
    bite(spec, context, "alone")
    return number(spec, context)


def together(specs: list[NumberSpec], contexts: list[Any]) -> list[Any]:
    """What `doubtful` does, for several; `step_seconds` each."""
    tell(contexts[0], f"together {' '.join(str(spec.number) for spec in specs)}")
    print(f"{len(specs)} together")
    results: list[Any] = []
    for spec, context in zip(specs, contexts, strict=True):
        if context.stop_requested():
            raise Stopped
        time.sleep(told(context).step_seconds)
        try:
            bite(spec, context, "together")
            results.append({**number(spec, context), "process": os.getpid()})
        except JobError as error:
            results.append(error)
        for each in contexts[:: max(1, len(contexts) // 20)]:
            each.progress(len(results) / len(specs), f"{len(results)} of {len(specs)}")
    return results


def together_slowly(specs: list[NumberSpec], contexts: list[Any]) -> list[Any]:
    """As `together`, a second later."""
    time.sleep(1.0)
    return together(specs, contexts)


def too_few(specs: list[NumberSpec], contexts: list[Any]) -> list[Any]:
    """A fused function that forgets the last job."""
    return together(specs, contexts)[:-1]


def bite(spec: NumberSpec, context: Any, when: str) -> None:
    """Fail if this is the poisoned number; some poison works only upon several together."""
    poisoned, how, always = told(context).poison
    if spec.number != poisoned or (when == "alone" and not always):
        return
    (context.out / "half").write_text("half a result")
    if how == "exit":
        os._exit(9)
    raise {"return": JobError, "raise": RuntimeError, "memory": MemoryError}[how]("bad luck")


def return_what_cannot_be_recorded(spec: NumberSpec, context: Any) -> dict[str, Any]:
    """A fact that is no number."""
    return {"loss": float("nan")}


def leave(spec: NumberSpec, context: Any) -> None:
    """Try to end the process."""
    sys.exit(3)


def tell(context: Any, line: str) -> None:
    """Add a line to the side file; short appended lines are never mixed up."""
    if told(context).side:
        with open(told(context).side, "a") as file:
            file.write(line + "\n")


def make(name: str, function: str = "number", **fields: Any) -> Job:
    """A job called `name`; fields of the spec and inputs are told apart by their type."""
    inputs = {k: v for k, v in fields.items() if isinstance(v, Job)}
    spec = NumberSpec(**{k: v for k, v in fields.items() if not isinstance(v, Job)})
    return Job(kind=function, version=1, run=f"small_jobs:{function}", spec=spec, inputs=inputs, title=name)


@dataclass(frozen=True)
class Story:
    """A supervisor, a student that reads it, and a report that reads the student."""

    supervisor: Job = field(default_factory=lambda: make("supervisor", number=1))

    @property
    def student(self) -> Job:
        return make("student", number=10, labels=self.supervisor)

    @property
    def report(self) -> Job:
        return make("report", number=100, student=self.student)

    @property
    def graph(self) -> Graph:
        return graph_of(self.report)


def graph_of(*wanted: Job) -> Graph:
    """A graph in which these jobs are wanted."""
    graph = Graph()
    for job in wanted:
        graph.add(job, wanted=True)
    return graph


def slow_graph(n_chains: int = 3, n_steps: int = 40) -> Graph:
    """Chains of two slow jobs and a job that reads all of them."""
    ends = {}
    for i in range(n_chains):
        first = make(f"first {i}", "slow", number=i, n_steps=n_steps)
        ends[f"chain_{i}"] = make(f"second {i}", "slow", number=100 + i, n_steps=n_steps, before=first)
    return graph_of(make("all", number=1000, **ends))


def quick_graph(n_jobs: int = 250) -> Graph:
    """Many jobs that take no time, each of which reads one of the first ten."""
    roots = [make(f"root {i}", number=i) for i in range(10)]
    return graph_of(*(make(f"leaf {i}", number=1000 + i, root=roots[i % 10]) for i in range(n_jobs)))


def together_graph(n_jobs: int = 60, n_batches: int = 6, fused: str = "small_jobs:together", first: int = 0) -> Graph:
    """Jobs that may be done together, by batches, each of which reads one root; a job reads all of a batch."""
    root = make("root", number=1000 + first)
    heads = [
        replace(make(f"head {i}", "doubtful", number=first + i, root=root), fused=fused, batch=f"batch {i % n_batches}")
        for i in range(n_jobs)
    ]
    ends = [
        make(f"end {i}", number=2000 + first + i, **{f"head_{j}": head for j, head in enumerate(heads[i::n_batches])})
        for i in range(n_batches)
    ]
    return graph_of(*ends)


def main(store: str, side: str, step_seconds: str, n_steps: str) -> int:
    """Run the slow graph (the quick one for no steps, or that of jobs done together) as a process of its own."""
    from w2slab.graph.executors import Processes
    from w2slab.graph.runner import run
    from w2slab.graph.store import Store

    options = Options(side, float(step_seconds))
    graphs = {"0": quick_graph, "together": together_graph}
    with Processes(2) as executor:
        graph = graphs.get(n_steps, lambda: slow_graph(n_steps=int(n_steps)))()
        return run(graph, Store(store), executor, options=options).exit_code
