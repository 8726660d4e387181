"""Supervisors and ceilings of a task, each once: many students share them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from w2slab.analysis.estimator import Cell


@dataclass
class Reference:
    """A supervisor or a ceiling under several seeds.

    Args:
        weak: The pair's weak model; `None` where it does not matter.
        strong: The pair's strong model.
        method: The method, or the first of them, that has it for its own; `None` for the one that others share.
        control: The control that it belongs to, where no method is compared with it.
        models: Its number in the evidence, by seed.
    """

    weak: str | None
    strong: str
    method: str | None
    control: str | None
    models: dict[int, int] = field(default_factory=dict)

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds, rising."""
        return tuple(sorted(self.models))

    @property
    def rows(self) -> dict[str, tuple[int, ...]]:
        """Its numbers in the evidence, one for each seed, as those of the role `model`."""
        return {"model": tuple(self.models[seed] for seed in self.seeds)}

    def takes(self, models: dict[int, int]) -> bool:
        """Return True if these are the same models where both have a seed."""
        return all(self.models.get(seed, each) == each for seed, each in models.items())


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
        models = dict(zip(cell.seeds, cell.rows[role], strict=True))
        known = found.setdefault((weak, strong), [])
        own = next((reference for reference in known if reference.takes(models)), None)
        if own is None:
            own = Reference(weak, strong, cell.identity["method"] if known else None, cell.identity["control"])
            known.append(own)
        own.models.update(models)
    return [reference for known in found.values() for reference in known]
