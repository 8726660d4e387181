"""Parts of the test set: what they are, and that each is judged as a test set of its own."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import fake_study
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.analysis.conftest import ROLES, of
from w2slab.analysis import collect
from w2slab.analysis.tables.slices_table import slices_of
from w2slab.data.examples import Examples
from w2slab.graph.job import Graph


def slices(**columns):
    return list(slices_of(Examples(pa.table(columns))))


def named(found):
    return {each.name: each.places.tolist() for each in found}


def test_difficulty_is_cut_into_five_bins_of_equal_size():
    values = np.random.default_rng(0).permutation(np.arange(1000, 2000, 2))
    found = slices(difficulty=values)
    assert [each.name for each in found] == [
        "1,000 to 1,198", "1,200 to 1,398", "1,400 to 1,598", "1,600 to 1,798", "1,800 to 1,998",
    ]  # fmt: skip
    assert [len(each.places) for each in found] == [100] * 5
    assert [each.rank for each in found] == [0, 1, 2, 3, 4]


@given(st.lists(st.integers(0, 9) | st.floats(-50, 50), min_size=5, max_size=60))
def test_bins_part_the_examples_and_never_equal_values(values):
    found = slices(difficulty=pa.array(values, pa.float64()))
    if len(set(values)) < 5:
        return
    assert sorted(place for each in found for place in each.places) == list(range(len(values)))
    for before, after in pairwise(found):
        assert max(values[i] for i in before.places) < min(values[i] for i in after.places)
    assert len({each.name for each in found}) == len(found) >= 2


def test_ranges_are_named_with_as_few_decimals_as_tell_them_apart():
    found = slices(difficulty=[1.0, 1.26, 1.27, 1.41, 7.5])
    assert [each.name for each in found] == ["1.00", "1.26", "1.27", "1.41", "7.50"]


def test_examples_of_unknown_difficulty_come_last():
    found = slices(difficulty=[3.0, None, 1.0, 2.0, 4.0, float("nan"), 5.0])
    assert named(found) == {"1": [2], "2": [3], "3": [0], "4": [4], "5": [6], "not known": [1, 5]}


def test_a_difficulty_of_few_values_is_sliced_by_them():
    assert named(slices(difficulty=[2, 0, 2, 1])) == {"0": [1], "1": [3], "2": [0, 2]}
    assert slices(difficulty=[2.5, 2.5]) == []


def test_columns_of_few_values_are_slices():
    found = slices(
        source=["web", "book", None, "web"], hard=[True, False, True, True], year=[2001, 1999, 2001, 2003],
        place=pa.array(["here", "there", "here", "there"]).dictionary_encode(),
    )  # fmt: skip
    assert [(each.by, each.name, each.rank, each.places.tolist()) for each in found] == [
        ("source", "book", 0, [1]), ("source", "web", 1, [0, 3]), ("source", "not known", 2, [2]),
        ("hard", "no", 0, [1]), ("hard", "yes", 1, [0, 2, 3]),
        ("year", "1999", 0, [1]), ("year", "2001", 1, [0, 2]), ("year", "2003", 2, [3]),
        ("place", "here", 0, [0, 2]), ("place", "there", 1, [1, 3]),
    ]  # fmt: skip


def test_what_is_no_slice():
    rows = 13
    found = slices(
        id=["a", "b"] * 6 + ["a"], group=["a", "b"] * 6 + ["a"], text=["x", "y"] * 6 + ["x"],
        fen=["x", "y"] * 6 + ["x"], candidates=[["a", "b"]] * rows, features=[[0.0]] * rows,
        score=[0.5, 0.7] * 6 + [0.5], many=[str(i) for i in range(rows)], one=["same"] * rows,
        long=["x" * 61, "y"] * 6 + ["y"],
    )  # fmt: skip
    assert found == []


def test_no_example_has_no_slice():
    assert slices(difficulty=pa.array([], pa.float64()), source=pa.array([], pa.string())) == []


# Each row against a plain loop over the examples of its slice.
def test_each_row_is_what_a_plain_loop_finds(chess, told):
    plan, _, results = chess
    assert len(results["slices"]) == 6 * 3 * 5
    assert {r["slice_by"] for r in results["slices"]} == {"difficulty"}
    for row in results["slices"][::7]:
        accuracies = []
        for comparison in of(plan, row):
            examples, right, said = told(comparison)
            low, high = (float(end.replace(",", "")) for end in row["slice"].split(" to "))
            places = [i for i, example in enumerate(examples) if low <= example["difficulty"] <= high]
            assert row["n_test"] == len(places)
            assert row["n_groups"] == len({examples[i]["group"] for i in places})
            accuracies.append([np.mean([said[r].choices[i] in right[i] for i in places]) for r in ROLES])
        supervisor, student, ceiling = np.mean(accuracies, axis=0)
        assert [row[f"{role}_accuracy"] for role in ROLES] == pytest.approx([supervisor, student, ceiling])
        if row["pgr_reason"] is None:
            assert row["pgr"] == pytest.approx((student - supervisor) / (ceiling - supervisor))
            assert row["pgr_low"] <= row["pgr"] <= row["pgr_high"]
        else:
            assert math.isnan(row["pgr"])


def test_slices_make_up_the_test_set(chess):
    results = chess[2]
    for row in results.reported():
        own = [r for r in results["slices"] if all(r[n] == row[n] for n in ("weak", "strong", "method"))]
        assert sum(r["n_test"] for r in own) == row["n_test"]
        pooled = sum(r["student_accuracy"] * r["n_test"] for r in own) / row["n_test"]
        assert pooled == pytest.approx(row["student_accuracy"])


@pytest.fixture(scope="module")
def sliced(tmp_path_factory):
    """One seed and no groups; examples of source `even`, `odd` or, one of them, `rare`."""
    store, graph = fake_study.FakeStore(tmp_path_factory.mktemp("sliced")), Graph()
    task = fake_study.text_task(800, np.random.default_rng(3))
    sources = ["rare", *("odd" if i % 2 else "even" for i in range(1, 800))]
    table = task.examples.table.append_column("source", pa.array(sources))
    task = replace(task, examples=Examples(table, task.examples.classes))
    simulation = fake_study.Simulation(store, task, {"tiny": 0.6, "small": 0.8}, {"naive": 0.5}, curves=False)
    return collect(fake_study.FakePlan(graph, simulation.plan([0], graph)), store, resamples=2000)


def test_a_slice_has_the_interval_of_its_own_size(sliced):
    for row in sliced["slices"][:2]:
        for role in ROLES:
            share = row[f"{role}_accuracy"]
            expected = 2 * 1.96 * math.sqrt(share * (1 - share) / row["n_test"])
            assert row[f"{role}_accuracy_high"] - row[f"{role}_accuracy_low"] == pytest.approx(expected, rel=0.1)


# "undefined (NaN with a reason ...)": on a slice as on the whole
def test_what_is_undefined_on_a_slice_is_said_to_be(sliced):
    rare = next(r for r in sliced["slices"] if r["slice"] == "rare")
    assert rare["n_test"] == 1
    assert math.isnan(rare["pgr"])
    assert rare["pgr_reason"] == "all test examples are of one group, or there is one alone: no interval can be made"
    assert [r["pgr_reason"] for r in sliced["slices"] if r["slice"] != "rare"] == [None, None]
