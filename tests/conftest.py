"""What all tests share: one thread, and a small study that really runs."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")

# A wheel can be tested without what developers install.
if importlib.util.find_spec("jaxtyping") is not None:
    from tests import shape_checks

    shape_checks.install()

TOY = """
    name: small
    tasks: [toy]
    ladder:
      - {name: sees-2, family: linear, n_features: 2}
      - {name: sees-8, family: linear, n_features: 8}
      - {name: sees-32, family: linear, n_features: 32}
    methods: [naive, auxiliary-confidence, {name: bootstrapping, examples: same}]
    seeds: [0, 1]
    splits: {supervisor_train: 300, student_train: 300, validation: 100, test: 500}
    recipe: {epochs: 2, lr: 0.02, curve_points: 4}
    statistics: {resamples: 200}
"""


@pytest.fixture(autouse=True)
def _numbers_as_usual() -> None:
    """Jobs that ran in this process count the smallest numbers as 0; property tests want to see them."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)


@pytest.fixture
def toy_study(tmp_path: Path) -> Path:
    """A study file that runs in a few seconds."""
    path = tmp_path / "study.yaml"
    path.write_text(textwrap.dedent(TOY))
    return path


@pytest.fixture(scope="session")
def finished_toy_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that was run from the command line, its store and report beside it."""
    path = tmp_path_factory.mktemp("finished") / "study.yaml"
    path.write_text(textwrap.dedent(TOY))
    done = w2slab("run", path)
    assert done.returncode == 0, done.stderr
    return path


def w2slab(*arguments: object, timeout: float = 300, **options: Any) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own."""
    command = [sys.executable, "-m", "w2slab", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, **options)


def result_bytes(store: Path) -> dict[str, bytes]:
    """Every file of every result but the records, whose times differ from run to run."""
    files = sorted(p for p in (store / "objects").rglob("*") if p.is_file() and p.name != "record.json")
    return {str(p.relative_to(store)): p.read_bytes() for p in files}
