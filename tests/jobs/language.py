"""A tiny Llama and small text tasks, as a job finds them on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.models import small_models
from tests.models.small_models import pairs, reviews
from tests.small_data import write_data
from w2slab.data.examples import Examples
from w2slab.models.hf.huggingface import HuggingFace

__all__ = ["folder_of", "pairs", "plugin", "reviews"]

SHARES = {"student_train": (0, 0.5), "validation": (0.5, 0.75), "test": (0.75, 1)}


def plugin(folder: Path, kind: str = "llama", std: float = 0.15, **fields: Any) -> HuggingFace:
    """A model of random weights, written into a folder and named as a job is told of it."""
    if not (folder / "config.json").exists():
        small_models.save(folder, kind, std=std)
    return HuggingFace("tiny", path=folder, **fields)


def folder_of(folder: Path, task: tuple[Examples, list[int]]) -> Path:
    """Examples in order, half of them to learn from, as the jobs of a task leave them."""
    examples, right = task
    splits = {}
    for split, (first, last) in SHARES.items():
        chosen = range(int(first * len(right)), int(last * len(right)))
        splits[split] = examples.take(list(chosen)), [[right[i]] for i in chosen]
    return write_data(folder, splits)
