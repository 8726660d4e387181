"""Task -> its table of examples, written once; and for each seed, the rows of it that each split holds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from w2slab.data.artifacts import read_task, write_positions, write_task
from w2slab.data.examples import TaskTable
from w2slab.data.splitting import split as dealt
from w2slab.data.splitting import split_facts, table_of
from w2slab.graph.job import JobContext
from w2slab.jobs import plugins
from w2slab.specs import PluginSpec, SplitSpec, TaskSpec, restore


def task(spec: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Write the examples of a task and, apart from them, their ground truth.

    Raises:
        DataError: The task's examples are malformed.
    """
    table = load_task(restore(TaskSpec, spec).task)
    write_task(context.out, table)
    return dict(table.facts)


def split(spec: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Write which examples of a task each split holds.

    Raises:
        DataError: There are too few examples for the sizes asked for.
    """
    asked = restore(SplitSpec, spec)
    table = read_task(context.inputs["task"])
    splits = dealt(table, asked.sizes, asked.seed)
    facts = split_facts(table, splits)
    write_positions(context.out, splits, facts)
    return facts


def load_task(plugin: PluginSpec) -> TaskTable:
    """Return the task's examples that are kept, with their form as text where the task gives one.

    Raises:
        DataError: The task's examples are malformed.
    """
    row = plugins.build("tasks", plugin)
    table = table_of(row.load(), plugin.name, balanced=row.balanced)
    return replace(table, examples=table.examples.with_texts(row.as_text(table.examples)))
