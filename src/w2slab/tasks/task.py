"""The protocol of a task."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Protocol

from w2slab.data.examples import Labelled


class Task(Protocol):
    """A learning problem: a frozen dataclass whose fields are what a study may write. Imports without torch."""

    balanced: ClassVar[bool]
    """Whether classes are balanced as in the paper (over 55 % of one class: drop at random to 50/50)."""

    def files(self) -> tuple[Path, ...]:
        """Files on disk that decide the examples; their digests enter the key."""
        ...

    # A row may also have `resolved() -> Self`: itself with every name that may come to mean something else settled, a
    # branch of a hub as its commit. It is asked when a study is planned, and what it gives enters the key.
    # It raises UnavailableError where that cannot be found out here.

    def load(self) -> Labelled:
        """Every example of the task.

        Raises:
            DataError: A file is missing or malformed; names file, line and field.
        """
        ...
