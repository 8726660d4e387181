"""One's own code: how it is found by other processes, and what of it decides keys."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from w2slab.errors import DataError, StudyError
from w2slab.graph.code import class_of, code_files, identity, load_file, reference
from w2slab.objectives import CrossEntropy

MINE = """
    from dataclasses import dataclass
    import json
    import helper
    from inner.deep import deeper
    from w2slab.graph.component import Component

    @dataclass(frozen=True)
    class Mine(Component):
        size: int = helper.SIZE
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(textwrap.dedent(MINE))
    (tmp_path / "helper.py").write_text("SIZE = 1\n")
    (tmp_path / "unused.py").write_text("SIZE = 1\n")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "__init__.py").write_text("")
    (tmp_path / "inner" / "deep.py").write_text("from . import bottom\ndeeper = bottom.deepest\n")
    (tmp_path / "inner" / "bottom.py").write_text("deepest = 3\n")
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in ("helper", "inner", "inner.deep", "inner.bottom"):
        sys.modules.pop(name, None)


# "One's own code enters keys by the digest of its file and every module it imports from its own folder."
def test_a_file_counts_with_every_module_that_it_imports_from_its_own_folder(mine):
    kind = load_file(mine / "mine.py").Mine
    assert {str(path.relative_to(mine)) for path in code_files(kind)} == {
        "mine.py", "helper.py", "inner/__init__.py", "inner/deep.py", "inner/bottom.py",
    }  # fmt: skip
    assert identity(kind) == "Mine"


def test_our_own_code_counts_by_versions_and_not_by_files():
    assert code_files(CrossEntropy) == ()


def test_a_class_of_a_file_is_found_again_by_its_reference(mine):
    kind = load_file(mine / "mine.py").Mine
    assert reference(kind) == f"{mine / 'mine.py'}:Mine"
    assert class_of(reference(kind)) is kind
    assert class_of("w2slab.objectives:CrossEntropy") is CrossEntropy


def test_a_file_that_is_missing_or_fails_is_told(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.py: no such file"):
        load_file(tmp_path / "nowhere.py")
    (tmp_path / "broken.py").write_text("1 / 0\n")
    with pytest.raises(StudyError, match=r"broken\.py: cannot be imported: ZeroDivisionError"):
        load_file(tmp_path / "broken.py")


NOTEBOOK = """
import sys
from code import InteractiveInterpreter
import linecache

cells = {cells!r}
space = vars(sys.modules["__main__"])
del space["__file__"]
for number, cell in enumerate(cells):
    name = f"<cell {{number}}>"
    linecache.cache[name] = (len(cell), None, cell.splitlines(True), name)
    exec(compile(cell, name, "exec"), space)
"""
CELLS = [
    "from dataclasses import dataclass\nfrom w2slab.graph.component import Component\nSCALE = 2\nimport math\n",
    "def scaled(x):\n    return SCALE * x\n",
    "@dataclass(frozen=True)\nclass Mine(Component):\n    n: int = 1\n"
    "    def run(self, x):\n        return scaled(x) + math.pi\n",
    "from w2slab.graph.code import identity\nprint(identity(Mine))\n",
]


def identity_in_notebook(tmp_path, *changes: tuple[str, str]) -> str:
    """What a notebook's class is in keys, after changes of its cells."""
    cells = list(CELLS)
    for old, new in changes:
        cells = [cell.replace(old, new) for cell in cells]
    path = tmp_path / "notebook.py"
    path.write_text(NOTEBOOK.format(cells=cells))
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=60)
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


# "A notebook class [enters] by its source and the functions and constants it uses, and it is refused if that cannot
# be known."
def test_a_class_of_a_notebook_enters_by_its_source_and_by_what_it_uses(tmp_path):
    first = identity_in_notebook(tmp_path)
    assert first.startswith("Mine ")
    assert identity_in_notebook(tmp_path, ("import math", "import math, json")) == first
    for old, new in (
        ("SCALE = 2", "SCALE = 3"),
        ("SCALE * x", "SCALE + x"),
        ("math.pi", "math.e"),
        ("n: int = 1", "n: int = 2"),
    ):
        assert identity_in_notebook(tmp_path, (old, new)) != first
    assert "`SCALE`, a set whose content cannot be compared" in identity_in_notebook(
        tmp_path, ("SCALE = 2", "SCALE = {2}")
    )
