"""How long looking takes: `--help`, a finished study again, a graph of 10,000 jobs planned.

    python benchmarks/cli.py

The floor beside each figure is what Python itself needs for the least that must happen: starting an interpreter, or
digesting as many JSON records of the same size.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from w2slab.experiment.plan import plan
from w2slab.graph.runner import state
from w2slab.graph.store import Store
from w2slab.study.document import parse_document
from w2slab.study.reading import check_study

EXAMPLE = Path(__file__).parents[1] / "examples" / "toy.yaml"
REPEATS = 7


def seconds_of(*command: object) -> float:
    """The least time of several runs of a command."""
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        subprocess.run([sys.executable, *map(str, command)], check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    return min(times)


def large_study(n_seeds: int) -> str:
    """The toy study on a ladder of eight rungs."""
    rungs = "\n".join(f"  - {{name: sees-{n}, family: linear, n_features: {n}}}" for n in range(1, 9))
    methods = "[naive, auxiliary-confidence, {name: bootstrapping, examples: same}]"
    return f"name: large\ntasks: [toy]\nladder:\n{rungs}\nmethods: {methods}\nseeds: {list(range(n_seeds))}\n"


def plan_large(n_seeds: int = 110) -> tuple[float, float, int]:
    """Seconds to check, plan and look up a study; seconds to digest as many records of that size; jobs."""
    text = large_study(n_seeds)
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        planned = plan(check_study(parse_document(text), Path()))
        state(planned.graph, Store(Path(folder)))
        seconds = time.perf_counter() - started
    payloads = [job.payload for job in planned.graph]
    started = time.perf_counter()
    for payload in payloads:
        hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()
    return seconds, time.perf_counter() - started, len(payloads)


def main() -> None:
    """Print one line per figure."""
    bare = seconds_of("-c", "")
    print(f"--help                {seconds_of('-m', 'w2slab', '--help'):.2f} s   (bare interpreter {bare:.2f} s)")
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "toy.yaml"
        study.write_text(EXAMPLE.read_text())
        subprocess.run([sys.executable, "-m", "w2slab", "run", study], check=True, capture_output=True)
        for name, extra in (("finished study again", ["--no-report"]), ("the same with report", [])):
            print(f"{name:20}  {seconds_of('-m', 'w2slab', 'run', study, *extra):.2f} s")
    seconds, floor, n_jobs = plan_large()
    print(f"plan of {n_jobs:,} jobs  {seconds:.2f} s   ({seconds / floor:.1f} times digesting as many records)")


if __name__ == "__main__":
    main()
