"""The base of everything that plugs into a study: tasks, models, methods, objectives, relabelings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Self

from w2slab.fields import Checked

NOT_IN_KEY: Mapping[str, Any] = MappingProxyType({"in_key": False})
"""`field(metadata=NOT_IN_KEY)`: a field that travels with its object and decides no result, such as a display name."""


class Component(Checked):
    """A frozen dataclass whose fields are what a study may write; the object itself enters specs and keys.

    Its fields are checked as it is made. Fields of type `Path` say where files are and enter no key; the content of
    `files()` does. Importing the module of a component imports no torch.
    """

    TABLE: ClassVar[str]
    """The table of the registry in which objects of this base have rows; set by the base."""

    def files(self) -> tuple[Path, ...]:
        """Return the files and folders on disk that decide results; their digests enter the keys of jobs."""
        return ()

    def resolved(self) -> Self:
        """Return this object with every name that may come to mean something else resolved, a branch to its commit.

        Asked once, when a study is planned.

        Raises:
            UnavailableError: What it names is neither on this machine nor to be had.
        """
        return self
