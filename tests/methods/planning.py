"""A small study on the toy task, its plan, and the student of a pair."""

from __future__ import annotations

import textwrap
from pathlib import Path

from w2slab.errors import StudyError
from w2slab.experiment.plan import Plan, plan
from w2slab.graph.job import Job
from w2slab.study.document import override, parse_document
from w2slab.study.reading import check_study
from w2slab.study.study import Study

TEXT = """
    name: small
    tasks: [toy]
    ladder:
      - {name: a, family: linear, n_features: 2}
      - {name: b, family: linear, n_features: 4}
      - {name: c, family: linear, n_features: 8}
    methods: [naive]
    splits: {supervisor_train: 200, student_train: 200, validation: 50, test: 200}
    recipe: {epochs: 3, lr: 0.02, curve_points: 0}
    statistics: {resamples: 200}
"""


def study(*settings: str) -> Study:
    """The study with overrides as `--set` takes them."""
    document = parse_document(textwrap.dedent(TEXT))
    for setting in settings:
        override(document, setting)
    return check_study(document, Path())


def planned(*settings: str) -> Plan:
    """Its plan."""
    return plan(study(*settings))


def student(of: Plan, weak: str = "b", strong: str = "c", method: str | None = None) -> Job:
    """The student of a pair by the last method of the plan, or by another."""
    method = of.comparisons[-1].method if method is None else method
    (found,) = [c.student for c in of.comparisons if (c.weak, c.strong, c.method) == (weak, strong, method)]
    return found


def comparison(of: Plan, weak: str = "b", strong: str = "c", method: str | None = None):
    """As `student`, with supervisor and ceiling."""
    method = of.comparisons[-1].method if method is None else method
    (found,) = [c for c in of.comparisons if (c.weak, c.strong, c.method) == (weak, strong, method)]
    return found


def problems(*settings: str) -> str:
    """What is said to a study that cannot be."""
    try:
        study(*settings)
    except StudyError as error:
        return str(error)
    return ""
