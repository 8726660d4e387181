"""Time of commands that train nothing: `--help`, a finished study again, a plan of 10,000 jobs; and its memory.

    python benchmarks/cli.py                 this tree
    python benchmarks/cli.py OLD_COMMIT      beside an older commit
    python benchmarks/cli.py --old PATH      beside another working tree

Each figure is the median of 5 processes; two trees take turns, so that both see the same machine. The floor beside it
is what Python itself needs for the least that must happen: to start an interpreter, or to digest as many JSON records
of a kilobyte.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from trees import ROOT, checked_out

REPEATS = 5
# Reads a study and plans it: jobs, seconds, and MB of memory above what the imports take.
PLANNING = """
import json, resource, sys, time
import w2slab

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

w2slab.plan(w2slab.load_study(sys.argv[1]))
before, started = peak(), time.perf_counter()
planned = w2slab.plan(w2slab.load_study(sys.argv[2]))
seconds = time.perf_counter() - started
print(json.dumps({"jobs": sum(1 for _ in planned.graph), "seconds": seconds, "mb": peak() - before}))
"""


class Tree:
    """One working tree, called through a folder of its own."""

    def __init__(self, name: str, path: Path, folder: Path) -> None:
        self.name, self.path, self.folder = name, path, folder
        folder.mkdir()
        (folder / "toy.yaml").write_text((path / "examples" / "toy.yaml").read_text())
        (folder / "large.yaml").write_text(large_study(110))
        self.python("-m", "w2slab", "list")  # compiles it
        self.python("-m", "w2slab", "run", "toy.yaml", "--no-progress")

    def python(self, *arguments: str) -> str:
        """Run Python with this tree on the import path, and return what it prints."""
        env = os.environ | {"PYTHONPATH": str(self.path / "src"), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, *arguments]
        return subprocess.run(command, cwd=self.folder, env=env, check=True, capture_output=True, text=True).stdout

    def seconds(self, *arguments: str) -> float:
        """Seconds that a command takes."""
        started = time.perf_counter()
        self.python(*arguments)
        return time.perf_counter() - started


def large_study(n_seeds: int) -> str:
    """The toy study on a ladder of eight rungs; 110 seeds are somewhat more than 10,000 jobs."""
    rungs = "\n".join(f"  - {{name: sees-{n}, family: linear, n_features: {n}}}" for n in range(1, 9))
    methods = "[naive, auxiliary-confidence, {name: bootstrapping, examples: same}]"
    return f"name: large\ntasks: [toy]\nladder:\n{rungs}\nmethods: {methods}\nseeds: {list(range(n_seeds))}\n"


def in_turns(trees: list[Tree], figure: Callable[[Tree], float]) -> list[float]:
    """The median of a figure in each tree."""
    found = [[figure(tree) for tree in trees] for _ in range(REPEATS)]
    return [median(values) for values in zip(*found, strict=True)]


def digesting(n: int) -> float:
    """Seconds to digest as many JSON records."""
    record = {f"field {i}": "value" for i in range(50)}
    started = time.perf_counter()
    for i in range(n):
        hashlib.sha256(json.dumps(record | {"i": i}, sort_keys=True).encode()).hexdigest()
    return time.perf_counter() - started


def line(name: str, values: list[float], unit: str, floor: str) -> str:
    """A row of the table."""
    ratio = f"{values[-1] / values[0]:6.2f}" if len(values) > 1 else ""
    return f"{name:26}" + "".join(f"{value:10.2f} {unit:2}" for value in values) + f"  {ratio}   {floor}"


def measured(trees: list[Tree]) -> None:
    """Print a line per figure."""
    bare = f"bare interpreter {median(trees[0].seconds('-c', '') for _ in range(REPEATS)):.2f} s"
    print(f"{'':26}" + "".join(f"{tree.name:>13}" for tree in trees) + ("   ratio" if len(trees) > 1 else ""))
    commands = {
        "--help": ["--help"],
        "list": ["list"],
        "finished study again": ["run", "toy.yaml", "--no-progress", "--no-report"],
        "the same with its report": ["run", "toy.yaml", "--no-progress"],
        "plan of 10,000 jobs, shown": ["plan", "large.yaml"],
    }
    for name, command in commands.items():
        values = in_turns(trees, lambda tree, command=command: tree.seconds("-m", "w2slab", *command))
        print(line(name, values, "s", bare), flush=True)
    found = [
        [json.loads(tree.python("-c", PLANNING, "toy.yaml", "large.yaml")) for tree in trees] for _ in range(REPEATS)
    ]
    n_jobs = [each["jobs"] for each in found[0]]
    floor = f"digesting as many records {digesting(max(n_jobs)):.2f} s"
    for name, unit in (("seconds", "s"), ("mb", "MB")):
        values = [median(each[i][name] for each in found) for i in range(len(trees))]
        jobs = " and ".join(f"{n:,}" for n in dict.fromkeys(n_jobs))
        print(line(f"plan of {jobs} jobs", values, unit, floor if unit == "s" else "above the imports"))


def main() -> None:
    """Measure this tree, and an older one beside it if there is one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commit", nargs="?", help="an older commit")
    parser.add_argument("--old", type=Path, metavar="PATH", help="another working tree in place of a commit")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        old = asked.old if asked.commit is None else checked_out(asked.commit, folder)
        trees = [] if old is None else [Tree("old", old.resolve(), folder / "old")]
        measured([*trees, Tree("this", ROOT, folder / "this")])


if __name__ == "__main__":
    main()
