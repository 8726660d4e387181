"""What docs/adding.md writes, in a distribution of its own: installed from a wheel, and used by a study."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import w2slab
from tests.page import blocks

pytestmark = pytest.mark.docs

ROWS = """\
[w2slab.tasks]
parity = brought:Parity
[w2slab.models]
perceptron = brought:Perceptron
[w2slab.methods]
twice = brought:Twice
[w2slab.objectives]
focal = brought:Focal
[w2slab.relabelings]
sharpened = brought:Sharpened
"""
STUDY = """\
name: parity
tasks: [{name: parity, n_bits: 10}]
ladder: [{name: a, family: linear, n_features: 2}, {name: b, family: perceptron, hidden: 8}]
methods: [naive, twice, {name: focal, gamma: 1.5}, sharpened]
splits: {supervisor_train: 300, student_train: 300, validation: 50, test: 300}
recipe: {epochs: 1, curve_points: 2}
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which the distribution is installed."""
    folder = tmp_path_factory.mktemp("brought")
    code = [block for block in blocks("python") if "class OneThread" not in block and "w2s.Study(" not in block]
    about = "brought-0.1.dist-info"
    wheel = folder / "brought-0.1-py3-none-any.whl"
    files = {
        "brought.py": "\n\n".join(code),
        f"{about}/METADATA": "Metadata-Version: 2.1\nName: brought\nVersion: 0.1\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/entry_points.txt": ROWS,
    }
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.writestr(f"{about}/RECORD", "".join(f"{name},,\n" for name in [*files, f"{about}/RECORD"]))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", folder / "site"]
    subprocess.run([*pip, wheel], check=True, capture_output=True)
    return {**os.environ, "PYTHONPATH": str(folder / "site")}


def test_its_rows_are_listed_with_ours(installed):
    assert "Is the number of ones even?" in w2slab("list", "tasks", env=installed).stdout
    methods = w2slab("list", "methods", env=installed).stdout
    for name in ("twice", "focal", "sharpened", "reverse-kl"):
        assert re.search(rf"^  {name} ", methods, re.MULTILINE)


@pytest.mark.parametrize("tuning", ["full", "head"])
def test_a_study_uses_its_task_its_methods_its_objective_and_its_relabeling(installed, tmp_path, tuning):
    (tmp_path / "study.yaml").write_text(STUDY)
    asked = ["--executor", "inline", "--set", f"tuning={tuning}"]
    done = w2slab("run", tmp_path / "study.yaml", *asked, env=installed)
    assert done.returncode == 0, done.stderr
    for method in ("naive", "twice", "focal", "sharpened"):
        assert re.search(rf"parity +a → b +{method}", done.stdout)


def test_a_mistake_in_its_fields_has_its_place(installed, tmp_path):
    (tmp_path / "study.yaml").write_text(STUDY.replace("gamma: 1.5", "gamma: -1"))
    done = w2slab("plan", tmp_path / "study.yaml", env=installed)
    assert done.returncode == 2
    assert "methods.2.gamma: input should be greater than or equal to 0" in done.stderr


def test_changed_code_makes_other_jobs_and_broken_code_is_told(installed, tmp_path):
    (tmp_path / "study.yaml").write_text(STUDY)
    module = Path(installed["PYTHONPATH"]) / "brought.py"
    code = module.read_text()

    def planned():
        return w2slab("plan", tmp_path / "study.yaml", env=installed)

    before = planned().stdout
    try:
        module.write_text(code.replace("self.gamma", "2 * self.gamma"))
        assert before != planned().stdout
        module.write_text("import nothing_of_that_name")
        broken = planned()
        assert broken.returncode == 2
        assert "cannot be loaded: ModuleNotFoundError" in broken.stderr
        assert "Traceback" not in broken.stderr
    finally:
        module.write_text(code)
