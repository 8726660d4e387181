"""A small toy study's jobs, each called as a worker calls it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from w2slab.data.splits import Splits
from w2slab.graph.job import JobContext
from w2slab.jobs.finetune import FinetuneSpec, finetune
from w2slab.jobs.prepare import SplitSpec, TaskSpec, split, task
from w2slab.models.linear.linear import Linear
from w2slab.objectives import CrossEntropy
from w2slab.tasks.task import Task
from w2slab.tasks.toy import Toy
from w2slab.training.recipe import Recipe

SIZES = {"supervisor_train": 200, "student_train": 200, "validation": 60, "test": 300, "reserve": 50}
NO_SPLITS = {"supervisor_train": 1, "validation": 1}
"""Sizes of splits that a test does not name; they must have one."""
RECIPE = Recipe(epochs=2, lr=0.02, curve_points=3)


class Bench:
    """Runs jobs in folders of a temporary place."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def run(self, job: Callable, spec: Any, inputs: Mapping[str, Path], name: str, **context: Any) -> Path:
        """The folder of a job's result; its facts are left in `facts`. The folder of `data` holds the task as well."""
        out = self.root / name
        out.mkdir(exist_ok=job is split)
        if "data" in inputs:
            inputs = {"task": inputs["data"], **inputs}
        made = JobContext(inputs=inputs, out=out, work=self.root / "work" / name, **context)
        self.facts = job(spec, made)
        return out

    def prepare(self, name: str = "data", *, sizes: Any = None, seed: int = 0, **fields: Any) -> Path:
        return self.data(Toy(**({"n_examples": 1000} | fields)), sizes or SIZES, name, seed)

    def data(self, row: Task, sizes: Any, name: str, seed: int = 0) -> Path:
        """A folder with a task's examples and its splits."""
        folder = self.run(task, TaskSpec(task=row), {}, name)
        facts = self.facts
        self.run(split, SplitSpec(sizes=Splits(**(NO_SPLITS | sizes)), seed=seed), {"task": folder}, name)
        self.facts = facts | self.facts
        return folder

    def spec(self, n_features: int | None = 8, **changes: Any) -> FinetuneSpec:
        values = {
            "model": Linear("small", n_features=n_features),
            "train_split": "student_train",
            "labels": "true",
            "objective": CrossEntropy(),
            "recipe": RECIPE,
            "seed": 0,
        }
        return FinetuneSpec(**(values | changes))

    def finetune(self, name: str, inputs: Mapping[str, Path], spec: FinetuneSpec | None = None, **context: Any) -> Path:
        return self.run(finetune, spec or self.spec(), inputs, name, **context)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def file_bytes(folder: Path) -> dict[str, bytes]:
    """Every file of a result."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def bytes_of() -> Callable[[Path], dict[str, bytes]]:
    return file_bytes
