"""The notebook in `examples/` runs as it stands, and what is stored in it is what comes out.

python tests/test_notebook.py [NOTEBOOK]     execute it anew, outputs in
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.docs

EXAMPLES = Path(__file__).parents[1] / "examples"
NOTEBOOK = EXAMPLES / "frames.ipynb"
MOST_BYTES = 400_000


def execute(path: Path) -> None:
    """Run a notebook in its own folder and store what comes out, without times or the name of the interpreter."""
    import nbformat
    from nbclient import NotebookClient

    book = nbformat.read(path, 4)
    client = NotebookClient(
        book,
        timeout=120,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute()
    book.metadata["language_info"] = {"name": "python"}
    nbformat.write(book, path)


def cells(path: Path, tag: str) -> list[dict[str, Any]]:
    return [c for c in json.loads(path.read_text())["cells"] if tag in c["metadata"].get("tags", [])]


def output(cell: dict[str, Any], kind: str) -> str:
    """What a cell printed, or showed as this MIME type."""
    parts = [o.get("text") if kind == "stream" else o.get("data", {}).get(kind) for o in cell["outputs"]]
    return "".join("".join(part) for part in parts if part)


def numbers(cell: dict[str, Any]) -> list[float]:
    text = output(cell, "stream") or output(cell, "text/plain")
    return [float(number) for number in re.findall(r"-?\d+\.\d+", text)]


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    # In a process of its own: what jupyter's packages warn of is not ours.
    folder = tmp_path_factory.mktemp("notebook")
    for name in (NOTEBOOK.name, "toy.yaml"):
        shutil.copy(EXAMPLES / name, folder / name)
    path = folder / NOTEBOOK.name
    environment = {k: v for k, v in os.environ.items() if k != "MPLBACKEND"}
    environment |= {"OMP_NUM_THREADS": "1", "IPYTHONDIR": str(folder)}
    done = subprocess.run(
        [sys.executable, __file__, path], capture_output=True, text=True, timeout=200, env=environment
    )
    assert done.returncode == 0, done.stderr
    return path


# "a notebook in `examples/` (executed in the tests) reproduces a report's figures from the frames"
def test_it_runs_and_draws_every_figure(executed):
    figures = cells(executed, "figure")
    assert len(figures) == 4
    assert all(output(cell, "image/png") for cell in figures)


def test_numbers_by_hand_are_those_of_the_report(executed):
    by_hand, reported = map(numbers, cells(executed, "by-hand"))
    assert reported[0] == by_hand[0]
    width = reported[2] - reported[1]
    assert reported[1:] == pytest.approx(by_hand[1:], abs=0.1 * width + 0.01)  # as printed, with two digits


def test_what_is_stored_is_what_comes_out(executed):
    for tag in ("summary", "by-hand"):
        for stored, new in zip(cells(NOTEBOOK, tag), cells(executed, tag), strict=True):
            assert numbers(stored)
            assert numbers(stored) == pytest.approx(numbers(new), abs=0.02)


def test_what_is_stored_is_small_and_says_nothing_of_a_machine():
    text = NOTEBOOK.read_text()
    assert len(text) < MOST_BYTES
    book = json.loads(text)
    code = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    for cell in code:
        assert set(cell["metadata"]) <= {"tags"}
        for part in cell["outputs"]:
            assert part["output_type"] in ("execute_result", "display_data", "stream")
            assert part.get("name", "stdout") == "stdout"
            words = json.dumps(
                {k: v for k, v in part.get("data", {}).items() if k != "image/png"} | {"": part.get("text")}
            )
            assert not re.search(r"/(home|root|tmp|work|Users|usr)/|[A-Z]:\\\\|\d\d:\d\d", words)
    assert set(book["metadata"]) == {"kernelspec", "language_info"}


if __name__ == "__main__":
    execute(Path(sys.argv[1] if len(sys.argv) > 1 else NOTEBOOK).resolve())
