"""A task's examples as a table, and its rows dealt into splits: balanced as in the paper, groups kept whole."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from w2slab.data.examples import Labelled, TaskTable
from w2slab.data.layout import SPLITS
from w2slab.errors import DataError
from w2slab.randomness import rng

LARGEST_SHARE = 0.55
TEST, TRAIN, APART = "test", "train", "apart"


def table_of(labelled: Labelled, name: str, *, balanced: bool) -> TaskTable:
    """Return what is kept of a task's examples.

    Args:
        labelled: What the task gave.
        name: Of the task, for messages.
        balanced: Whether a class of over 55 % is cut down.

    Raises:
        DataError: The examples are malformed.
    """
    check(labelled, name)
    everything = np.arange(len(labelled.examples))
    kept = balance(labelled) if balanced else everything
    parts = None
    if labelled.in_test is not None:
        groups = np.array(labelled.examples.groups, dtype=object)
        shares_group = np.isin(groups, groups[labelled.in_test])
        parts = np.where(labelled.in_test, TEST, np.where(shares_group, APART, TRAIN))[kept]
    facts = {
        "n_loaded": len(everything),
        "n_dropped_by_balancing": len(everything) - len(kept),
        "n_examples": len(kept),
    } | ({"n_dropped_by_reading": dict(labelled.dropped)} if labelled.dropped else {})
    if len(kept) == len(everything):
        return TaskTable(name, labelled.examples, labelled.truth, parts, facts)
    return TaskTable(name, labelled.examples.take(kept), labelled.truth.take(kept), parts, facts)


def check(labelled: Labelled, task: str) -> None:
    """Check that ids are unique and each example has at least one right candidate.

    Raises:
        DataError: They are not; names the task and the first example concerned.
    """
    ids, n_candidates = labelled.examples.ids, labelled.examples.n_candidates
    if len(set(ids)) < len(ids):
        first = next(name for name, count in Counter(ids).items() if count > 1)
        raise DataError(
            f'{task}: {len(ids) - len(set(ids))} ids occur again, the first is "{first}"; ids must be unique: remove '
            "repeated examples from the data"
        )
    if labelled.truth.ids != ids:
        raise DataError(f"{task}: ground truth and examples do not have the same ids in the same order")
    for name, right, most in zip(ids, labelled.truth.right, n_candidates, strict=True):
        if not right or min(right) < 0 or max(right) >= most:
            raise DataError(
                f'{task}: example "{name}": its right candidates are {right}; allowed: one or more of 0 to {most - 1}'
            )


def balance(labelled: Labelled) -> np.ndarray:
    """Positions of the examples that stay: a class of over 55 % is cut down at random to one half.

    The task's own test part is balanced apart from the rest. Chance decides by the digest of ids, so that the test
    split is the same for every seed. Where candidates differ by example, or several are right, all examples stay.
    """
    examples, right = labelled.examples, labelled.truth.right
    everything = np.arange(len(examples))
    if examples.classes is None or any(len(r) != 1 for r in right):
        return everything
    labels = np.fromiter((r[0] for r in right), np.int64, len(right))
    parts = [everything] if labelled.in_test is None else [everything[labelled.in_test], everything[~labelled.in_test]]
    return np.sort(np.concatenate([_balanced(part, labels, examples.ids) for part in parts]))


def _balanced(part: np.ndarray, labels: np.ndarray, ids: Sequence[str]) -> np.ndarray:
    counts = np.bincount(labels[part]) if len(part) else np.zeros(1, dtype=np.int64)
    largest = int(counts.argmax())
    if counts[largest] <= LARGEST_SHARE * len(part):
        return part
    frequent = part[labels[part] == largest]
    by_digest = sorted(frequent.tolist(), key=lambda position: _digest("balance", ids[position]))
    others = part[labels[part] != largest]
    return np.concatenate([others, np.array(by_digest[: len(others)], dtype=np.int64)])


def split(table: TaskTable, sizes: Mapping[str, int | None], seed: int) -> dict[str, np.ndarray]:
    """Deal the rows of a table into splits, groups kept whole: the rows of each split, in order.

    Test takes groups in the order of their digests, the same for every seed; the others take what is left in an order
    drawn by the seed. A size that ends within a group leaves out the rest of that group. A size of 0 makes no split.

    Args:
        table: The task's.
        sizes: Examples of each split; `None` is an equal share of what the others leave.
        seed: Decides all but the test split.

    Raises:
        DataError: A split is unknown or there are too few examples.
    """
    unknown = sorted(set(sizes) - set(SPLITS))
    if unknown or "test" not in sizes:
        raise DataError(f"{table.name}: splits {', '.join(sizes)}; allowed: {', '.join(SPLITS)}, and test must be one")
    name, groups = table.name, table.examples.groups
    everything, parts = np.arange(len(table)), table.parts
    pool = everything if parts is None else everything[parts == TEST]
    test_size = sizes["test"]
    if test_size is None:
        test_size = _shares(sizes, len(table))["test"] if parts is None else len(pool)
    by_digest = sorted({groups[i] for i in pool}, key=lambda group: _digest("test", group))
    splits = {"test": _fill(by_digest, _members(pool, groups), test_size)[0]}
    if parts is None:
        seen = {groups[i] for i in splits["test"]}
        rest = np.array([i for i in everything if groups[i] not in seen], dtype=np.int64)
    else:
        rest = everything[parts == TRAIN]
    if len(splits["test"]) < test_size:
        raise _too_few(name, "test", test_size, len(splits["test"]), len(table))
    splits |= _training_splits(rest, groups, {s: n for s, n in sizes.items() if s != "test"}, seed, name, len(table))
    return {each: splits[each] for each in SPLITS if each in splits and len(splits[each])}


def split_facts(table: TaskTable, splits: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return sizes, shares of the classes, and the accuracy of choosing among test candidates at random."""
    shares = None
    if table.examples.classes is not None:
        right = table.truth.probs(table.examples.n_candidates)
        shares = {name: np.round(right[p].mean(axis=0, dtype=np.float64), 6).tolist() for name, p in splits.items()}
    return {
        "n_examples": {name: len(positions) for name, positions in splits.items()},
        "class_shares": shares,
        "chance": float(table.chances[splits["test"]].mean()),
    }


def _training_splits(
    rest: np.ndarray, groups: Sequence[str], sizes: Mapping[str, int | None], seed: int, task: str, n_all: int
) -> dict[str, np.ndarray]:
    members = _members(rest, groups)
    names = sorted(members)
    drawn = [names[i] for i in rng(seed, "split").permutation(len(names))]
    shares, splits = _shares(sizes, len(rest)), {}
    # Splits of a given size come first: what a group's end leaves over is then taken from the equal shares.
    for name in sorted(sizes, key=lambda s: (sizes[s] is None, SPLITS.index(s))):
        splits[name], drawn = _fill(drawn, members, shares[name])
        asked = sizes[name]
        if len(splits[name]) < (1 if asked is None else asked):
            raise _too_few(task, name, asked, len(splits[name]), n_all)
    return splits


def _shares(sizes: Mapping[str, int | None], n_examples: int) -> dict[str, int]:
    """Sizes with `None` replaced by an equal share of what the others leave."""
    given = sum(size for size in sizes.values() if size is not None)
    n_open = sum(size is None for size in sizes.values())
    share = max(n_examples - given, 0) // n_open if n_open else 0
    return {name: share if size is None else size for name, size in sizes.items()}


def _members(positions: np.ndarray, groups: Sequence[str]) -> dict[str, list[int]]:
    members: dict[str, list[int]] = {}
    for position in positions.tolist():
        members.setdefault(groups[position], []).append(position)
    return members


def _fill(order: list[str], members: Mapping[str, list[int]], size: int) -> tuple[np.ndarray, list[str]]:
    """The first `size` examples of the groups in this order, and the groups that were not touched."""
    taken: list[int] = []
    used = 0
    while len(taken) < size and used < len(order):
        taken += members[order[used]]
        used += 1
    return np.array(taken[:size], dtype=np.int64), order[used:]


def _too_few(task: str, name: str, asked: int | None, there: int, n_all: int) -> DataError:
    size = "at least 1" if asked is None else str(asked)
    return DataError(
        f"{task}: the split {name} needs {size} examples and only {there} are left for it, of {n_all} after balancing; "
        "ask for smaller splits or bring more examples"
    )


def _digest(*parts: str) -> bytes:
    return hashlib.sha256("\0".join(parts).encode()).digest()
