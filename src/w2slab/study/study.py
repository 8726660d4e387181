"""A study of weak-to-strong generalization: frozen objects, checked as a whole before anything runs."""

from __future__ import annotations

from abc import ABC
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from w2slab import registry
from w2slab.data.splits import Splits
from w2slab.errors import W2SError
from w2slab.fields import Checked, FieldError, Mistake, Name, Whole, closest
from w2slab.graph.component import NOT_IN_KEY, Component
from w2slab.models.model import Model
from w2slab.study.parts import HeadTuning, SourceOfLabels, Statistics, Supervision
from w2slab.tasks.task import Task
from w2slab.training.recipe import Recipe

Control = Literal["shuffled", "random", "constant", "self-training"]


@dataclass(frozen=True)
class StudyMethod(Component, ABC):
    """A method as a study knows it; `w2slab.methods.Method` says how it obtains its student.

    Args:
        called: Name in the results; `None` is that of the row.
    """

    called: Name | None = field(default=None, kw_only=True, metadata=NOT_IN_KEY)

    TABLE: ClassVar[str] = "methods"

    @property
    def display_name(self) -> str:
        """Name in the results."""
        return self.called or registry.name_of(self)

    @property
    def part(self) -> Component | None:
        """The object by whose row a study file writes this method, where it is naive but for that one part."""
        return None

    @property
    def uses_truth(self) -> bool:
        """True if its student is given ground truth of `student_train`; reports then set it apart."""
        return False

    def problems(self, study: Study) -> Iterable[str]:
        """Return what makes this method impossible in a study, as sentences; usually nothing."""
        return ()


@dataclass(frozen=True, kw_only=True)
class Study(Checked):
    """A study: tasks, a ladder of models, methods, seeds.

    Args:
        name: Of the study; its report is named after it.
        tasks: The tasks.
        ladder: Models, weakest first.
        methods: The methods.
        pairs: `[weak, strong]` by name, or `all` pairs in which the weak one is before the strong one on the ladder.
        controls: Students of labels without knowledge, and of a model's own labels.
        seeds: Every pair and method is run once for each.
        splits: Examples of each split.
        weak_labels: The supervisor's choices (`hard`) or its probabilities (`soft`).
        ceiling_learns_on: The split whose ground truth the ceiling learns.
        recipe: How models are finetuned.
        supervision: Where weak labels come from; `None` is a weak model.
        tuning: What is trained; `None` is all that a model's family trains, else a head alone.
        statistics: How results are judged.

    Raises:
        StudyError: With every mistake, each with its place.
    """

    name: Name
    tasks: Annotated[tuple[Task, ...], Field(min_length=1)]
    ladder: Annotated[tuple[Model, ...], Field(min_length=1)]
    methods: Annotated[tuple[StudyMethod, ...], Field(min_length=1)]
    pairs: Literal["all"] | Annotated[tuple[tuple[str, str], ...], Field(min_length=1)] = "all"
    controls: tuple[Control, ...] = ()
    seeds: Annotated[tuple[Annotated[Whole, Field(ge=0, lt=2**31)], ...], Field(min_length=1)] = (0,)
    splits: Splits = Splits()
    weak_labels: Literal["hard", "soft"] = "soft"
    ceiling_learns_on: Literal["student_train", "supervisor_train"] = "student_train"
    recipe: Recipe = Recipe()
    supervision: Supervision | None = None
    tuning: HeadTuning | None = None
    statistics: Statistics = Statistics()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.supervision == Supervision(source="model"):
            object.__setattr__(self, "supervision", None)
        mistakes = list(_cross_checks(self))
        if mistakes:
            raise FieldError(mistakes)

    @property
    def source(self) -> Model | None:
        """A source of labels for which no rung stands, below the whole ladder; `None` where there is none."""
        if self.supervision is None or not self.supervision.is_its_own_supervisor:
            return None
        return SourceOfLabels(self.supervision.called)

    @property
    def sides(self) -> list[Model]:
        """Both sides of all possible pairs, weakest first: the source of labels, where there is one, and the rungs."""
        return [*([] if self.source is None else [self.source]), *self.ladder]

    def rung(self, name: str) -> Model:
        """Return the model of the ladder with this name, or the source of labels."""
        return next(r for r in self.sides if r.name == name)

    def all_pairs(self) -> list[tuple[Model, Model]]:
        """Return every pair of the study, weak before strong, in ladder order."""
        if self.pairs == "all":
            below: list[Sequence[Model]]
            below = [[self.source] if self.source else self.ladder[:j] for j in range(len(self.ladder))]
            return [(weak, strong) for strong, own in zip(self.ladder, below, strict=True) for weak in own]
        return [(self.rung(weak), self.rung(strong)) for weak, strong in self.pairs]

    def between(self, weak: str, strong: str) -> list[str]:
        """Return the names of the rungs between two others, weakest first."""
        names = [side.name for side in self.sides]
        return names[names.index(weak) + 1 : names.index(strong)]

    def recipe_of(self, model: Model) -> Recipe:
        """Return the recipe with the model's own learning rate."""
        return self.recipe if model.lr is None else replace(self.recipe, lr=model.lr)


# --- what no single field shows ---------------------------------------------------------------------------------------


def _cross_checks(study: Study) -> Iterator[Mistake]:
    """Names that clash, pairs that lead nowhere, reserves that are too small."""
    yield from _repeated(study)
    yield from _pair_mistakes(study)
    if study.supervision is not None:
        yield from _supervision_mistakes(study, study.supervision)
    if study.tuning is not None:
        yield from _tuning_mistakes(study, study.tuning)
    if study.recipe.stop_at == "weak-labels" and not study.recipe.curve_points:
        yield Mistake(("recipe", "stop_at"), "weak-labels needs curve_points above 0")
    for i, method in enumerate(study.methods):
        for message in method.problems(study):
            yield Mistake(("methods", i), message)


def _repeated(study: Study) -> Iterator[Mistake]:
    for section, labels in (
        ("ladder", [r.name for r in study.ladder]),
        ("methods", [m.display_name for m in study.methods]),
        ("tasks", [t.display_name for t in study.tasks]),
        ("seeds", study.seeds),
        ("pairs", [] if study.pairs == "all" else [f"{weak}, {strong}" for weak, strong in study.pairs]),
        ("controls", study.controls),
    ):
        seen: Counter[Any] = Counter()
        for i, name in enumerate(labels):
            seen[name] += 1
            if seen[name] > 1:
                hint = "; give each a name of its own with `called:`" if section in ("methods", "tasks") else ""
                yield Mistake((section, i), f'"{name}" stands twice{hint}')


def _pair_mistakes(study: Study) -> Iterator[Mistake]:
    names = [r.name for r in study.sides]
    if study.pairs == "all":
        if len(names) < 2:
            yield Mistake(("ladder",), "one rung makes no pair; add a stronger model")
        return
    for i, (weak, strong) in enumerate(study.pairs):
        unknown = [n for n in (weak, strong) if n not in names]
        for name in unknown:
            yield Mistake(("pairs", i), f'"{name}" is no rung of the ladder.{closest(name, names)}')
        if not unknown and names.index(weak) >= names.index(strong):
            message = f'"{weak}" does not stand before "{strong}" on the ladder, which goes weakest first'
            yield Mistake(("pairs", i), message)


def _tuning_mistakes(study: Study, tuning: HeadTuning) -> Iterator[Mistake]:
    """Mistakes of studies of heads: models without features, or with other readouts."""
    for path, message, _ in tuning.mistakes():
        yield Mistake(("tuning", *path), message)
    for i, model in enumerate(study.ladder):
        try:
            has_features = model.has_features
        except W2SError:
            continue  # a file or a model is missing; planning tells it with its own advice
        if not has_features:
            yield Mistake(("ladder", i), f'tuning: head: the network of "{model.name}" has no features to read')
        elif tuning.readout not in model.readouts:
            allowed = ", ".join(model.readouts)
            message = f'"{tuning.readout}" is not read of "{model.name}"; allowed: {allowed}'
            yield Mistake(("tuning", "readout"), message)


def _supervision_mistakes(study: Study, asked: Supervision) -> Iterator[Mistake]:
    """Mistakes of studies whose weak labels do not come from a weak model."""
    rungs = [rung.name for rung in study.ladder]
    for path, message, _ in asked.mistakes(rungs):
        yield Mistake(("supervision", *path), message)
    if asked.source == "file" and len(study.tasks) > 1:
        message = f"a file labels the examples of one task, not of {len(study.tasks)}; make a study of each"
        yield Mistake(("tasks",), message)
    if asked.errors_of is not None and asked.errors_of not in rungs:
        message = f'"{asked.errors_of}" is no rung of the ladder.{closest(asked.errors_of, rungs)}'
        yield Mistake(("supervision", "errors_of"), message)
    if "self-training" in study.controls:
        place = ("controls", study.controls.index("self-training"))
        yield Mistake(place, "it copies a weak model, and these weak labels come from none; leave it out")
    if asked.is_its_own_supervisor:
        for i, (weak, _) in enumerate(study.pairs if study.pairs != "all" else []):
            if weak != asked.called and weak in rungs:
                message = (
                    f'the supervisor is "{asked.called}" and no rung: write [{asked.called}, strong], or pairs: all'
                )
                yield Mistake(("pairs", i), message)
