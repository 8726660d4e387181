"""A method written in a notebook: it runs in the kernel's process, and a sentence says why workers cannot have it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tests.page import write_files

pytestmark = pytest.mark.docs

METHOD = """\
from dataclasses import dataclass
import w2slab as w2s

SHARE = 0.5

@dataclass(frozen=True)
class Twice(w2s.methods.Method):
    "The student labels its examples again."
    times: int = 2
    def student(self, trial, weak, strong, labels):
        for _ in range(self.times):
            labels = trial.finetune(strong, labels=labels)
        return labels

@dataclass(frozen=True)
class Shrunk(w2s.objectives.Objective):
    "Cross entropy, smaller."
    def __call__(self, logits, targets, progress, statistic):
        return -SHARE * (targets * logits.log_softmax(dim=-1)).sum(dim=-1)
"""
STUDY = """\
from sharpened import Sharpened
study = w2s.Study(
    name="typed-in",
    tasks=[w2s.tasks.Toy(n_examples=800)],
    ladder=[w2s.models.Linear("small", n_features=2), w2s.models.Linear("large", n_features=8)],
    methods=[w2s.methods.Naive(), Twice(), w2s.methods.Composed(objective=Shrunk(), relabelings=(Sharpened(),))],
    splits=w2s.Splits(supervisor_train=100, student_train=100, validation=20, test=100),
    recipe=w2s.Recipe(epochs=1, curve_points=0),
)
"""
RUN = """\
run = w2s.run(study, 'store', executor=w2s.executors.Inline())
print(len(run.outcome.done), run.outcome.exit_code)
"""
WORKERS = """\
try:
    w2s.run(study, "other", executor=w2s.executors.Processes(1))
except w2s.UnavailableError as error:
    print(error)
"""
CHANGED = "SHARE = 0.25\nrun = w2s.run(study, 'store', executor=w2s.executors.Inline()); print(len(run.outcome.done))"

EXECUTE = """
import sys, nbformat
from nbclient import NotebookClient
book = nbformat.read(sys.argv[1], 4)
NotebookClient(book, timeout=120, kernel_name="python3").execute()
nbformat.write(book, sys.argv[1])
"""


def test_a_method_and_an_objective_of_a_notebook(tmp_path: Path):
    write_files(tmp_path)
    book = nbformat.v4.new_notebook()
    book.cells = [nbformat.v4.new_code_cell(cell) for cell in (METHOD, STUDY, RUN, WORKERS, CHANGED)]
    path = tmp_path / "notebook.ipynb"
    nbformat.write(book, path)
    done = subprocess.run(
        [sys.executable, "-c", EXECUTE, path], cwd=tmp_path, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said = [
        "".join(o.get("text", "") for o in cell.outputs if o.get("name") == "stdout")
        for cell in nbformat.read(path, 4).cells
    ]
    assert said[2].strip() == "8 0"  # two of data, supervisor, ceiling, four students and a relabeling
    assert "is defined in a notebook or inside a function, and worker processes cannot import it" in said[3]
    assert not (tmp_path / "other" / "objects").exists()
    assert said[4].strip() == "1"  # what the objective uses has changed: its student is made again
