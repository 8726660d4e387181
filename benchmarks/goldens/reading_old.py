"""The one place that knows the insides of the old tree: its models' predictions and labels, its tables.

Runs with the old tree on the import path, as `dump.py old ...`; `reading_new.py` is the same for the new tree.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

TABLES = (
    "rows", "summary", "differences", "over_tasks", "calibration", "reliability", "anatomy", "diagnostics", "slices",
    "ceilings",
)  # fmt: skip
COUNTS = ("n_examples", "steps", "n_parameters", "n_trainable", "chance", "notes")
SPLITS = ("supervisor_train", "student_train", "validation", "test", "reserve")


class Reading:
    """A study of the old tree and what its store holds."""

    def __init__(self, study: Path, store: Path, settings: Sequence[str]) -> None:
        import w2slab
        from w2slab.graph.store import Store

        loaded = w2slab.load_study(study, list(settings))
        self._plan = w2slab.plan(loaded)
        self._store = Store(store)
        self._results = w2slab.load_results(loaded, store)
        assert not self._results.missing, f"{len(self._results.missing)} comparisons are not done"

    def tables(self) -> Iterator[tuple[str, Any]]:
        """Each table of the results by name, as a pandas frame."""
        for name in TABLES:
            yield name, self._results.frame(name)
        yield "predictions", self._results.predictions()

    def comparisons(self) -> Iterator[tuple[tuple[str, ...], Any]]:
        """Identity of each student (task, weak, strong, method, control, seed), and its comparison."""
        for c in self._plan.comparisons:
            yield (c.task, c.weak, c.strong, c.method, str(c.control), str(c.seed)), c

    def splits(self, comparison: Any) -> Iterator[tuple[str, np.ndarray]]:
        """Ids of each split, and their right candidates, each list of them as text."""
        folder = self._folder(comparison.data)
        for split in SPLITS:
            path = folder / f"{split}.truth.parquet"
            if path.exists():
                table = pq.read_table(path)
                yield f"{split} ids", _texts(table.column("id").to_pylist())
                yield f"{split} truth", _texts(json.dumps(right) for right in table.column("right").to_pylist())

    def models(self, comparison: Any) -> Iterator[tuple[str, Any]]:
        """Role and job of the models of a comparison, and of the labels and weights of its student."""
        for role in ("supervisor", "student", "ceiling"):
            yield role, getattr(comparison, role)
        for name in ("labels", "weights"):
            if name in comparison.student.inputs:
                yield f"student's {name}", comparison.student.inputs[name]

    def jobs(self) -> Iterator[tuple[str, Any]]:
        """Kind and job of everything in the plan."""
        for job in self._plan.graph:
            yield job.kind, job

    def predictions(self, job: Any) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        """Predictions of a job: split, or `stopped` and the stopping point; ids [N]; probabilities, float32 [N, K]."""
        folder = self._folder(job)
        for kind, said in (("predictions", ""), ("stopping", "stopped ")):
            for path in sorted((folder / kind).glob("*.parquet")):
                table = pq.read_table(path)
                yield said + path.stem, _texts(table.column("id").to_pylist()), _padded(table.column("probs"))

    def weights(self, job: Any) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        """Weights of examples that a job leaves: split, ids, float32 [N]."""
        for path in sorted((self._folder(job) / "weights").glob("*.parquet")):
            table = pq.read_table(path)
            yield path.stem, _texts(table.column("id").to_pylist()), table.column("weight").to_numpy()

    def curve(self, job: Any) -> list[dict[str, float]]:
        """The learning curve of a job, a row per point."""
        path = self._folder(job) / "curve.json"
        return json.loads(path.read_text()) if path.exists() else []

    def counts(self, job: Any) -> dict[str, Any]:
        """Counts that a job has noted, and where it was stopped."""
        facts = self._store.record(job.key).get("facts") or {}
        recipe = getattr(job.spec, "recipe", None)
        stop_at = {} if recipe is None else {"stop_at": recipe.stop_at}
        return {name: facts[name] for name in COUNTS if name in facts} | stop_at

    def _folder(self, job: Any) -> Path:
        return self._store.folder(job.key)


def _texts(values: Any) -> np.ndarray:
    return np.array(list(values), dtype=str)


def _padded(column: Any) -> np.ndarray:
    """Lists of unequal length as rows of an array; -1 beyond their end, so that lengths are compared as well."""
    rows = [np.asarray(row, dtype=np.float32) for row in column.to_pylist()]
    padded = np.full((len(rows), max(map(len, rows), default=0)), -1, dtype=np.float32)
    for row, values in zip(padded, rows, strict=True):
        row[: len(values)] = values
    return padded
