"""The naive method with other parts: an objective, relabelings, changes of the recipe."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from w2slab import registry
from w2slab.errors import StudyError
from w2slab.graph.component import Component
from w2slab.methods.method import Method, frozen_features, without_features
from w2slab.methods.recipe_changes import RecipeChange
from w2slab.objectives import CrossEntropy
from w2slab.objectives.objective import Objective
from w2slab.relabelings.relabeling import Relabeling

if TYPE_CHECKING:
    from w2slab.experiment.trial import Trial
    from w2slab.graph.job import Job
    from w2slab.models.model import Model
    from w2slab.study.study import Study


CROSS_ENTROPY = CrossEntropy()


@dataclass(frozen=True)
class Composed(Method):
    """Put relabelings and an objective together, one after another (naive in all else: Burns et al. 2023, section 3).

    For example `{name: composed, relabelings: [{name: confidence-filter, keep: 0.8}], objective: reverse-kl}`. Each
    relabeling gets the labels that the one before it has made, of all examples; weights of examples multiply, so an
    example that one leaves out stays out. Rows that need labels of others or ground truth are methods of their own and
    cannot be parts. The name of an objective or relabeling among the methods stands for this method with that part.

    Args:
        relabelings: Rows of `w2slab list relabelings`, each as its name or as a mapping of its name and fields.
        objective: A row of `w2slab list objectives`, likewise.
        recipe: Rows of `w2slab list recipe-changes`, likewise; the first is made first.
    """

    relabelings: tuple[Relabeling, ...] = ()
    objective: Objective = CROSS_ENTROPY
    recipe: tuple[RecipeChange, ...] = ()

    @property
    def part(self) -> Component | None:
        """Its only part, if it has one."""
        objective = [] if self.objective == CROSS_ENTROPY else [self.objective]
        parts: list[Component] = [*self.relabelings, *objective, *self.recipe]
        return parts[0] if len(parts) == 1 else None

    @property
    def display_name(self) -> str:
        """Name in the results: that of its only part, if it has one."""
        return self.called or registry.name_of(self.part or self)

    def problems(self, study: Study) -> Iterable[str]:
        """Iterate over parts that need what the study does not have: other labels, or features that are trained."""
        for each in self.relabelings:
            if each.needs_others or each.needs_trusted:
                name = registry.name_of(each)
                yield f"{name} needs labels beside the supervisor's; it is a method of its own: methods: [{name}]"
        if self.objective.needs_features or any(each.trains_features for each in self.recipe):
            yield from frozen_features(study)
        if self.objective.needs_features or any(each.needs_features for each in self.relabelings):
            yield from without_features(study)

    def student(self, trial: Trial, weak: Model, strong: Model, labels: Job) -> Job:
        """Return the job of the objective, on labels that went through every relabeling."""
        for each in self.relabelings:
            features = trial.embed(strong) if each.needs_features else None
            labels = trial.relabel(each, labels, features=features)
        recipe = trial.recipe(strong)
        for change in self.recipe:
            recipe = change.of(recipe)
        return trial.finetune(strong, labels=labels, objective=self.objective, recipe=recipe)


def of_part(part: Component, called: str | None = None) -> Composed:
    """Return the naive method with one other part: an objective, a relabeling or a change of the recipe.

    Raises:
        StudyError: It is none of these.
    """
    if isinstance(part, Objective):
        return Composed(objective=part, called=called)
    if isinstance(part, Relabeling):
        return Composed(relabelings=(part,), called=called)
    if isinstance(part, RecipeChange):
        return Composed(recipe=(part,), called=called)
    raise StudyError(f"{type(part).__name__} is neither an objective, a relabeling nor a change of the recipe")


@cache
def parts() -> dict[str, Callable[..., Composed]]:
    """Return a maker of the method for each class of an objective, a relabeling or a change of the recipe."""
    rows = [registry.row("methods", name) for name in registry.table("methods")]
    return {row.kind.__name__: partial(_with_part, row.kind) for row in rows if row.wrap is not None}


def _with_part(kind: type[Component], *values: Any, called: str | None = None, **fields: Any) -> Composed:
    """The naive method with a part of this class, made of its fields."""
    return of_part(kind(*values, **fields), called=called)
