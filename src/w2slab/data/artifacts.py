"""What jobs leave on disk, and how it is read again: splits, true labels, predictions, curves.

prepare/   {split}.parquet        examples without labels     {split}.truth.parquet   their true labels
           prepared.json          classes and counts
finetune/  predictions/{split}.parquet    at the recipe's stopping point, for every split but supervisor_train
           stopping/{point}.parquet       test predictions at `last`, `weak-labels`, `true-labels`
           curve.json                     one row per curve point
           checkpoint/                    weights, where another job reads them
relabel/   predictions/{split}.parquet    for student_train and validation (and reserve)
           weights/{split}.parquet        what each example counts, where the relabeling says so
reweight/, bootstrap/   weights/{split}.parquet
combine/, corrupt/, label-file/   predictions/{split}.parquet   for every split but supervisor_train
probe/, prompt/   predictions/{split}.parquet    for every split but supervisor_train
pool/      pool.parquet, prepared.json    all examples of a task, without labels
embed/     features/{split}.safetensors   float32 [R, D], and features/{split}.parquet, how many rows each example has
head/      as finetune/, without a checkpoint
generative/   base/               a language model as a Hugging Face folder
own-labels/  student_train.parquet, predictions/student_train.parquet   a user's texts and their labels
             votes.parquet      the single votes, where several annotators gave them
             reserve.parquet    texts without labels
fold/      student_train, validation, reserve (what is kept from the student), and predictions of each
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from w2slab.data.examples import Examples, Truth
from w2slab.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

STOPPING_POINTS = ("last", "weak-labels", "true-labels")


@dataclass(frozen=True)
class Predictions:
    """Probabilities over the candidates of each example.

    Args:
        ids: Stable names of the examples.
        probs: float32 [N, K]; each row sums to one over its own candidates and is 0 beyond them.
        n_candidates: int64 [N].
    """

    ids: list[str]
    probs: np.ndarray
    n_candidates: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def choices(self) -> np.ndarray:
        """The likeliest candidate of each example, the first of equals: int64 [N]."""
        return self.probs.argmax(axis=1)


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
        return pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"{path}: cannot be read as Parquet: {error}") from None


def _ragged(rows: np.ndarray, lengths: np.ndarray) -> pa.ListArray:
    """The first `lengths[i]` values of each row, as an Arrow list column."""
    import pyarrow as pa

    kept = np.arange(rows.shape[1]) < lengths[:, None]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(rows[kept]))


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Write one row of probabilities per example."""
    import pyarrow as pa

    probs = _ragged(predictions.probs.astype(np.float32), predictions.n_candidates)
    _write_table(path, {"id": pa.array(predictions.ids, pa.string()), "probs": probs}, repeats=False)


def read_predictions(path: Path) -> Predictions:
    """Read what `write_predictions` wrote."""
    table = read_table(path).combine_chunks()
    lists = table.column("probs").combine_chunks()
    offsets = lists.offsets.to_numpy()
    lengths = np.diff(offsets).astype(np.int64)
    probs = np.zeros((len(lengths), int(lengths.max(initial=0))), dtype=np.float32)
    probs[np.arange(probs.shape[1]) < lengths[:, None]] = lists.values.to_numpy()[offsets[0] : offsets[-1]]
    return Predictions(table.column("id").to_pylist(), probs, lengths)


def write_weights(folder: Path, split: str, ids: list[str], weights: np.ndarray) -> None:
    """Write what each example of a split counts: weights [N], 0 or more; one of weight 0 is left out."""
    import pyarrow as pa

    columns = {"id": pa.array(ids, pa.string()), "weight": pa.array(weights.astype(np.float32))}
    _write_table(folder / "weights" / f"{split}.parquet", columns)


def read_weights(folder: Path, split: str) -> tuple[list[str], np.ndarray]:
    """Read what `write_weights` wrote: ids and float32 [N]."""
    table = read_table(folder / "weights" / f"{split}.parquet")
    return table.column("id").to_pylist(), table.column("weight").to_numpy()


def write_examples(folder: Path, split: str, examples: Examples) -> None:
    """Write the examples of a split."""
    _write_table(folder / f"{split}.parquet", {n: examples.table.column(n) for n in examples.table.column_names})


def write_split(folder: Path, split: str, examples: Examples, truth: Truth) -> None:
    """Write the examples of a split and, apart from them, their true labels."""
    import pyarrow as pa

    write_examples(folder, split, examples)
    right = pa.array(truth.right, pa.list_(pa.int32()))
    _write_table(folder / f"{split}.truth.parquet", {"id": pa.array(truth.ids, pa.string()), "right": right})


def write_prepared(folder: Path, facts: dict[str, Any]) -> None:
    """Write `prepared.json`; `facts["classes"]` is the list of classes, or null where candidates differ."""
    (folder / "prepared.json").write_text(json.dumps(facts, indent=1, sort_keys=True))


def read_prepared(folder: Path) -> dict[str, Any]:
    """Read what `write_prepared` wrote."""
    return json.loads((folder / "prepared.json").read_text())


def read_examples(folder: Path, split: str) -> Examples:
    """The examples of a split, without their labels."""
    classes = read_prepared(folder)["classes"]
    return Examples(read_table(folder / f"{split}.parquet"), None if classes is None else tuple(classes))


def read_truth(folder: Path, split: str) -> Truth:
    """The true labels of a split."""
    table = read_table(folder / f"{split}.truth.parquet")
    return Truth(table.column("id").to_pylist(), table.column("right").to_pylist())


@dataclass(frozen=True)
class Features:
    """Frozen features of a split's examples.

    Args:
        ids: Stable names of the examples.
        n_rows: How many rows each of them has, int64 [N]: one, or one for each of its candidates.
        values: float32 [R, D], example by example; mapped from disk.
    """

    ids: list[str]
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

    columns = {"id": pa.array(features.ids, pa.string()), "n_rows": pa.array(features.n_rows.astype(np.int32))}
    _write_table(folder / "features" / f"{split}.parquet", columns)
    path = folder / "features" / f"{split}.safetensors"
    save_file({"features": np.ascontiguousarray(features.values, dtype=np.float32)}, path)
    path.chmod(0o644)  # safetensors lets nobody but the owner read


def read_features(folder: Path, split: str) -> Features:
    """Read what `write_features` wrote; the values are mapped from disk, not read.

    Raises:
        DataError: The file is missing or malformed.
    """
    table = read_table(folder / "features" / f"{split}.parquet")
    values = _mapped(folder / "features" / f"{split}.safetensors", "features")
    return Features(table.column("id").to_pylist(), table.column("n_rows").to_numpy().astype(np.int64), values)


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
            labels, weak ones for a student) and `test_accuracy` (on true labels).
    """
    (folder / "curve.json").write_text(json.dumps(rows, indent=1))


def read_curve(folder: Path) -> list[dict[str, float]]:
    """Read what `write_curve` wrote; empty where no curve was asked for."""
    path = folder / "curve.json"
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
    _write_table(folder / "votes.parquet", columns)


def read_votes(folder: Path) -> tuple[list[str], np.ndarray] | None:
    """Read what `write_votes` wrote; `None` where there were no single votes."""
    path = folder / "votes.parquet"
    if not path.exists():
        return None
    table = read_table(path)
    return table.column_names, np.stack([column.to_numpy() for column in table.columns]).astype(np.int64)
