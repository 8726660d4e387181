"""A study as callers name it: an object, or a file with overrides; and the store of its results."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from w2slab.errors import StudyError

if TYPE_CHECKING:
    from w2slab.graph.store import Store
    from w2slab.study.study import Study


class StudySource(NamedTuple):
    """A study that was opened.

    Args:
        study: The study.
        store: The store of its results.
        title: Its file and overrides, as a command has them; the name of a study that was given as an object.
        base: The folder of its file; the current one where there is none.
    """

    study: Study
    store: Store
    title: str
    base: Path


def open_source(
    study: Study | Path | str, settings: Sequence[str] = (), store: Store | Path | str | None = None
) -> StudySource:
    """Read a study, unless it is one, and open its store.

    Args:
        study: A study, or the path of a study file.
        settings: Overrides of values of a study file.
        store: The store; `None` is `.w2slab`, or for a file `W2SLAB_STORE` or `.w2slab` beside the file.

    Raises:
        StudyError: The study or an override is wrong, or a study object has overrides.
    """
    from w2slab.experiment.run import open_store
    from w2slab.study.reading import load_study
    from w2slab.study.study import Study

    if isinstance(study, Study):
        if settings:
            raise StudyError("settings override a study file; give its path, or pass them to load_study")
        return StudySource(study, open_store(".w2slab" if store is None else store), study.name, Path())
    path = Path(study)
    title = shlex.join([str(path), *(part for setting in settings for part in ("--set", setting))])
    beside = os.environ.get("W2SLAB_STORE") or path.parent / ".w2slab"
    return StudySource(load_study(path, settings), open_store(beside if store is None else store), title, path.parent)
