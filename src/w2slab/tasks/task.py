"""The base of all tasks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from w2slab import registry
from w2slab.data.examples import Labelled
from w2slab.fields import Name
from w2slab.graph.component import NOT_IN_KEY, Component


@dataclass(frozen=True)
class Task(Component):
    """A learning problem: all its examples and their ground truth. Imports without torch.

    Args:
        called: Name in the results; `None` is that of the row.
    """

    called: Name | None = field(default=None, kw_only=True, metadata=NOT_IN_KEY)

    TABLE: ClassVar[str] = "tasks"
    balanced: ClassVar[bool] = False
    """Whether classes are balanced as in the paper (over 55% of one class: drop at random to 50/50)."""

    @property
    def label(self) -> str:
        """Name in the results."""
        return self.called or registry.name_of(self)

    def load(self) -> Labelled:
        """Return every example of the task.

        Raises:
            DataError: A file is missing or malformed; names file, line and field.
        """
        raise NotImplementedError
