"""Splits: disjoint, whole groups, balanced, and a test split that no seed moves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from tests.small_data import data_in
from w2slab.data.examples import Examples, Labelled, TaskTable, Truth
from w2slab.data.splitting import balance, check, split, table_of
from w2slab.errors import DataError
from w2slab.tasks.toy import Toy

NAMES = ("supervisor_train", "student_train", "validation", "test", "reserve")
EQUAL = {"supervisor_train": None, "student_train": None, "validation": 10, "test": 20, "reserve": 0}


def labelled(labels, *, group_size=1, in_test=None) -> Labelled:
    n = len(labels)
    table = pa.table({"id": [f"id-{i}" for i in range(n)], "group": [f"group-{i // group_size}" for i in range(n)]})
    return Labelled(Examples(table, ("no", "yes")), Truth(table["id"].to_pylist(), [[int(x)] for x in labels]), in_test)


def whole(data: Labelled) -> TaskTable:
    return table_of(data, "t", balanced=False)


# "Ids unique and splits disjoint in ids and groups"; "groups are kept whole."
def test_no_example_and_no_group_is_in_two_splits(bench):
    data = bench.prepare(group_size=3)
    splits = {name: data_in(data).examples(name) for name in NAMES}
    for field in ("id", "group"):
        sets = [set(examples.table[field].to_pylist()) for examples in splits.values()]
        assert len(set.union(*sets)) == sum(map(len, sets))
    assert {name: len(examples) for name, examples in splits.items()} == bench.facts["n_examples"]
    assert bench.facts["n_examples"] == {
        "supervisor_train": 200, "student_train": 200, "validation": 60, "test": 300, "reserve": 50,
    }  # fmt: skip


def test_examples_are_stored_apart_from_their_true_labels(bench):
    data = bench.prepare()
    examples, truth = data_in(data).examples("test"), data_in(data).truth("test")
    assert truth.ids == examples.ids
    assert set(examples.table.column_names) == {"id", "group", "features"}
    assert data_in(data).classes == ("class 0", "class 1")
    assert data_in(data).chance == 0.5


# "The test split does not depend on the seed."
def test_the_seed_moves_the_training_splits_and_not_the_test_split(bench, bytes_of):
    first, second = bench.prepare("a", seed=0), bench.prepare("b", seed=1)
    assert bytes_of(first)["examples.parquet"] == bytes_of(second)["examples.parquet"]
    first, second = data_in(first), data_in(second)
    assert first.positions("test").tolist() == second.positions("test").tolist()
    assert first.positions("student_train").tolist() != second.positions("student_train").tolist()


def test_the_same_seed_gives_the_same_bytes(bench, bytes_of):
    assert bytes_of(bench.prepare("a", seed=3)) == bytes_of(bench.prepare("b", seed=3))


def test_a_smaller_test_split_is_the_beginning_of_a_larger_one():
    data = labelled([0, 1] * 100)
    small, large = (split(whole(data), EQUAL | {"test": n}, 0)["test"] for n in (20, 60))
    assert small.tolist() == large[:20].tolist()


def test_sizes_that_are_left_open_share_what_is_left_equally():
    data = labelled([0, 1] * 100)
    splits = split(whole(data), EQUAL, 0)
    assert {name: len(p) for name, p in splits.items()} == {
        "supervisor_train": 85, "student_train": 85, "validation": 10, "test": 20,
    }  # fmt: skip
    opened = split(whole(data), dict.fromkeys(NAMES), 0)
    assert {len(p) for p in opened.values()} == {40}


def test_the_test_part_of_the_task_is_kept_and_its_groups_are_not_trained_on():
    in_test = np.arange(90) % 9 == 0
    data = labelled([0, 1] * 45, group_size=3, in_test=in_test)
    splits = split(whole(data), EQUAL | {"test": None}, 0)
    assert sorted(splits["test"]) == np.flatnonzero(in_test).tolist()
    tested = set(splits["test"] // 3)
    assert not tested & {i // 3 for name in splits if name != "test" for i in splits[name]}


# What balancing leaves out of the test part still bars its group from training.
def test_an_example_that_was_left_out_bars_its_group_as_well():
    in_test = np.arange(100) < 40
    data = labelled([0] * 30 + [1] * 10 + [0, 1] * 30, in_test=in_test)
    groups = [f"group-{i - 40 if i >= 40 else i}" for i in range(100)]  # every test example has a twin in training
    columns = data.examples.table.set_column(1, "group", [groups])
    table = table_of(replace(data, examples=Examples(columns, ("no", "yes"))), "t", balanced=True)
    assert len(table) == 80
    assert sorted(set(table.parts.tolist())) == ["apart", "test", "train"]
    splits = split(table, {"test": None, "student_train": None}, 0)
    assert len(splits["student_train"]) == 20
    trained = {table.examples.groups[i] for i in splits["student_train"]}
    assert not trained & {f"group-{i}" for i in range(40)}


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"student_train": 500}, "t: the split student_train needs 500 examples and only 180 are left for it, of 200"),
        ({"test": 300}, "t: the split test needs 300 examples and only 200 are left for it, of 200"),
        ({"validation": 180}, "t: the split supervisor_train needs at least 1 examples and only 0"),
        ({"holdout": 5}, "allowed: supervisor_train, student_train"),
    ],
)
def test_too_few_examples_are_an_error_that_states_how_many_there_are(sizes, message):
    with pytest.raises(DataError, match=message):
        split(whole(labelled([0, 1] * 100)), EQUAL | sizes, 0)


# "Over 55 % of one class: drop at random to 50/50."
def test_a_class_of_more_than_55_percent_is_cut_down_to_one_half():
    data = labelled([0] * 120 + [1] * 80)
    kept = balance(data)
    assert np.bincount([data.truth.right[i][0] for i in kept]).tolist() == [80, 80]
    assert balance(data).tolist() == kept.tolist()
    assert kept.tolist() != [*range(80), *range(120, 200)]


def test_a_class_of_55_percent_stays():
    assert len(balance(labelled([0] * 110 + [1] * 90))) == 200


# "Test too": the task's own test part is balanced apart from the rest.
def test_the_test_part_is_balanced_as_well():
    in_test = np.arange(200) < 100
    data = labelled([0] * 70 + [1] * 30 + [0, 1] * 50, in_test=in_test)
    kept = balance(data)
    assert np.bincount([data.truth.right[i][0] for i in kept if in_test[i]]).tolist() == [30, 30]
    assert (~in_test[kept]).sum() == 100


def test_an_imbalanced_toy_is_balanced_on_disk(bench):
    sizes = {"supervisor_train": None, "student_train": None, "validation": 20, "test": 100}
    bench.prepare(majority=0.8, sizes=sizes)
    facts = bench.facts
    assert 500 < facts["n_dropped_by_balancing"] < 700
    n_class_1 = sum(facts["n_examples"][s] * facts["class_shares"][s][1] for s in facts["n_examples"])
    assert n_class_1 == pytest.approx(sum(facts["n_examples"].values()) / 2, abs=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ids": ["a", "b", "a"]}, '1 ids occur again, the first is "a"'),
        ({"right": [[0], [], [1]]}, 'example "b": its right candidates are \\[\\]'),
        ({"right": [[0], [1], [2]]}, "allowed: one or more of 0 to 1"),
        ({"truth_ids": ["a", "c", "b"]}, "do not have the same ids"),
    ],
)
def test_malformed_examples_are_refused_by_name(change, message):
    ids = change.get("ids", ["a", "b", "c"])
    truth = Truth(change.get("truth_ids", ids), change.get("right", [[0], [1], [0]]))
    with pytest.raises(DataError, match=message):
        check(Labelled(Examples(pa.table({"id": ids, "group": ids}), ("no", "yes")), truth), "t")


def test_the_toy_passes_the_checks():
    check(Toy(n_examples=100, n_classes=3).load(), "toy")
