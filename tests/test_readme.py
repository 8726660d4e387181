"""What README and docs show is tried."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import w2slab
from w2slab.study.document import parse_document
from w2slab.study.reading import check_study

pytestmark = pytest.mark.docs

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def test_the_python_of_the_readme_runs(tmp_path):
    (code,) = blocks(ROOT / "README.md", "python")
    (tmp_path / "mine.py").write_text(code)
    done = subprocess.run([sys.executable, "mine.py"], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    printed = next(block for block in blocks(ROOT / "README.md", "text") if "student_accuracy" in block)
    assert re.sub(r"[-\d.]+", "0", done.stdout) == re.sub(r"[-\d.]+", "0", printed)
    assert (tmp_path / "toy-report" / "index.html").exists()


@pytest.mark.parametrize("text", blocks(ROOT / "README.md", "yaml"))
def test_the_studies_of_the_readme_are_valid(text):
    check_study(parse_document(text), ROOT / "examples")


@pytest.mark.parametrize("command", sorted(set(re.findall(r"`w2slab ([a-z]+)", (ROOT / "README.md").read_text()))))
def test_the_commands_of_the_readme_exist(command):
    assert w2slab(command, "--help").returncode == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert target.startswith("https://") or (page.parent / target).exists(), target
