"""Frozen features of a model: the pass that makes them, and how they are found again by example."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from w2slab.data import artifacts
from w2slab.data.artifacts import Features
from w2slab.data.examples import Examples
from w2slab.errors import JobError
from w2slab.jobs.prepare import POOL
from w2slab.training.passes import passes
from w2slab.training.rows import rows_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from w2slab.models.network import Network
    from w2slab.training.batches import Encoded
    from w2slab.training.loop import Running


def features(
    network: Network, encoded: Encoded, row_per_example: bool, running: Running, **reading: Any
) -> NDArray[np.float32]:
    """What the network's head reads, a row per example, or one per candidate, example by example: [R, D].

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


def read_features(folder: Path, split: str, examples: Examples) -> NDArray[np.float32]:
    """The features of some examples: float32 [R, D], example by example, mapped from disk where they stand so.

    Args:
        folder: Of an `embed` job, of these examples' data or of their task's pool.
        split: Their split.
        examples: The examples.

    Raises:
        JobError: An example has no features.
    """
    stored = stored_features(folder, split)
    found = positions(stored, examples, folder)
    if len(found) == len(stored.ids) and (found == np.arange(len(found))).all():
        return stored.values
    rows: NDArray[np.float32] = stored.values[rows_of(stored.firsts[found], stored.n_rows[found])]
    return rows


def stored_features(folder: Path, split: str) -> Features:
    """The features of a split, or of the whole pool where that was embedded.

    Raises:
        JobError: There are neither.
    """
    for name in (split, POOL):
        if (folder / "features" / f"{name}.safetensors").exists():
            return artifacts.read_features(folder, name)
    raise JobError(f"{folder}: there are no features of {split}; features and examples must come from the same task")


def positions(stored: Features, examples: Examples, folder: Path) -> np.ndarray:
    """Where each example stands among those embedded, int64 [N].

    Raises:
        JobError: An example has no features, or features for other candidates.
    """
    if stored.ids == examples.ids:
        found = np.arange(len(stored.ids))
    else:
        place = {name: index for index, name in enumerate(stored.ids)}
        missing = [name for name in examples.ids if name not in place]
        if missing:
            raise JobError(
                f"{folder}: {len(missing)} of {len(examples)} examples have no features, the first is "
                f'"{missing[0]}"; features and examples must come from the same task'
            )
        found = np.array([place[name] for name in examples.ids], dtype=np.int64)
    n_rows = stored.n_rows[found]
    wrong = np.flatnonzero((n_rows != 1) & (n_rows != examples.n_candidates))
    if len(wrong):
        first = wrong[0]
        raise JobError(
            f'{folder}: example "{examples.ids[first]}" has {examples.n_candidates[first]} candidates and '
            f"{n_rows[first]} rows of features; features and examples must come from the same task"
        )
    return found
