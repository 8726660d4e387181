"""Supervisors and ceilings, each once, whoever is held against them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from w2slab.analysis.estimator import Cell
from w2slab.analysis.references import references

MODELS = ("c0", "c1", "c2", "p0", "x0")


@dataclass(frozen=True)
class Seed:
    seed: int


def cell(method, ceilings, *, weak="tiny", control=None, point=None):
    """A student under the seeds of its ceilings, a number in the evidence for each."""
    identity: dict[str, Any] = {"task": "t", "weak": weak, "strong": "large", "method": method, "control": control}
    rows = {"ceiling": tuple(MODELS.index(name) for name in ceilings.values())}
    return Cell(identity | {"is_reported": point is None}, tuple(map(Seed, ceilings)), rows)


def found(cells, **options):
    kept = references(cells, "ceiling", **options)
    return [(r.weak, r.method, r.control, r.seeds, [MODELS[row] for row in r.rows["model"]]) for r in kept]


def test_methods_share_one_over_all_seeds_that_any_has():
    cells = [cell("b", {1: "c1"}), cell("naive", {0: "c0", 1: "c1"}), cell("d", {2: "c2"})]
    assert found(cells) == [("tiny", None, None, (0, 1, 2), ["c0", "c1", "c2"])]


def test_a_method_with_its_own_has_its_own():
    cells = [cell("naive", {0: "c0"}), cell("probing", {0: "p0"}), cell("more-probing", {0: "p0"})]
    assert found(cells) == [("tiny", None, None, (0,), ["c0"]), ("tiny", "probing", None, (0,), ["p0"])]


@pytest.mark.parametrize("order", [1, -1])
def test_controls_come_after_methods(order):
    cells = [cell("naive", {0: "c0"}), cell("naive", {0: "x0"}, control="shuffled")][::order]
    assert found(cells) == [("tiny", None, None, (0,), ["c0"]), ("tiny", "naive", "shuffled", (0,), ["x0"])]


def test_pairs_and_strong_models():
    cells = [cell("naive", {0: "c0"}), cell("naive", {0: "c0"}, weak="small")]
    assert [row[0] for row in found(cells)] == ["tiny", "small"]
    assert found(cells, by_weak=False) == [(None, None, None, (0,), ["c0"])]


def test_other_stopping_points_bring_none():
    assert found([cell("naive", {0: "c0"}, point="last")]) == []
