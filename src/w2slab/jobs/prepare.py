"""Task -> its table of examples, written once; and for each seed, the rows of it that each split holds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from w2slab import registry
from w2slab.data.artifacts import read_task, write_positions, write_task
from w2slab.data.examples import TaskTable
from w2slab.data.splits import Splits
from w2slab.data.splitting import split as dealt
from w2slab.data.splitting import split_facts, table_of
from w2slab.graph.job import JobContext
from w2slab.jobs.spec import Spec
from w2slab.tasks.task import Task


@dataclass(frozen=True, kw_only=True)
class TaskSpec(Spec):
    """Task -> the table of its examples, balanced where the task asks for it, and their ground truth. No input."""

    KIND: ClassVar[str] = "task"
    VERSION: ClassVar[int] = 1
    RUN: ClassVar[str] = "w2slab.jobs.prepare:task"

    task: Task


@dataclass(frozen=True, kw_only=True)
class SplitSpec(Spec):
    """Table of a task -> the positions of each split. Input: `task`.

    Args:
        sizes: Examples of each split; `None` takes an equal share of what is left. Groups are kept whole.
        seed: Decides which examples go where; the test split does not depend on it.
    """

    KIND: ClassVar[str] = "split"
    VERSION: ClassVar[int] = 1
    RUN: ClassVar[str] = "w2slab.jobs.prepare:split"

    sizes: Splits
    seed: int


def task(spec: TaskSpec, context: JobContext) -> dict[str, Any]:
    """Write the examples of a task and, apart from them, their ground truth.

    Raises:
        DataError: The task's examples are malformed.
    """
    table = load_task(spec.task)
    write_task(context.out, table)
    return dict(table.facts)


def split(spec: SplitSpec, context: JobContext) -> dict[str, Any]:
    """Write which examples of a task each split holds.

    Raises:
        DataError: There are too few examples for the sizes asked for.
    """
    table = read_task(context.inputs["task"])
    splits = dealt(table, spec.sizes.sizes(), spec.seed)
    facts = split_facts(table, splits)
    write_positions(context.out, splits, facts)
    return facts


def load_task(task: Task) -> TaskTable:
    """Return the task's examples that are kept, with their form as text where the task gives one.

    Raises:
        DataError: The task's examples are malformed.
    """
    table = table_of(task.load(), registry.name_of(task), balanced=task.balanced)
    return replace(table, examples=table.examples.with_texts(task.as_text(table.examples)))
