"""The task and the method of docs/adding.md, in a distribution of their own, used by a study."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tests.conftest import w2slab

PAGE = Path(__file__).parents[1] / "docs" / "adding.md"
HEAD = """\
from __future__ import annotations
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
import pyarrow as pa
from w2slab.methods.method import Roles, without_text
from w2slab.tasks.task import Examples, Labelled, Truth
"""
STUDY = """\
name: parity
tasks: [{name: parity, n_bits: 10}]
ladder: [{name: a, family: linear, n_features: 2}, {name: b, family: linear, n_features: 4}]
methods: [naive, twice]
splits: {supervisor_train: 300, student_train: 300, validation: 50, test: 300}
recipe: {epochs: 1, curve_points: 2}
"""


def test_another_distribution_brings_a_task_and_a_method(tmp_path):
    code = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "brought.py").write_text(HEAD + "\n\n".join(code))
    about = tmp_path / "brought-0.1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: brought\nVersion: 0.1\n")
    rows = "[w2slab.tasks]\nparity = brought:Parity\n[w2slab.methods]\ntwice = brought:Twice\n"
    (about / "entry_points.txt").write_text(rows)
    (tmp_path / "study.yaml").write_text(STUDY)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    assert "Is the number of ones even?" in w2slab("list", "tasks", env=environment).stdout
    done = w2slab("run", tmp_path / "study.yaml", "--executor", "inline", env=environment)
    assert done.returncode == 0, done.stderr
    assert re.search(r"parity +a → b +twice", done.stdout)
