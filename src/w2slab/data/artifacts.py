"""Reading and writing of what jobs leave in their folders; `layout` says where each file is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from w2slab.data import layout
from w2slab.data.examples import Examples, TaskTable, Truth
from w2slab.data.labels import Labels, Weights
from w2slab.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa


def _write_table(path: Path, columns: dict[str, Any], *, repeats: bool = True) -> None:
    """Write columns as Parquet; where values do not repeat, a dictionary of them costs space and most of the time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, compression="zstd", use_dictionary=repeats)


def read_table(path: Path) -> pa.Table:
    """A Parquet file as an Arrow table.

    Raises:
        DataError: The file is missing or is not a Parquet file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # One file read in this thread: a quarter of the time of a data set of one file.
        with pq.ParquetFile(path) as file:
            return file.read(use_threads=False)
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"{path}: cannot be read as Parquet: {error}") from None


def _ragged(rows: np.ndarray, lengths: np.ndarray) -> pa.ListArray:
    """The first `lengths[i]` values of each row, as an Arrow list column."""
    import pyarrow as pa

    kept = np.arange(rows.shape[1]) < lengths[:, None]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(rows[kept]))


# --- tasks and splits -------------------------------------------------------------------------------------------------


def write_task(folder: Path, table: TaskTable) -> None:
    """Write the examples of a task and, apart from them, their ground truth."""
    import pyarrow as pa

    write_examples(folder, table.examples, {"name": table.name, **table.facts})
    right = pa.array(table.truth.right, pa.list_(pa.int32()))
    _write_table(layout.truth(folder), {"id": pa.array(table.truth.ids, pa.string()), "right": right})
    if table.parts is not None:
        _write_table(layout.parts(folder), {"part": pa.array(table.parts.tolist(), pa.string())})


def write_examples(folder: Path, examples: Examples, facts: dict[str, Any]) -> None:
    """Write examples without any ground truth, and facts, to which the classes are added."""
    table = examples.table
    _write_table(layout.examples(folder), {name: table.column(name) for name in table.column_names})
    classes = None if examples.classes is None else list(examples.classes)
    _write_json(layout.task_facts(folder), facts | {"classes": classes})


def read_task(folder: Path) -> TaskTable:
    """Read what `write_task` wrote."""
    facts, path = read_task_facts(folder), layout.parts(folder)
    parts = np.array(read_table(path).column("part").to_pylist()) if path.exists() else None
    return TaskTable(facts["name"], read_examples(folder), read_truth(folder), parts, facts)


def read_task_facts(folder: Path) -> dict[str, Any]:
    """Read the classes and counts of a task."""
    return _read_json(layout.task_facts(folder))


def read_examples(folder: Path) -> Examples:
    """Read the examples of a task, without their labels."""
    classes = read_task_facts(folder)["classes"]
    return Examples(read_table(layout.examples(folder)), None if classes is None else tuple(classes))


def read_truth(folder: Path) -> Truth:
    """Read the ground truth of a task."""
    table = read_table(layout.truth(folder))
    return Truth(table.column("id").to_pylist(), table.column("right").to_pylist())


def write_positions(folder: Path, splits: Mapping[str, np.ndarray], facts: dict[str, Any]) -> None:
    """Write which rows of the task's table each split holds, in order, and facts of the splits."""
    import pyarrow as pa

    names = [name for name, rows in splits.items() for _ in range(len(rows))]
    rows = np.concatenate([np.zeros(0, dtype=np.int64), *splits.values()])
    columns = {"split": pa.array(names, pa.string()), "position": pa.array(rows.astype(np.int64))}
    _write_table(layout.positions(folder), columns)
    _write_json(layout.split_facts(folder), facts)


def read_positions(folder: Path) -> dict[str, np.ndarray]:
    """Read which rows of the task's table each split holds: int64 [N], by split."""
    table = read_table(layout.positions(folder))
    names = np.array(table.column("split").to_pylist(), dtype=object)
    rows = table.column("position").to_numpy()
    return {name: rows[names == name] for name in dict.fromkeys(names.tolist())}


def read_split_facts(folder: Path) -> dict[str, Any]:
    """Read counts and chance of a task's splits."""
    return _read_json(layout.split_facts(folder))


# --- labels and weights -----------------------------------------------------------------------------------------------


def write_predictions(folder: Path, split: str, labels: Labels) -> None:
    """Write the labels that a job gives to a split."""
    _write_labels(layout.predictions(folder, split), labels)


def has_predictions(folder: Path, split: str) -> bool:
    """Return true if a job gave labels to a split."""
    return layout.predictions(folder, split).exists()


def read_predictions(folder: Path, split: str) -> Labels:
    """Read the labels that a job gave to a split."""
    return _read_labels(layout.predictions(folder, split))


def write_stopping(folder: Path, point: str, labels: Labels) -> None:
    """Write test predictions at a stopping point."""
    _write_labels(layout.stopping(folder, point), labels)


def stopping_points(folder: Path) -> tuple[str, ...]:
    """Return the stopping points at which a training left test predictions."""
    return tuple(point for point in layout.STOPPING_POINTS if layout.stopping(folder, point).exists())


def read_stopping(folder: Path, point: str) -> Labels:
    """Read test predictions at a stopping point."""
    return _read_labels(layout.stopping(folder, point))


def _write_labels(path: Path, labels: Labels) -> None:
    import pyarrow as pa

    probs = _ragged(labels.probs.astype(np.float32), labels.n_candidates)
    _write_table(path, {"position": pa.array(labels.positions), "probs": probs}, repeats=False)


def _read_labels(path: Path) -> Labels:
    table = read_table(path).combine_chunks()
    lists = table.column("probs").combine_chunks()
    offsets = lists.offsets.to_numpy()
    lengths = np.diff(offsets).astype(np.int64)
    probs = np.zeros((len(lengths), int(lengths.max(initial=0))), dtype=np.float32)
    probs[np.arange(probs.shape[1]) < lengths[:, None]] = lists.values.to_numpy()[offsets[0] : offsets[-1]]
    return Labels(table.column("position").to_numpy(), probs, lengths)


def write_weights(folder: Path, split: str, weights: Weights) -> None:
    """Write what each example of a split counts."""
    import pyarrow as pa

    columns = {"position": pa.array(weights.positions), "weight": pa.array(weights.values.astype(np.float32))}
    _write_table(layout.weights(folder, split), columns)


def read_weights(folder: Path, split: str) -> Weights | None:
    """Read what each example of a split counts; `None` where a job left no weights of it."""
    path = layout.weights(folder, split)
    if not path.exists():
        return None
    table = read_table(path)
    return Weights(table.column("position").to_numpy(), table.column("weight").to_numpy())


# --- features ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Features:
    """Frozen features of some examples.

    Args:
        positions: Rows of the task's table, int64 [N].
        n_rows: How many rows each example has, int64 [N]: one, or one for each of its candidates.
        values: float32 [R, D], example by example; mapped from disk.
    """

    positions: np.ndarray
    n_rows: np.ndarray
    values: np.ndarray

    @cached_property
    def firsts(self) -> np.ndarray:
        """The first row of each example, int64 [N]."""
        firsts: np.ndarray = np.cumsum(self.n_rows) - self.n_rows
        return firsts


def write_features(folder: Path, split: str, features: Features) -> None:
    """Write the features of a split."""
    import pyarrow as pa
    from safetensors.numpy import save_file

    columns = {"position": pa.array(features.positions), "n_rows": pa.array(features.n_rows.astype(np.int32))}
    _write_table(layout.feature_rows(folder, split), columns)
    path = layout.features(folder, split)
    save_file({"features": np.ascontiguousarray(features.values, dtype=np.float32)}, path)
    path.chmod(0o644)  # safetensors lets nobody but the owner read


def read_features(folder: Path, split: str) -> Features:
    """Read what `write_features` wrote; the values are mapped from disk, not read.

    Raises:
        DataError: The file is missing or malformed.
    """
    table = read_table(layout.feature_rows(folder, split))
    values = _mapped(layout.features(folder, split), "features")
    return Features(table.column("position").to_numpy(), table.column("n_rows").to_numpy().astype(np.int64), values)


def _mapped(path: Path, name: str) -> np.ndarray:
    """A float32 tensor of a safetensors file: eight bytes of length, as much JSON, then the numbers."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            entry = json.loads(file.read(length))[name]
        if entry["dtype"] != "F32":
            raise ValueError(f"{name} is of type {entry['dtype']}, not F32")
        offset, shape = 8 + length + entry["data_offsets"][0], tuple(entry["shape"])
        return (
            np.memmap(path, dtype="<f4", mode="r", offset=offset, shape=shape) if all(shape) else np.zeros(shape, "f4")
        )
    except (OSError, ValueError, KeyError, TypeError, OverflowError, MemoryError) as error:
        raise DataError(f"{path}: cannot be read as features: {error}; delete the folder to make it again") from None


def write_curve(folder: Path, rows: list[dict[str, float]]) -> None:
    """Write `curve.json`, one row per point.

    Args:
        folder: The job's folder.
        rows: `step`, `progress` in (0, 1], `loss` (mean since the last point), `validation_accuracy` (on validation
            labels, weak ones for a student) and `test_accuracy` (on the ground truth).
    """
    layout.curve(folder).write_text(json.dumps(rows, indent=1))


def read_curve(folder: Path) -> list[dict[str, float]]:
    """Read what `write_curve` wrote; empty where no curve was asked for."""
    path = layout.curve(folder)
    return json.loads(path.read_text()) if path.exists() else []


def write_votes(folder: Path, annotators: list[str], votes: np.ndarray) -> None:
    """Write `votes.parquet`: a column per annotator.

    Args:
        folder: The job's folder.
        annotators: Names, A of them.
        votes: Class or candidate that each gave, int [A, N]; -1 where it gave none.
    """
    import pyarrow as pa

    columns = {name: pa.array(row.astype(np.int32)) for name, row in zip(annotators, votes, strict=True)}
    _write_table(layout.votes(folder), columns)


def read_votes(folder: Path) -> tuple[list[str], np.ndarray] | None:
    """Read what `write_votes` wrote; `None` where there were no single votes."""
    path = layout.votes(folder)
    if not path.exists():
        return None
    table = read_table(path)
    return table.column_names, np.stack([column.to_numpy() for column in table.columns]).astype(np.int64)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1, sort_keys=True))


def _read_json(path: Path) -> dict[str, Any]:
    """A file of facts as JSON.

    Raises:
        DataError: It is missing or is no JSON.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text())
        return content
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from None
