"""An executor written outside the package does what the promises say of those inside."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import w2slab
from tests.conftest import result_bytes
from w2slab.executors import Inline

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def start(study, store):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    command = [sys.executable, str(ROOT / "tests" / "promises" / "own_executor.py"), str(study), str(store)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def n_results(store):
    return sum(1 for _ in store.glob("objects/*/*/record.json"))


# 10. "Killed at any moment and started again": whoever does the jobs.
def test_a_study_done_by_an_executor_of_ones_own_is_killed_and_resumes_to_the_same_bytes(toy_study, tmp_path):
    store, undisturbed = tmp_path / "store", tmp_path / "undisturbed"
    with Inline() as executor:
        w2slab.run(w2slab.load_study(toy_study), undisturbed, executor=executor)
    n_jobs = n_results(undisturbed)

    killed = start(toy_study, store)
    deadline = time.monotonic() + 60
    while n_results(store) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    time.sleep(0.5)  # until its process has noticed
    n_kept = n_results(store)
    again = start(toy_study, store)
    printed, _ = again.communicate(timeout=120)

    assert again.returncode == 0
    assert 3 <= n_kept < n_jobs
    assert int(printed) == n_jobs - n_kept
    assert result_bytes(store) == result_bytes(undisturbed)


# Exit codes: "75 stopped on purpose after a checkpoint"
def test_an_executor_of_ones_own_is_asked_to_stop(toy_study, tmp_path):
    process = start(toy_study, tmp_path / "store")
    while n_results(tmp_path / "store") < 2 and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)

    assert process.returncode == 75
    assert list((tmp_path / "store" / "tmp").iterdir()) == []


# docs/adding.md: "Jobs are done by an executor, which is an argument"
def test_the_executor_that_the_documentation_prints_runs_a_study(toy_study, tmp_path):
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / "adding.md").read_text(), re.MULTILINE | re.DOTALL)
    [code] = [block for block in blocks if "class OneThread" in block]
    names = {}
    exec(code, names)
    study = w2slab.load_study(toy_study, ["seeds=[0]"])
    executor = names["OneThread"]()
    outcome = w2slab.run(study, tmp_path / "store", executor=executor).outcome
    executor.close()

    assert outcome.exit_code == 0
    assert outcome.done
