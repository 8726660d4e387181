"""docs/adding.md runs as printed: in an empty folder, with nothing installed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

import pytest

from tests.conftest import w2slab
from tests.page import blocks, commands, write_files

pytestmark = pytest.mark.docs


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("adding")
    write_files(folder)
    return folder


def test_every_command_of_the_page_runs_as_printed(folder):
    done = [subprocess.run(each, cwd=folder, capture_output=True, text=True, timeout=300) for each in commands()]
    assert [each.returncode for each in done] == [0] * 4, [each.stderr for each in done]
    described, ran, planned, script = (each.stdout for each in done)
    assert "times: whole number; default 2" in described
    for method in ("naive", "twice", "focal", "sharpened", "both"):
        assert re.search(rf"parity +small → large +{method} ", ran), ran
    assert "6 jobs: 6 cached" in planned  # the same code under another name
    assert "auxiliary-confidence" in script
    assert (folder / "report" / "index.html").exists()


# "So if you edit the file, its jobs run again and no others."
def test_a_changed_file_makes_its_jobs_again_and_no_others(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy", ignore=shutil.ignore_patterns(".w2slab", "store", "report", "*-report"))

    def planned():
        lines = w2slab("plan", tmp_path / "copy" / "study.yaml").stdout.splitlines()[:-1]
        return {line.split("  ", 2)[2].strip() + str(i): line.split()[1] for i, line in enumerate(lines)}

    before = planned()
    focal = tmp_path / "copy" / "focal.py"
    focal.write_text(focal.read_text().replace("self.gamma *", "2 * self.gamma *"))
    after = planned()
    changed = {title for title in before if before[title] != after[title]}
    assert changed == {title for title in before if "by focal" in title}
    assert len(changed) == 2


def test_a_mistake_in_a_field_has_its_place(folder):
    done = w2slab("plan", folder / "study.yaml", "--set", "methods.2.gamma=-1")
    assert done.returncode == 2
    assert "methods.2.gamma: input should be greater than or equal to 0, not -1" in done.stderr


@pytest.mark.parametrize("minor", [11, 12, 13])
def test_the_code_is_of_every_python_found_here(minor, tmp_path):
    python = shutil.which(f"python3.{minor}")
    if python is None or subprocess.run([python, "-c", ""], capture_output=True).returncode:
        pytest.skip(f"there is no Python 3.{minor} here")
    write_files(tmp_path)
    files = [str(path) for path in tmp_path.glob("*.py")]
    done = subprocess.run([python, "-W", "error", "-m", "py_compile", *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_page_prints_one_file_per_block():
    assert len(blocks("python")) == 8
    assert sys.version_info >= (3, 11)
