"""Task -> splits on disk: balanced as in the paper, groups kept whole, the test split the same for every seed."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from w2slab import registry
from w2slab.data.artifacts import write_examples, write_prepared, write_split
from w2slab.data.examples import Labelled, Truth
from w2slab.data.splits import SPLITS, Splits
from w2slab.errors import DataError
from w2slab.graph.job import JobContext
from w2slab.jobs.setup import quiet_libraries
from w2slab.jobs.spec import Spec
from w2slab.randomness import rng
from w2slab.tasks.task import Task

LARGEST_SHARE = 0.55
POOL = "pool"


@dataclass(frozen=True, kw_only=True)
class PrepareSpec(Spec):
    """Task -> splits on disk.

    Args:
        sizes: Examples of each split; `None` takes an equal share of what is left. Groups are kept whole.
        seed: Decides which examples go where; the test split does not depend on it.
    """

    KIND: ClassVar[str] = "prepare"
    VERSION: ClassVar[int] = 1
    RUN: ClassVar[str] = "w2slab.jobs.prepare:prepare"

    task: Task
    sizes: Splits
    seed: int


@dataclass(frozen=True, kw_only=True)
class PoolSpec(Spec):
    """Task -> all its examples, as the one split `pool`, for features that serve every seed. No input."""

    KIND: ClassVar[str] = "pool"
    VERSION: ClassVar[int] = 1
    RUN: ClassVar[str] = "w2slab.jobs.prepare:pool"

    task: Task


def prepare(spec: PrepareSpec, context: JobContext) -> dict[str, Any]:
    """Write the splits of a task, examples and true labels apart.

    Raises:
        DataError: The task's examples are malformed, or too few for the sizes asked for.
    """
    labelled, kept = load_task(spec.task)
    splits = split(labelled, kept, spec.sizes.sizes(), spec.seed, registry.name_of(spec.task))
    for name, positions in splits.items():
        write_split(context.out, name, labelled.examples.take(positions), _take(labelled.truth, positions))
    facts = _facts(labelled, kept, splits)
    write_prepared(context.out, facts)
    return facts


def pool(spec: PoolSpec, context: JobContext) -> dict[str, Any]:
    """Write all examples that `prepare` would split, whatever its seed, as the one split `pool`; no true label.

    Raises:
        DataError: The task's examples are malformed.
    """
    labelled, kept = load_task(spec.task)
    classes = labelled.examples.classes
    write_examples(context.out, POOL, labelled.examples.take(kept))
    facts = {
        "classes": None if classes is None else list(classes),
        "n_loaded": len(labelled.examples),
        "n_dropped_by_balancing": len(labelled.examples) - len(kept),
        "n_examples": {POOL: len(kept)},
    }
    write_prepared(context.out, facts)
    return facts


def load_task(task: Task) -> tuple[Labelled, np.ndarray]:
    """The task's examples, and the positions of those that stay after balancing.

    Raises:
        DataError: The task's examples are malformed.
    """
    quiet_libraries()
    labelled = task.load()
    check(labelled, registry.name_of(task))
    return labelled, balance(labelled) if task.balanced else np.arange(len(labelled.examples))


def check(labelled: Labelled, task: str) -> None:
    """Whether ids are unique and each example has at least one right candidate.

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
        raise DataError(f"{task}: true labels and examples do not have the same ids in the same order")
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


def split(
    labelled: Labelled, kept: np.ndarray, sizes: Mapping[str, int | None], seed: int, task: str
) -> dict[str, np.ndarray]:
    """Positions of each split's examples, groups kept whole.

    Test takes groups in the order of their digests; the others take what is left in an order drawn by the seed. A size
    that ends within a group leaves out the rest of that group. A size of 0 makes no split.

    Raises:
        DataError: A split is unknown or there are too few examples.
    """
    unknown = sorted(set(sizes) - set(SPLITS))
    if unknown or "test" not in sizes:
        raise DataError(f"{task}: splits {', '.join(sizes)}; allowed: {', '.join(SPLITS)}, and test must be one")
    groups = labelled.examples.table.column("group").to_pylist()
    in_test = labelled.in_test
    pool = kept if in_test is None else kept[in_test[kept]]
    test_size = sizes["test"]
    if test_size is None:
        test_size = _shares(sizes, len(kept))["test"] if in_test is None else len(pool)
    by_digest = sorted({groups[i] for i in pool}, key=lambda group: _digest("test", group))
    splits = {"test": _fill(by_digest, _members(pool, groups), test_size)[0]}
    seen = {groups[i] for i in (splits["test"] if in_test is None else np.flatnonzero(in_test))}
    rest = np.array([i for i in kept if groups[i] not in seen], dtype=np.int64)
    if len(splits["test"]) < test_size:
        raise _too_few(task, "test", test_size, len(splits["test"]), len(kept))
    splits |= _training_splits(rest, groups, {s: n for s, n in sizes.items() if s != "test"}, seed, task, len(kept))
    return {name: splits[name] for name in SPLITS if name in splits and len(splits[name])}


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


def _take(truth: Truth, positions: np.ndarray) -> Truth:
    return Truth([truth.ids[i] for i in positions], [list(truth.right[i]) for i in positions])


def _facts(labelled: Labelled, kept: np.ndarray, splits: Mapping[str, np.ndarray]) -> dict[str, Any]:
    examples, truth = labelled.examples, labelled.truth
    shares = None
    if examples.classes is not None:
        right = truth.probs(examples.n_candidates)
        shares = {name: np.round(right[p].mean(axis=0, dtype=np.float64), 6).tolist() for name, p in splits.items()}
    chances = np.array([len(r) for r in truth.right]) / examples.n_candidates
    return {
        "classes": None if examples.classes is None else list(examples.classes),
        "n_loaded": len(examples),
        "n_dropped_by_balancing": len(examples) - len(kept),
        "n_examples": {name: len(positions) for name, positions in splits.items()},
        "class_shares": shares,
        "chance": float(chances[splits["test"]].mean()),
    } | ({"n_dropped_by_reading": dict(labelled.dropped)} if labelled.dropped else {})
