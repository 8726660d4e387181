"""Supervisors and ceilings of a task, each once: many students share them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from w2slab.analysis.judge import Cell
from w2slab.analysis.outcomes import Asked


@dataclass
class Reference:
    """A supervisor or a ceiling under several seeds.

    Args:
        weak: The pair's weak model; `None` where it does not matter.
        strong: The pair's strong model.
        method: The method, or the first of them, that has it for its own; `None` for the one that others share.
        control: The control that it belongs to, where no method is held against it.
        asked: Whether it is right, by seed.
    """

    weak: str | None
    strong: str
    method: str | None
    control: str | None
    asked: dict[int, Asked] = field(default_factory=dict)

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds, rising."""
        return tuple(sorted(self.asked))

    @property
    def right(self) -> list[Asked]:
        """Whether it is right, a question for each seed."""
        return [self.asked[seed] for seed in self.seeds]

    def takes(self, asked: dict[int, Asked]) -> bool:
        """Whether these are the same models where both have a seed."""
        return all(self.asked.get(seed, each) == each for seed, each in asked.items())


def references(cells: Sequence[Cell], role: str, *, by_weak: bool = True) -> list[Reference]:
    """The supervisors or ceilings of the students that count, in the order in which they come.

    A method with a supervisor or a ceiling of its own has a reference of its own; the others share one.

    Args:
        cells: Of one task.
        role: `supervisor` or `ceiling`.
        by_weak: Whether each pair has its own, or each strong model.
    """
    found: dict[tuple[str | None, str], list[Reference]] = {}
    for cell in sorted(cells, key=lambda cell: cell.identity["control"] is not None):
        if not cell.is_reported:
            continue
        weak, strong = cell.identity["weak"] if by_weak else None, cell.identity["strong"]
        asked = dict(zip(cell.seeds, cell.of(role), strict=True))
        known = found.setdefault((weak, strong), [])
        own = next((reference for reference in known if reference.takes(asked)), None)
        if own is None:
            own = Reference(weak, strong, cell.identity["method"] if known else None, cell.identity["control"])
            known.append(own)
        own.asked.update(asked)
    return [reference for known in found.values() for reference in known]
