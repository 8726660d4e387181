"""Frozen features of a model: the pass that makes them, and how they are read again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from w2slab.data import artifacts, layout
from w2slab.data.artifacts import Features
from w2slab.data.labels import rows_at
from w2slab.data.task_data import TaskData
from w2slab.errors import JobError
from w2slab.training.passes import passes
from w2slab.training.rows import rows_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from w2slab.models.network import Network
    from w2slab.training.batches import Encoded
    from w2slab.training.loop import Running

WHOLE = "whole"
"""Stands for a split where all examples of a task were embedded."""


def features(
    network: Network, encoded: Encoded, row_per_example: bool, running: Running, **reading: Any
) -> NDArray[np.float32]:
    """Return the input of the network's head, a row per example or per candidate, example by example: [R, D].

    Args:
        network: Has features.
        encoded: The examples.
        row_per_example: Whether an example has one row, or one for each of its candidates.
        running: Where the network is, and how many examples go through it at a time.
        reading: What else to tell the network: `readout`, `layer`.

    Raises:
        JobError: A feature is not finite, or there are not as many rows.
    """
    import torch

    counts = np.ones(len(encoded), dtype=np.int64) if row_per_example else encoded.n_candidates
    firsts = np.cumsum(counts) - counts
    found: NDArray[np.float32] = np.empty((0, 0), dtype=np.float32)

    def read(indices: np.ndarray) -> None:
        nonlocal found
        with running.placement.autocast():
            batch = network.features(**running.placement.to_device(encoded.batch(indices)), **reading)
        rows = rows_of(firsts[indices], counts[indices])
        if len(batch) != len(rows):
            raise JobError(f"the network gave {len(batch)} rows of features where {len(rows)} are wanted")
        found = found if found.size else np.full((int(counts.sum()), batch.shape[1]), np.nan, dtype=np.float32)
        found[rows] = batch.float().cpu().numpy()

    with torch.no_grad():
        passes(encoded.lengths, running.prediction_batch, running.placement, read)
    if not np.isfinite(found).all():
        raise JobError("the network's features are not finite")
    return found


def read_features(folder: Path, data: TaskData, split: str) -> NDArray[np.float32]:
    """Return the features of a split: float32 [R, D], example by example, mapped from disk where they stand so.

    Args:
        folder: Of an `embed` job, of these splits or of the whole task.
        data: The task's.
        split: The split.

    Raises:
        JobError: An example has no features.
    """
    stored = stored_features(folder, split)
    found = places(stored, data, split, folder)
    if len(found) == len(stored.positions) and (found == np.arange(len(found))).all():
        return stored.values
    rows: NDArray[np.float32] = stored.values[rows_of(stored.firsts[found], stored.n_rows[found])]
    return rows


def stored_features(folder: Path, split: str) -> Features:
    """Return the features of a split, or of the whole task where that was embedded.

    Raises:
        JobError: There are neither.
    """
    for name in (split, WHOLE):
        if layout.features(folder, name).exists():
            return artifacts.read_features(folder, name)
    raise JobError(f"{folder}: there are no features of {split}; features and examples must come from the same task")


def places(stored: Features, data: TaskData, split: str, folder: Path) -> np.ndarray:
    """Return the place of each example of a split among those embedded, int64 [N].

    Raises:
        JobError: An example has no features, or features for other candidates.
    """
    examples = data.examples(split)
    try:
        rows = rows_at(stored.positions, data.positions(split), "feature")
    except JobError as error:
        raise JobError(f"{folder}: {error}") from None
    found = np.arange(len(examples)) if rows is None else rows
    n_rows = stored.n_rows[found]
    wrong = np.flatnonzero((n_rows != 1) & (n_rows != examples.n_candidates))
    if len(wrong):
        first = wrong[0]
        raise JobError(
            f'{folder}: example "{examples.ids[first]}" has {examples.n_candidates[first]} candidates and '
            f"{n_rows[first]} rows of features; features and examples must come from the same task"
        )
    return found
