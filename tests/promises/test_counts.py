"""One trip through the house: a run makes one plan, loads its task once, and makes each object once in a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path

# Counts in the parent and, through the environment, in every worker: a line for each time that something is made.
COUNTING = """
import os
from w2slab import fields
from w2slab.experiment import plan as planning
from w2slab.graph.component import Component
from w2slab.tasks.toy import Toy

log = open(os.environ["COUNTS"], "a", buffering=1)
made, load, plan = fields.Checked.__post_init__, Toy.load, planning.plan

def post_init(self):
    made(self)
    if isinstance(self, Component):
        print(os.getpid(), "made", repr(self), sep="\\t", file=log)

def loading(self):
    print(os.getpid(), "loaded", repr(self), sep="\\t", file=log)
    return load(self)

def planned(study):
    print(os.getpid(), "planned", study.name, sep="\\t", file=log)
    return plan(study)

fields.Checked.__post_init__, Toy.load, planning.plan = post_init, loading, planned
"""


def test_one_run_makes_one_plan_and_each_object_once_and_loads_its_task_once(toy_study: Path, tmp_path: Path):
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(textwrap.dedent(COUNTING))
    environment = {**os.environ, "COUNTS": str(tmp_path / "counts")}
    environment["PYTHONPATH"] = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "w2slab", "run", str(toy_study), "--workers", "2", "--no-progress"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    lines = [line.split("\t") for line in (tmp_path / "counts").read_text().splitlines()]
    of_kind = {kind: [line for line in lines if line[1] == kind] for kind in ("made", "loaded", "planned")}
    assert len(of_kind["planned"]) == 1
    assert len(of_kind["loaded"]) == 1
    parent = of_kind["planned"][0][0]
    assert of_kind["loaded"][0][0] == parent
    counted = Counter((process, what) for process, _, what in of_kind["made"])
    written = (
        "Linear(name='sees-2'",
        "Linear(name='sees-8'",
        "Linear(name='sees-32'",
        "Toy(",
        "Naive(",
        "Bootstrapping(",
    )
    for what in written:
        in_parent = [n for (process, made), n in counted.items() if process == parent and made.startswith(what)]
        assert in_parent == [1], (what, counted)
    in_workers = {key: n for key, n in counted.items() if key[0] != parent}
    assert in_workers
    assert set(in_workers.values()) == {1}, json.dumps(
        [list(map(str, item)) for item in in_workers.items() if item[1] > 1]
    )
