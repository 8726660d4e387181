"""The base of all specs, and jobs made of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from w2slab.graph.code import code_files
from w2slab.graph.component import Component
from w2slab.graph.fingerprint import LocalFile, digest
from w2slab.graph.job import Job
from w2slab.objectives.objective import Objective
from w2slab.training.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Spec:
    """The computation of a job: frozen, and it enters the job's key. The function that does the work is beside it.

    The version of a kind is raised when its results change; a change of defaults needs none, since defaults are written
    out.
    """

    KIND: ClassVar[str]
    VERSION: ClassVar[int]
    RUN: ClassVar[str]
    """The function that does one such job, `module:function`."""
    FUSED: ClassVar[str] = ""
    """The function that does many in one call; empty where there is none."""
    BATCHED_BY: ClassVar[str] = ""
    """The input whose spec jobs of one call have in common."""

    def files(self) -> tuple[Path, ...]:
        """Return files that decide the result, beside those of the components."""
        return ()


@dataclass(frozen=True, kw_only=True)
class LearningSpec(Spec):
    """Fields that all trainings on labels have in common.

    Args:
        train_split: The split learned on.
        train_range: First (included) and last (excluded) example of it; `None` is the whole split.
        labels: Ground truth (`true`), or weak labels as they are (`soft`) or as their likeliest candidate (`hard`).
        objective: What is minimised.
        recipe: How.
        predict_train_split: Whether the split learned on is predicted as well.
        seed: Decides new heads and the order of examples.
    """

    train_split: str
    train_range: tuple[int, int] | None = None
    labels: Literal["true", "hard", "soft"]
    objective: Objective
    recipe: Recipe
    predict_train_split: bool = False
    seed: int


class FileDigests:
    """The files that components name, each digested once in a plan."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Component, tuple[LocalFile, ...]]] = {}

    def of(self, spec: Spec) -> tuple[LocalFile, ...]:
        """Return the files that decide a job: of its spec, of the components in it, and of code that is not ours.

        Raises:
            DataError: One of them is missing.
        """
        found = [LocalFile.of(path) for path in spec.files()]
        for component in components(spec):
            found += self.of_component(component)
        return tuple(found)

    def of_component(self, component: Component) -> tuple[LocalFile, ...]:
        """Return the files that a component and its code name."""
        if id(component) not in self._known:
            paths = (*component.files(), *code_files(type(component)))
            self._known[id(component)] = component, tuple(LocalFile.of(path) for path in paths)
        return self._known[id(component)][1]


def components(value: Any) -> Iterator[Component]:
    """Iterate over the components that an object holds, itself included, in the order of fields."""
    if isinstance(value, Component):
        yield value
    if isinstance(value, tuple):
        for each in value:
            yield from components(each)
    elif is_dataclass(value) and not isinstance(value, type):
        for each in fields(value):
            yield from components(getattr(value, each.name))


def job(spec: Spec, *, title: str, files: FileDigests, **inputs: Job) -> Job:
    """Return the job of a spec; where its kind may be fused, all whose input `BATCHED_BY` has the same spec may be."""
    return Job(
        kind=spec.KIND,
        version=spec.VERSION,
        run=spec.RUN,
        spec=spec,
        inputs=inputs,
        files=files.of(spec),
        title=title,
        fused=spec.FUSED,
        batch=digest(inputs[spec.BATCHED_BY].spec) if spec.FUSED else "",
    )
