"""A file of labels by example id -> the predictions of a supervisor."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from w2slab.data.artifacts import Predictions, read_examples, write_predictions
from w2slab.data.splits import UNSEEN_BY_SUPERVISOR
from w2slab.graph.component import NOT_IN_KEY
from w2slab.graph.job import JobContext
from w2slab.jobs.prepare import POOL
from w2slab.jobs.spec import Spec
from w2slab.tasks.text.task_labels import read_task_labels


@dataclass(frozen=True, kw_only=True)
class LabelFileSpec(Spec):
    """A file of labels by example id -> the predictions of a supervisor.

    Inputs: `data`; and `pool`, all examples of the task, which the file may label.

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
    data = context.inputs["data"]
    labels = read_task_labels(spec.path, read_examples(context.inputs["pool"], POOL))
    splits = [split for split in UNSEEN_BY_SUPERVISOR if (data / f"{split}.parquet").exists()]
    examples = {split: read_examples(data, split) for split in splits}
    found = labels.of({split: each.ids for split, each in examples.items()})
    for split, each in examples.items():
        probs = found[split][:, : int(each.n_candidates.max(initial=0))]
        path = context.out / "predictions" / f"{split}.parquet"
        write_predictions(path, Predictions(each.ids, probs, each.n_candidates))
    return {
        "n_examples": {split: len(each) for split, each in examples.items()},
        "n_labelled": len(labels.row),
        "n_annotators": len(labels.annotators),
    }
