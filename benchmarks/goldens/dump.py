"""One study of one tree as plain arrays, counts and tables without a key in them.

python dump.py old|new STUDY STORE OUT [SETTING ...]
"""

from __future__ import annotations

import hashlib
import importlib
import json
import math
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

MEASURED = {"seconds"}
"""Columns that differ between two runs of one tree."""


def digest(*arrays: np.ndarray) -> str:
    """Digest of the bytes, types and shapes of some arrays."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.dtype}{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:32]


class Dump:
    """Arrays by name, each content stored once; and values by name."""

    def __init__(self) -> None:
        self._contents: dict[str, np.ndarray] = {}
        self._names: dict[str, str] = {}
        self.counts: dict[str, Any] = {}
        self.tables: dict[str, Any] = {}

    def array(self, name: str, array: np.ndarray) -> None:
        """Keep an array under a name that nothing else has."""
        assert name not in self._names, f"{name} is there twice"
        self._names[name] = digest(array)
        self._contents[self._names[name]] = array

    def write(self, out: Path) -> None:
        """Write everything into a folder."""
        out.mkdir(parents=True)
        np.savez(out / "arrays.npz", **self._contents)
        (out / "arrays.json").write_text(json.dumps(self._names))
        (out / "counts.json").write_text(json.dumps(self.counts))
        (out / "tables.json").write_text(json.dumps(self.tables))


def collect(reading: Any) -> Dump:
    """Everything that is compared of one study."""
    dump = Dump()
    models: dict[int, list[tuple[str, np.ndarray]]] = {}
    seen_splits: set[str] = set()
    for identity, comparison in reading.comparisons():
        data = "|".join(("split", identity[0], identity[-1]))
        if data not in seen_splits:
            seen_splits.add(data)
            for name, array in reading.splits(comparison):
                dump.array(f"{data}|{name}", array)
        for role, job in reading.models(comparison):
            name = "|".join((*identity, role))
            for what, array in models.setdefault(id(job), list(_of_model(reading, job))):
                dump.array(f"{name}|{what}", array)
            if not role.startswith("student's"):
                dump.counts[name] = reading.counts(job)
    for kind, arrays in _every_job(reading).items():
        dump.array(f"every {kind}", np.array(sorted(arrays.elements())))
    for name, frame in reading.tables():
        if name == "predictions":
            for column in frame.columns:
                dump.array(f"predictions|{column}", _exact(frame[column]))
        else:
            columns = [column for column in frame.columns if column not in MEASURED]
            dump.tables[name] = {column: _plain(frame[column].tolist()) for column in columns}
    return dump


def _of_model(reading: Any, job: Any) -> Any:
    """Yield the results of a job that are compared, each with its name."""
    for split, ids, probs in reading.predictions(job):
        yield f"{split}|ids", ids
        yield f"{split}|probs", probs
    for split, ids, weights in reading.weights(job):
        yield f"{split}|weighted ids", ids
        yield f"{split}|weights", weights
    curve = reading.curve(job)
    for column in curve[0] if curve else ():
        yield f"curve|{column}", np.array([row[column] for row in curve], dtype=np.float64)


def _every_job(reading: Any) -> dict[str, Counter[str]]:
    """Digests of what all jobs leave, by kind of job and split: also of those that are no model of a comparison."""
    found: dict[str, Counter[str]] = {}
    for kind, job in reading.jobs():
        for split, ids, probs in reading.predictions(job):
            found.setdefault(f"{kind}|{split}", Counter())[digest(ids, probs)] += 1
        for split, ids, weights in reading.weights(job):
            found.setdefault(f"{kind}|weights {split}", Counter())[digest(ids, weights)] += 1
    return found


def _exact(column: Any) -> np.ndarray:
    values = column.to_numpy()
    return values if values.dtype.kind in "biuf" else np.array([str(value) for value in values])


def _plain(value: Any) -> Any:
    """A value as JSON: undefined numbers and what is missing are null."""
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return value if isinstance(value, str | int | float | bool) else str(value)


def main() -> None:
    """Dump the study that the command line names."""
    side, study, store, out, *settings = sys.argv[1:]
    module = importlib.import_module(f"reading_{side}")
    collect(module.Reading(Path(study), Path(store), settings)).write(Path(out))


if __name__ == "__main__":
    main()
