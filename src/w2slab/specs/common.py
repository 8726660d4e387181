"""What all specs share: rows of tables, jobs made of specs, and students held against supervisors and ceilings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import TypeAdapter

from w2slab.graph.fingerprint import digest
from w2slab.graph.job import Job

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class PluginSpec:
    """A row of one of the tables (tasks, models, objectives) with all its fields.

    Args:
        name: The row.
        fields: Values by field; the place of a file and a rung's own name stand aside, since `files` decide.
        files: The files on disk that decide the result, each a `LocalFile`.
    """

    name: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[Any, ...] = ()


def job(spec: Any, *, title: str, **inputs: Job) -> Job:
    """A job of the spec's kind; where that may be fused, all whose input `BATCHED_BY` has the same spec may be."""
    fused = getattr(spec, "FUSED", "")
    return Job(
        kind=spec.KIND,
        version=spec.VERSION,
        run=spec.RUN,
        spec=spec,
        inputs=inputs,
        title=title,
        fused=fused,
        batch=digest(inputs[spec.BATCHED_BY].spec) if fused else "",
    )


def restore(kind: type[T], payload: Mapping[str, Any]) -> T:
    """The spec a worker was sent as plain JSON."""
    return TypeAdapter(kind).validate_python(payload)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One student beside its supervisor and its ceiling: a row of the results.

    Args:
        task, weak, strong, method: Names as the study gives them.
        control: `None`, or what was done to the weak labels (`shuffled`, `random`, `constant`), or
            `self-training` where the student is a copy of its supervisor.
        uses_truth: Whether the student was told true labels of `student_train`: then it is a reference, not a student
            of weak labels.
        data: The `split` job of the task, whose input is the `task` job with the examples and their ground truth.
        supervisor, student, ceiling: Jobs that leave predictions.
    """

    task: str
    weak: str
    strong: str
    method: str
    seed: int
    control: str | None
    uses_truth: bool = False
    data: Job
    supervisor: Job
    student: Job
    ceiling: Job
