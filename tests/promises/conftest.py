"""Lets the tests, and the workers they start, import the jobs of `tests/graph/small_jobs.py`."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.graph.conftest import store

__all__ = ["store"]


_START = "import sys, small_jobs; sys.exit(small_jobs.main(*sys.argv[1:]))"


@pytest.fixture
def start_run(tmp_path):
    """Starts a run of `slow_graph` in a process of its own; whatever is left is killed at the end of the test."""
    started = []

    def start(store, *, step_seconds, n_steps, side="side.txt"):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        arguments = [str(store), str(tmp_path / side), str(step_seconds), str(n_steps)]
        command = [sys.executable, "-W", "error", "-c", _START, *arguments]
        started.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stderr.close()


def result_bytes(root):
    """Content of every file of every result but the records, whose times differ."""
    paths = [path for path in (root / "objects").rglob("*") if path.is_file() and path.name != "record.json"]
    return {str(path.relative_to(root)): path.read_bytes() for path in paths}


@pytest.fixture(name="result_bytes")
def result_bytes_fixture():
    return result_bytes
