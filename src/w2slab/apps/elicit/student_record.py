"""A finetuned student as a summary keeps it, so that its network can be built again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from w2slab.fields import Checked, Size, Whole
from w2slab.jobs.finetune import FinetuneSpec
from w2slab.models.model import Model
from w2slab.study.document import Document
from w2slab.study.reading import read_object
from w2slab.study.writing import plain
from w2slab.training.recipe import Recipe

_BASE = Path("/")  # paths are absolute, wherever the summary is


@dataclass(frozen=True, kw_only=True)
class StudentRecord(Checked):
    """The network of a finetuned student.

    Args:
        model: Its model, resolved.
        recipe: Its training.
        seed: The seed of its head.
        n_heads: Heads whose probabilities are mixed.
    """

    model: Model
    recipe: Recipe
    seed: Whole
    n_heads: Size = 1

    @classmethod
    def of(cls, spec: FinetuneSpec) -> StudentRecord:
        """Return the record of a job."""
        return cls(model=spec.model, recipe=spec.recipe, seed=spec.seed, n_heads=spec.n_heads)

    def written(self) -> dict[str, Any]:
        """Return the record as a study file would write it."""
        found: dict[str, Any] = plain(self, _BASE)
        return found

    @classmethod
    def read(cls, written: Any, source: Path) -> StudentRecord:
        """Return the record that `written` gave.

        Args:
            written: The record as JSON.
            source: The file that has it, for messages.

        Raises:
            StudyError: It is no such record.
        """
        return read_object(cls, Document(str(source), written), _BASE)
