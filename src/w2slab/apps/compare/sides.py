"""One side of a comparison: a study as it is planned, and where its results are."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2slab.apps.study_source import open_source
from w2slab.errors import Problem, StudyError

if TYPE_CHECKING:
    from w2slab.analysis import Planned
    from w2slab.analysis.outcomes import Reading
    from w2slab.graph.store import Store
    from w2slab.study.study import Study


@dataclass(frozen=True)
class Side:
    """A study, or one version of it.

    Args:
        name: Its name in tables: A or B.
        title: The study's file with its overrides, as a command has them; else the study's name.
        plan: The study and its comparisons.
        store: Where its results are.
        base: The folder of the study's file, from which its paths are shown.
        place: The folder of the store, where it was named.
    """

    name: str
    title: str
    plan: Planned
    store: Reading
    base: Path = Path()
    place: Path | None = None

    def command(self, name: str) -> str:
        """`w2slab run` or another command on this study."""
        return f"w2slab {name} {self.title}" + (f" --store {shlex.quote(str(self.place))}" if self.place else "")


def open_side(
    name: str, study: Study | Path | str, settings: Sequence[str] = (), store: Store | Path | str | None = None
) -> Side:
    """Read and plan a study; its results are in `store`, or in `.w2slab`, beside its file where there is one.

    Raises:
        StudyError: The study or an override is wrong.
        DataError: A task's file is missing.
        UnavailableError: A model is missing on this machine.
    """
    from w2slab.experiment.plan import plan

    try:
        source = open_source(study, settings, store)
    except StudyError as error:  # of which side an override is stands in no file
        option = f"--set-{name.lower()} "
        raise StudyError([Problem(p.place.replace("--set ", option, 1), p.message) for p in error.problems]) from None
    place = None if store is None else source.store.root
    return Side(name, source.title, plan(source.study), source.store, source.base, place)


def differences(a: Side, b: Side) -> list[tuple[str, Any, Any]]:
    """Fields in which two studies differ, by their dotted paths, with the value in each; `None` where it is unset."""
    from w2slab.study.writing import plain

    values_a, values_b = (dict(_leaves(plain(side.plan.study, side.base))) for side in (a, b))
    fields = dict.fromkeys([*values_a, *values_b])
    pairs = [(name, values_a.get(name), values_b.get(name)) for name in fields]
    return [pair for pair in pairs if pair[1] != pair[2]]


def _leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Values by their path, as `--set` writes it; a list of plain values is one value."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from _leaves(each, f"{place}.{name}" if place else str(name))
    elif isinstance(value, list) and any(isinstance(each, Mapping) for each in value):
        for number, each in enumerate(value):
            yield from _leaves(each, f"{place}.{number}")
    else:
        yield place, value
