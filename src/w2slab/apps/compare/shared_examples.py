"""Models of two studies on the test examples that both have: read once each, resampled together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from w2slab.analysis.judge import IDENTITY, ROLES, Cell
from w2slab.analysis.outcomes import Asked, Judgement, TestSet, stopping_point
from w2slab.apps.compare.sides import Side
from w2slab.data.task_data import TaskData
from w2slab.errors import DataError
from w2slab.jobs.comparison import Comparison


class Shared(NamedTuple):
    """The test examples of a task that two studies have in common: in the order of both, else in that of their ids.

    Args:
        test: The examples.
        places: Where each stands in A and in B, int [N].
        n_each: How many examples A and B have.
    """

    test: TestSet
    places: tuple[np.ndarray, np.ndarray]
    n_each: tuple[int, int]


def shared_test(task: str, data: tuple[TaskData, TaskData], tests: tuple[TestSet, TestSet]) -> Shared:
    """Find them.

    Args:
        task: Its name.
        data: The data of each study.
        tests: The test examples of each.

    Raises:
        DataError: There is none, or the studies do not agree on what is right.
    """
    a, b = tests
    known = set(b.ids)
    ids = a.ids if a.ids == b.ids else sorted(name for name in a.ids if name in known)
    if not ids:
        raise DataError(
            f"task {task}: the two studies have no test example in common ({len(a):,} in A, {len(b):,} in B). "
            "Differences are paired example by example, by `id`; compare studies of the same data"
        )
    if data[0] != data[1]:
        _require_same_truth(task, data, ids)
    places = _places(a.ids, ids), _places(b.ids, ids)
    test = a.part(places[0])
    test.groups = _joined(a.groups[places[0]], b.groups[places[1]])
    test.n_groups = len(np.unique(test.groups))
    return Shared(test, places, (len(a), len(b)))


def _places(ids: Sequence[str], wanted: Sequence[str]) -> np.ndarray:
    place = {name: number for number, name in enumerate(ids)}
    return np.array([place[name] for name in wanted])


def _joined(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Groups that keep whole what either study keeps together, int [N]."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n_a, n = a.max() + 1, a.max() + b.max() + 2
    links = coo_array((np.ones(len(a)), (a, n_a + b)), shape=(n, n))
    labels: np.ndarray = connected_components(links, directed=False)[1]
    return np.unique(labels[a], return_inverse=True)[1]


def _require_same_truth(task: str, data: tuple[TaskData, TaskData], ids: Sequence[str]) -> None:
    """Refuse examples of one id whose right candidates differ: by name, or by number where classes were renamed."""
    classes = [each.classes for each in data]
    by_name = not (classes[0] and classes[1] and set(classes[0]) != set(classes[1]))
    a, b = (_right(each, by_name=by_name) for each in data)
    differ = [name for name in ids if a[name] != b[name]]
    if differ:
        said = [" or ".join(sorted(map(str, of[differ[0]]))) for of in (a, b)]
        raise DataError(
            f"task {task}: the two studies do not agree on what is right for {len(differ):,} of the {len(ids):,} test "
            f"examples that both have, for example {differ[0]}: {said[0]} in A, {said[1]} in B. One `id` must stand "
            "for one example"
        )


def _right(data: TaskData, *, by_name: bool) -> dict[str, frozenset[object]]:
    examples, truth = data.examples("test"), data.truth("test")
    if not by_name:
        return {name: frozenset(right) for name, right in zip(truth.ids, truth.right, strict=True)}
    if examples.classes is not None:
        named = [[examples.classes[place] for place in right] for right in truth.right]
    else:
        candidates = examples.candidates or []
        named = [[own[place] for place in right] for own, right in zip(candidates, truth.right, strict=True)]
    return {name: frozenset(right) for name, right in zip(truth.ids, named, strict=True)}


class SharedJudgement(Judgement):
    """As `Judgement`, for the models of two studies on the test examples that both have.

    Args:
        task: Its name.
        sides: The two studies.
        comparisons: Those of each that are judged.
        n_resamples: How often test examples and seeds are drawn again.

    Raises:
        DataError: The studies' test examples do not fit together, or what is stored does not.
    """

    def __init__(
        self,
        task: str,
        sides: tuple[Side, Side],
        comparisons: tuple[Sequence[Comparison], Sequence[Comparison]],
        *,
        n_resamples: int,
    ) -> None:
        super().__init__(task, sides[0].store, n_resamples=n_resamples)
        own = [Judgement(task, side.store, n_resamples=n_resamples) for side in sides]
        asked = [[each.take_in(c) for c in of] for each, of in zip(own, comparisons, strict=True)]
        data = [TaskData.made_by(of[0].data, side.store.folder) for side, of in zip(sides, comparisons, strict=True)]
        self.shared = shared_test(task, (data[0], data[1]), (own[0].test, own[1].test))
        self._test = self.shared.test
        self._asked: list[dict[Comparison, dict[str, Asked]]] = [{}, {}]
        for side, each in enumerate(own):
            for comparison, questions in zip(comparisons[side], asked[side], strict=True):
                answers = {role: each.values([questions[role]])[0] for role in ROLES}
                self._asked[side][comparison] = {
                    role: self._answered(getattr(comparison, role).key, right[self.shared.places[side]])
                    for role, right in answers.items()
                }

    def _answered(self, key: str, right: np.ndarray) -> Asked:
        """The question whether a model is right; where two stores disagree on one job, each has its own."""
        asked = Asked("right", key)
        if asked in self._rows and not np.array_equal(self._values[self._rows[asked]], right):
            asked = Asked("right", f"{key} in B")
        self._put(asked, lambda: right)
        return asked

    def cell(self, side: int, comparisons: Sequence[Comparison]) -> Cell:
        """Comparisons of one side that differ only in their seed, at the stopping point that counts."""
        first = comparisons[0]
        identity = {name: getattr(first, name) for name in IDENTITY}
        identity |= {"stopping_point": stopping_point(first.student), "is_reported": True}
        return Cell(identity, tuple(comparisons), tuple(self._asked[side][c] for c in comparisons), None)
