"""Every path inside a job's folder.

task/      examples.parquet       the examples of a task, one row each: no label is in here
           truth.parquet          their ground truth, row by row
           parts.parquet          where the task comes with a test part of its own: the part of each example
           task.json              classes and counts
split/     positions.parquet      which examples of the task each split holds, in order
           split.json             counts and chance
finetune/  predictions/{split}.parquet    at the recipe's stopping point, for every split but supervisor_train
           stopping/{point}.parquet       test predictions at `last`, `weak-labels`, `oracle`
           curve.json                     one row per curve point
           checkpoint/                    weights, where another job reads them
head/      as finetune/, without a checkpoint
relabel/   predictions/{split}.parquet    for student_train and validation (and reserve)
           weights/{split}.parquet        what each example counts, where the relabeling says so
reweight/, bootstrap/   weights/{split}.parquet
combine/, corrupt/, label-file/, probe/, prompt/   predictions/{split}.parquet   for every split but supervisor_train
embed/     features/{split}.safetensors   float32 [R, D], and features/{split}.parquet, how many rows each example has
generative/   base/               a language model as a Hugging Face folder
own-labels/   as task/ without truth, as split/, predictions/student_train.parquet   a user's texts and their labels
              votes.parquet       the single votes, where several annotators gave them
fold/      as split/, of an own-labels/, and predictions of student_train, validation and reserve
"""

from __future__ import annotations

from pathlib import Path

SPLITS = ("supervisor_train", "student_train", "validation", "test", "reserve")
UNSEEN_BY_SUPERVISOR = ("student_train", "validation", "test", "reserve")
STOPPING_POINTS = ("last", "weak-labels", "oracle")


def examples(folder: Path) -> Path:
    """Return the table of a task's examples."""
    return folder / "examples.parquet"


def truth(folder: Path) -> Path:
    """Return the table of their ground truth."""
    return folder / "truth.parquet"


def parts(folder: Path) -> Path:
    """Return the table that says which examples are of the task's own test part."""
    return folder / "parts.parquet"


def task_facts(folder: Path) -> Path:
    """Return the classes and counts of a task."""
    return folder / "task.json"


def positions(folder: Path) -> Path:
    """Return the table of the positions of each split."""
    return folder / "positions.parquet"


def split_facts(folder: Path) -> Path:
    """Return the counts of a task's splits."""
    return folder / "split.json"


def predictions(folder: Path, split: str) -> Path:
    """Return the labels that a job gave to a split."""
    return folder / "predictions" / f"{split}.parquet"


def stopping(folder: Path, point: str) -> Path:
    """Return the test predictions at a stopping point."""
    return folder / "stopping" / f"{point}.parquet"


def weights(folder: Path, split: str) -> Path:
    """Return the weights of a split's examples."""
    return folder / "weights" / f"{split}.parquet"


def features(folder: Path, split: str) -> Path:
    """Return the frozen features of a split's examples."""
    return folder / "features" / f"{split}.safetensors"


def feature_rows(folder: Path, split: str) -> Path:
    """Return the table of how many rows of features each example has."""
    return folder / "features" / f"{split}.parquet"


def curve(folder: Path) -> Path:
    """Return the curve of a training."""
    return folder / "curve.json"


def votes(folder: Path) -> Path:
    """Return the table of single votes."""
    return folder / "votes.parquet"


def checkpoint(folder: Path) -> Path:
    """Return the weights that a training kept."""
    return folder / "checkpoint" / "model.safetensors"


def base(folder: Path) -> Path:
    """Return the language model that a generative job left."""
    return folder / "base"
