"""Evidence of two studies on the test examples that both have: read once each, resampled together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from w2slab.analysis.estimator import Cell, cells_of
from w2slab.analysis.evidence import Evidence, Trio, read_evidence
from w2slab.analysis.outcomes import TestSet
from w2slab.apps.compare.matching import Identity
from w2slab.apps.compare.sides import Side
from w2slab.errors import DataError
from w2slab.jobs.comparison import Comparison


class SharedTest(NamedTuple):
    """The test examples of a task that two studies have in common: in the order of both, else in that of their ids.

    Args:
        test: The examples.
        places: The place of each in A and in B, int [N].
    """

    test: TestSet
    places: tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class SharedEvidence:
    """Models of two studies on the test examples that both have.

    Args:
        evidence: Their outcomes.
        a: Students of A at the stopping point that counts.
        b: Students of B.
        n_each: Number of test examples of A and of B.
    """

    evidence: Evidence
    a: Mapping[Identity, Cell]
    b: Mapping[Identity, Cell]
    n_each: tuple[int, int]


def shared_evidence(
    task: str,
    sides: tuple[Side, Side],
    comparisons: tuple[Sequence[Comparison], Sequence[Comparison]],
    *,
    n_resamples: int,
) -> SharedEvidence:
    """Read the models of two studies and join them.

    Args:
        task: The task's name.
        sides: The two studies.
        comparisons: Those of each study that are done.
        n_resamples: Number of resamples of test examples and seeds.

    Raises:
        DataError: The studies' test examples do not fit together, or stored results do not.
    """
    own = [
        read_evidence(task, side.store, of, n_resamples=n_resamples)
        for side, of in zip(sides, comparisons, strict=True)
    ]
    test, places = shared_test(task, (own[0].test, own[1].test))
    first, second = (each.on("", place) for each, place in zip(own, places, strict=True))
    evidence, numbers = _joined(test, first, second)
    cells = [cells_of(each, list(of)) for each, of in zip((first, second), comparisons, strict=True)]
    of_b = [_renumbered(cell, numbers) for cell in cells[1]]
    by_identity = ({tuple(c.ids.values()): c for c in side if c.is_reported} for side in (cells[0], of_b))
    return SharedEvidence(evidence, next(by_identity), next(by_identity), (len(own[0].test), len(own[1].test)))


def _joined(test: TestSet, a: Evidence, b: Evidence) -> tuple[Evidence, list[int]]:
    """The models of both, and the numbers of B's there; where two stores disagree on one job, each has its own."""
    known = {model: number for number, model in enumerate(a.models)}
    numbers: list[int] = []
    added: list[int] = []
    for row, model in enumerate(b.models):
        number = known.get(model)
        if number is None or not np.array_equal(a.right[number], b.right[row]):
            number = len(a.models) + len(added)
            added.append(row)
        numbers.append(number)
    evidence = Evidence(
        task=a.task,
        test=test,
        models=(*a.models, *(b.models[row] for row in added)),
        right=np.concatenate([a.right, b.right[added]]),
        choices=np.concatenate([a.choices, b.choices[added]]),
        confidence={},  # those of the same job may differ between stores, and nothing compares them
        read_probs=lambda row: a.probs(row) if row < len(a.models) else b.probs(added[row - len(a.models)]),
        n_resamples=a.n_resamples,
        trios=(*a.trios, *(_renumbered_trio(trio, numbers) for trio in b.trios)),
    )
    return evidence, numbers


def _renumbered(cell: Cell, numbers: Sequence[int]) -> Cell:
    rows = {role: tuple(numbers[row] for row in own) for role, own in cell.rows.items()}
    return Cell(cell.identity, cell.comparisons, rows)


def _renumbered_trio(trio: Trio, numbers: Sequence[int]) -> Trio:
    supervisor, student, ceiling = (numbers[row] for row in (trio.supervisor, trio.student, trio.ceiling))
    return Trio(supervisor, student, ceiling, {name: numbers[row] for name, row in trio.points.items()})


def shared_test(task: str, tests: tuple[TestSet, TestSet]) -> SharedTest:
    """Find the test examples that two studies share.

    Args:
        task: The task's name.
        tests: The test examples of each.

    Raises:
        DataError: There is none, or their ground truth differs.
    """
    a, b = tests
    known = set(b.ids)
    ids = a.ids if a.ids == b.ids else sorted(name for name in a.ids if name in known)
    if not ids:
        raise DataError(
            f"task {task}: the two studies have no test example in common ({len(a):,} in A, {len(b):,} in B). "
            "Differences are paired example by example, by `id`; compare studies of the same data"
        )
    places = _places(a.ids, ids), _places(b.ids, ids)
    test, other = a.part(places[0]), b.part(places[1])
    _require_same_truth(task, test, other)
    test.groups = _joined_groups(test.groups, other.groups)
    test.n_groups = len(np.unique(test.groups))
    return SharedTest(test, places)


def _places(ids: Sequence[str], wanted: Sequence[str]) -> np.ndarray:
    place = {name: number for number, name in enumerate(ids)}
    return np.array([place[name] for name in wanted])


def _joined_groups(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Groups that keep whole what either study keeps together, int [N]."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n_a, n = a.max() + 1, a.max() + b.max() + 2
    links = coo_array((np.ones(len(a)), (a, n_a + b)), shape=(n, n))
    labels: np.ndarray = connected_components(links, directed=False)[1]
    return np.unique(labels[a], return_inverse=True)[1]


def _require_same_truth(task: str, a: TestSet, b: TestSet) -> None:
    """Refuse examples of one id whose ground truth differs: by name, or by number where classes were renamed."""
    classes = [each.examples.classes for each in (a, b)]
    by_name = not (classes[0] and classes[1] and set(classes[0]) != set(classes[1]))
    in_a, in_b = (_truth(each, by_name=by_name) for each in (a, b))
    differ = [place for place in range(len(a)) if in_a[place] != in_b[place]]
    if differ:
        said = [" or ".join(sorted(map(str, of[differ[0]]))) for of in (in_a, in_b)]
        raise DataError(
            f"task {task}: the ground truth of the two studies differs for {len(differ):,} of the {len(a):,} test "
            f"examples common to both, for example {a.ids[differ[0]]}: {said[0]} in A, {said[1]} in B. One `id` must "
            "stand for one example"
        )


def _truth(test: TestSet, *, by_name: bool) -> list[frozenset[object]]:
    """The correct candidates of each example."""
    classes = test.examples.classes
    if not by_name:
        return [frozenset(right) for right in test.right]
    if classes is not None:
        return [frozenset(classes[place] for place in right) for right in test.right]
    candidates = test.examples.candidates or []
    return [frozenset(own[place] for place in right) for own, right in zip(candidates, test.right, strict=True)]
