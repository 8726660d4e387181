"""The wheel in an empty environment, beside the newest releases of what it needs: studies run, and some tests pass."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

pytestmark = pytest.mark.wheel

ROOT = Path(__file__).parents[1]
SOME_TESTS = ("__init__.py", "conftest.py", "cli/test_cli.py", "end_to_end/test_toy_study.py", "stats/test_pgr.py")
SMALL_CHESS = """
    name: chess
    tasks: [chess]
    ladder: [{name: chess-500, family: chessformer}, {name: chess-800, family: chessformer}]
    methods: [naive]
    splits: {supervisor_train: 40, student_train: 40, validation: 10, test: 40}
    recipe: {epochs: 1, curve_points: 0}
    statistics: {resamples: 100}
"""


def called(*command: object, cwd: Path) -> str:
    """Run a command that sees neither this tree nor its constraints, and return what it prints."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHONPATH", "PIP_C", "W2SLAB"))}
    done = subprocess.run(list(map(str, command)), cwd=cwd, env=env, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, f"{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


def built(folder: Path) -> Path:
    """Build the wheel of this tree."""
    pip = [sys.executable, "-m", "pip"]
    reached = subprocess.run([*pip, "download", "--quiet", "--no-deps", "--dest", folder, "hatchling"], check=False)
    if reached.returncode:
        pytest.skip("there is no package index to build the wheel and install what it needs from")
    called(*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT, cwd=folder)
    (wheel,) = folder.glob("w2slab-*.whl")
    return wheel


def environment(folder: Path, wheel: Path) -> Path:
    """Install the wheel without the constraints file; torch alone stays at the release that is installed here."""
    called(sys.executable, "-m", "venv", folder / "env", cwd=folder)
    python = folder / "env" / "bin" / "python"
    torch = folder / "torch.txt"
    torch.write_text(f"torch=={version('torch').partition('+')[0]}\n")
    pip = [python, "-m", "pip", "install", "--quiet", "--no-compile", "--constraint", torch]
    called(*pip, wheel, "pytest", cwd=folder)
    return python


def test_the_wheel_works_where_nothing_else_is(tmp_path):
    python = environment(tmp_path, built(tmp_path))
    empty = tmp_path / "empty"
    empty.mkdir()
    print(called(python, "-m", "pip", "freeze", cwd=empty))
    imported = Path(called(python, "-c", "import w2slab; print(w2slab.__file__)", cwd=empty).strip())
    assert imported.is_relative_to(tmp_path / "env")

    shutil.copy(ROOT / "examples" / "toy.yaml", empty)
    (empty / "chess.yaml").write_text(SMALL_CHESS)
    for study, row in (("toy.yaml", "sees-2 → sees-32"), ("chess.yaml", "chess-500 → chess-800")):
        assert row in called(python.with_name("w2slab"), "run", study, cwd=empty)
        assert (empty / f"{Path(study).stem}-report" / "index.html").exists()

    for name in SOME_TESTS:
        source, target = ROOT / "tests" / name, empty / "tests" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    assert " passed" in called(python, "-m", "pytest", "-q", "--rootdir", empty, "tests", cwd=empty)
