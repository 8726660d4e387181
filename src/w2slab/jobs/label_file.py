"""A file of labels by example id -> the predictions of a supervisor."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from w2slab.data.artifacts import write_predictions
from w2slab.data.layout import UNSEEN_BY_SUPERVISOR
from w2slab.data.readers.annotations import read_task_labels
from w2slab.data.task_data import TaskData
from w2slab.graph.component import NOT_IN_KEY
from w2slab.graph.job import JobContext
from w2slab.jobs.spec import Spec


@dataclass(frozen=True, kw_only=True)
class LabelFileSpec(Spec):
    """A file of labels by example id -> the predictions of a supervisor.

    Inputs: `task`, of whose examples the file may label any, and `data`.

    Args:
        path: The file.
    """

    KIND: ClassVar[str] = "label-file"
    VERSION: ClassVar[int] = 1
    RUN: ClassVar[str] = "w2slab.jobs.label_file:label_file"

    path: Path = field(metadata=NOT_IN_KEY)

    def files(self) -> tuple[Path, ...]:
        """Return the file of labels."""
        return (self.path,)


def label_file(spec: LabelFileSpec, context: JobContext) -> dict[str, Any]:
    """Write the file's labels as predictions of every split that a supervisor predicts.

    Votes become shares. The file may label more of the task than these splits hold.

    Raises:
        DataError: A row is malformed, or names no example of the task; or an example of these splits has no label.
    """
    data = TaskData.of(context.inputs)
    given = read_task_labels(spec.path, data.all_examples)
    splits = {split: data.positions(split) for split in UNSEEN_BY_SUPERVISOR if data.has(split)}
    for split, labels in given.of(splits).items():
        write_predictions(context.out, split, labels)
    return {
        "n_examples": {split: len(positions) for split, positions in splits.items()},
        "n_labelled": len(given.labels),
        "n_annotators": len(given.annotators),
    }
