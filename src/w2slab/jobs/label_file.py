"""A file of labels by example id -> the predictions of a supervisor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from w2slab.data.artifacts import Predictions, read_examples, write_predictions
from w2slab.graph.job import JobContext
from w2slab.jobs.prepare import POOL
from w2slab.specs import UNSEEN_BY_SUPERVISOR, LabelFileSpec, restore
from w2slab.tasks.text.task_labels import read_task_labels


def label_file(spec: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Write the file's labels as predictions of every split that a supervisor predicts.

    Votes become shares. The file may label more of the task than these splits hold.

    Raises:
        DataError: A row is malformed, or names no example of the task; or an example of these splits has no label.
    """
    asked = restore(LabelFileSpec, spec)
    data = context.inputs["data"]
    labels = read_task_labels(Path(asked.file["path"]), read_examples(context.inputs["pool"], POOL))
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
