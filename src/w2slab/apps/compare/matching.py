"""The students of two studies matched: those in both, and those in only one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from w2slab.analysis.estimator import IDENTITY
from w2slab.apps.compare.sides import Side
from w2slab.errors import StudyError
from w2slab.jobs.comparison import Comparison

Identity = tuple[str | None, ...]
_MOST_NAMED = 6


class Match(NamedTuple):
    """A student of both studies: the comparisons of each that are done, one for each seed, rising."""

    identity: Identity
    a: list[Comparison]
    b: list[Comparison]


@dataclass(frozen=True)
class Matching:
    """The students of two studies by task, models, method and control.

    Args:
        matches: Done in both, under one seed at least.
        waiting: In both studies, but not done in both yet.
        only_a: Those that the second study does not have.
        only_b: Those that the first study does not have.
        n_lacking: Students that are not done yet of those which both have, each seed counted, in A and in B.
    """

    matches: list[Match]
    waiting: list[Identity]
    only_a: list[Identity]
    only_b: list[Identity]
    n_lacking: tuple[int, int]


def match(a: Side, b: Side) -> Matching:
    """Match the students of two studies.

    Raises:
        StudyError: The studies have no student in common, or nothing is done that could be compared.
    """
    of_a, of_b = (_by_identity(side.plan.comparisons) for side in (a, b))
    common = [identity for identity in of_a if identity in of_b]
    if not common:
        raise StudyError(_nothing_in_common(a, b))
    done_a, done_b = (_by_identity(_done(side)) for side in (a, b))
    for side, done in ((a, done_a), (b, done_b)):
        if not done:
            raise StudyError(
                f"{side.name}: no comparison of {side.title} is done yet; start it with: {side.command('run')}, "
                f"or see: {side.command('status')}"
            )
    matches = [Match(i, done_a[i], done_b[i]) for i in common if i in done_a and i in done_b]
    if not matches:
        raise StudyError(
            f"none of the {len(common)} students that both studies have is done in both yet; go on with: "
            f"{a.command('run')}, and: {b.command('run')}"
        )
    lacking = [sum(len(of[i]) - len(done.get(i, [])) for i in common) for of, done in ((of_a, done_a), (of_b, done_b))]
    return Matching(
        matches=matches,
        waiting=[i for i in common if i not in done_a or i not in done_b],
        only_a=[i for i in of_a if i not in of_b],
        only_b=[i for i in of_b if i not in of_a],
        n_lacking=(lacking[0], lacking[1]),
    )


def _by_identity(comparisons: Sequence[Comparison]) -> dict[Identity, list[Comparison]]:
    found: dict[Identity, list[Comparison]] = {}
    for comparison in sorted(comparisons, key=lambda c: c.seed):
        found.setdefault(tuple(getattr(comparison, name) for name in IDENTITY), []).append(comparison)
    return found


def _done(side: Side) -> list[Comparison]:
    check = cache(side.store.check)
    return [c for c in side.plan.comparisons if all(map(check, (c.data, c.supervisor, c.student, c.ceiling)))]


def _nothing_in_common(a: Side, b: Side) -> str:
    lines = ["the two studies have no student in common: students match by task, models, method and control"]
    for side in (a, b):
        said = []
        for one, several, names in (
            ("task", "tasks", [c.task for c in side.plan.comparisons]),
            ("pair", "pairs", [f"{c.weak} → {c.strong}" for c in side.plan.comparisons]),
            ("method", "methods", [c.method for c in side.plan.comparisons]),
        ):
            different = list(dict.fromkeys(names))
            shown = ", ".join(different[:_MOST_NAMED]) + (", …" if len(different) > _MOST_NAMED else "")
            said.append(f"{one if len(different) == 1 else several} {shown or '(none)'}")
        lines.append(f"{side.name}: {side.title}: {'; '.join(said)}")
    return "\n".join(lines)
