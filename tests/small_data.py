"""Data as a job finds them, in one folder that stands for a task and its splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from w2slab.data.artifacts import read_task, write_positions, write_task
from w2slab.data.examples import Examples, TaskTable, Truth
from w2slab.data.task_data import TaskData

HIDDEN = 10**9


def data_in(folder: Path) -> TaskData:
    """What was written into a folder."""
    return TaskData(folder, folder)


def write_data(
    folder: Path, splits: Mapping[str, tuple[Examples, Sequence[Sequence[int]]]], chance: float = 0.5
) -> Path:
    """Write examples and their right candidates, by split, one split after the other."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = [examples for examples, _ in splits.values()]
    examples = Examples(pa.concat_tables([part.table for part in parts], promote_options="default"), parts[0].classes)
    right = [list(each) for _, own in splits.values() for each in own]
    write_task(folder, TaskTable("small", examples, Truth(examples.ids, right), None, {}))
    ends = np.cumsum([len(part) for part in parts])
    positions = {name: np.arange(end - len(part), end) for name, part, end in zip(splits, parts, ends, strict=True)}
    write_positions(folder, positions, {"chance": chance})
    return folder


def hide_truth(folder: Path, *, but: Sequence[str] = ()) -> None:
    """Make the ground truth of all splits but some unreadable."""
    table = read_task(folder)
    data = data_in(folder)
    kept = {int(row) for split in but for row in data.positions(split)}
    right = [own if row in kept else [HIDDEN] for row, own in enumerate(table.truth.right)]
    write_task(folder, TaskTable(table.name, table.examples, Truth(table.truth.ids, right), table.parts, table.facts))
