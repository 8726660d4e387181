"""A method put together in the study itself: some relabelings and an objective."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import WithJsonSchema

from w2slab.methods.method import frozen_features, without_features

if TYPE_CHECKING:
    from w2slab.experiment.trial import Trial
    from w2slab.graph.job import Job
    from w2slab.study.study import Rung, Study

_SCHEMA = {"anyOf": [{"type": "string"}, {"type": "object", "required": ["name"]}]}
Entry = Annotated[Any, WithJsonSchema(_SCHEMA)]  # checked by `Composed` itself, row by row


@dataclass(frozen=True)
class Composed:
    """Put relabelings and an objective together, one after another (naive in all else: Burns et al. 2023, section 3).

    For example `{name: composed, relabelings: [{name: confidence-filter, keep: 0.8}], objective: reverse-kl}`. Each
    relabeling gets the labels that the one before it has made, of all examples; weights of examples multiply, so what
    one leaves out stays out. Rows that need labels of others or true ones are methods of their own and stand in none.

    Args:
        relabelings: Rows of `w2slab list relabelings`, each as its name or as a mapping of its name and fields.
        objective: A row of `w2slab list objectives`, likewise.
    """

    relabelings: tuple[Entry, ...] = ()
    objective: Entry = "cross-entropy"

    def __post_init__(self) -> None:
        """Check every row.

        Raises:
            ValueError: With all that is wrong in them, each with its place.
        """
        wrong = [
            message
            for i, entry in enumerate(self.relabelings)
            for message in _mistakes(f"relabelings[{i}]", "relabelings", entry)
        ]
        wrong += _mistakes("objective", "objectives", self.objective)
        if wrong:
            raise ValueError("; ".join(message.removesuffix(".") for message in wrong))

    def problems(self, study: Study) -> Iterable[str]:
        """Networks without features, or with frozen ones, where a part looks at them."""
        if _needs_features("objectives", self.objective):
            yield from frozen_features(study)
        parts = [("objectives", self.objective), *(("relabelings", each) for each in self.relabelings)]
        if any(_needs_features(kind, entry) for kind, entry in parts):
            yield from without_features(study)

    def student(self, trial: Trial, weak: Rung, strong: Rung, labels: Job) -> Job:
        """The job of the objective, on labels that went through every relabeling."""
        for entry in self.relabelings:
            name, values = _row(entry)
            features = trial.embed(strong) if _needs_features("relabelings", entry) else None
            labels = trial.relabel(name, labels, fields=values, features=features)
        return trial.finetune(strong, labels=labels, objective=_row(self.objective))


def _row(entry: str | dict[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The row that an entry names, and the fields that it gives it."""
    if isinstance(entry, str):
        return entry, {}
    return str(entry["name"]), {key: value for key, value in entry.items() if key != "name"}


def _needs_features(kind: str, entry: str | dict[str, Any]) -> bool:
    from w2slab import registry

    return bool(getattr(registry.load(kind, _row(entry)[0]), "needs_features", False))


def _mistakes(place: str, kind: str, entry: Entry) -> Iterator[str]:
    """What is wrong with an entry, as sentences."""
    from pydantic import ValidationError

    from w2slab import registry
    from w2slab.errors import StudyError

    if not isinstance(entry.get("name") if isinstance(entry, dict) else entry, str):
        yield f"{place}: is the name of a row or a mapping with its `name`, not {entry!r}. See w2slab list {kind}"
        return
    name, values = _row(entry)
    if name not in registry.table(kind):
        yield f'{place}: unknown {kind.removesuffix("s")} "{name}".{registry.closest(name, registry.table(kind))}'
        return
    row = registry.load(kind, name)
    if getattr(row, "needs_others", 0) or getattr(row, "needs_trusted", False):
        yield f"{place}: {name} needs labels beside the supervisor's; it is a method of its own: methods: [{name}]"
    try:
        registry.check(kind, name, values)
        registry.build(kind, name, values)
    except ValidationError as error:
        for each in error.errors():
            where = ".".join([place, *map(str, each["loc"])])
            if each["type"] == "extra_forbidden":
                allowed = list(registry.parameters(kind, name))
                hint = registry.closest(each["loc"][0], allowed) if allowed else f" {name} has no fields."
                yield f"{where}: unknown field.{hint}"
            else:
                yield f"{where}: {each['msg'][0].lower()}{each['msg'][1:]}, not {each['input']!r}"
    except StudyError as error:
        yield f"{place}: {error}"
