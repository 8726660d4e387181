"""Examples that labels are read for: anything with ids, and the candidates of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from w2slab.data.examples import Examples


class Labellable(Protocol):
    """Examples for which labels are read."""

    @property
    def where(self) -> str:
        """The place in which an id is looked up, for messages."""
        ...

    @property
    def row(self) -> Mapping[str, int]:
        """Position by id."""
        ...

    @property
    def n_candidates(self) -> np.ndarray | None:
        """Candidates of each, int64 [N]; `None` where there are classes."""
        ...

    def called(self, index: int) -> Sequence[str]:
        """Names that labels may use for the candidates of one, beside their numbers."""
        ...


@dataclass(frozen=True)
class OfTask:
    """All examples of a task, in the form of what labels are read for."""

    examples: Examples
    where: str = "the examples of the task"

    @cached_property
    def row(self) -> dict[str, int]:
        """Position by id."""
        return {name: index for index, name in enumerate(self.examples.ids)}

    @cached_property
    def n_candidates(self) -> np.ndarray | None:
        """Candidates of each example, int64 [N]; `None` where there are classes."""
        return None if self.examples.classes is not None else self.examples.n_candidates

    def called(self, index: int) -> list[str]:
        """The texts of one example's candidates."""
        return [text.strip() for text in self._candidates[index]]

    @cached_property
    def _candidates(self) -> list[list[str]]:
        return self.examples.candidates or []
