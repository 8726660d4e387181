"""A tiny Llama and small text tasks, as a job finds them on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.models import small_models
from tests.models.small_models import pairs, reviews
from w2slab.data.artifacts import write_prepared, write_split
from w2slab.data.examples import Examples, Truth
from w2slab.models.hf.huggingface import HuggingFace

__all__ = ["folder_of", "pairs", "plugin", "reviews"]

SHARES = {"student_train": (0, 0.5), "validation": (0.5, 0.75), "test": (0.75, 1)}


def plugin(folder: Path, kind: str = "llama", std: float = 0.15, **fields: Any) -> HuggingFace:
    """A model of random weights, written into a folder and named as a job is told of it."""
    if not (folder / "config.json").exists():
        small_models.save(folder, kind, std=std)
    return HuggingFace("tiny", path=folder, **fields)


def folder_of(folder: Path, task: tuple[Examples, list[int]]) -> Path:
    """Examples in order, half of them to learn from, as a `prepare` job leaves them."""
    examples, right = task
    for split, (first, last) in SHARES.items():
        chosen = range(int(first * len(right)), int(last * len(right)))
        part = examples.take(list(chosen))
        write_split(folder, split, part, Truth(part.ids, [[right[i]] for i in chosen]))
    classes = None if examples.classes is None else list(examples.classes)
    write_prepared(folder, {"classes": classes, "chance": 0.5})
    return folder
