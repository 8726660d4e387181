"""One side of a comparison: a study as it is planned, and where its results are."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
        plan: Its comparisons.
        store: Where its results are.
        values: The study with every default written out.
        place: The folder of the store, where it was named.
    """

    name: str
    title: str
    plan: Planned
    store: Reading
    values: Mapping[str, Any] = field(default_factory=dict)
    place: Path | None = None

    @property
    def statistics(self) -> dict[str, Any]:
        """The statistics of the study: `level`, `resamples` and `min_gap`, where it does."""
        return dict(self.values.get("statistics", {}))

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
    import yaml

    from w2slab.experiment.plan import plan
    from w2slab.study.writing import to_yaml

    try:
        source = open_source(study, settings, store)
    except StudyError as error:  # of which side an override is stands in no file
        option = f"--set-{name.lower()} "
        raise StudyError([Problem(p.place.replace("--set ", option, 1), p.message) for p in error.problems]) from None
    values = yaml.safe_load(to_yaml(source.study, source.base))
    place = None if store is None else source.store.root
    return Side(name, source.title, plan(source.study), source.store, values, place)


def changed(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Fields in which two studies differ, with the value in each; `None` where one has no such field."""
    values_a, values_b = dict(_leaves(a)), dict(_leaves(b))
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
