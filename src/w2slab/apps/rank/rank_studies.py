"""The two studies of a ranking: every method on frozen features, the leading ones finetuned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from w2slab import registry
from w2slab.errors import StudyError
from w2slab.study.parts import HeadTuning
from w2slab.study.study import MethodEntry, Study, label

BASELINE = "naive"
_NOTHING_BY_ITSELF = {"composed"}  # what it is made of stands in a study, if anywhere


class NotRanked(NamedTuple):
    """A method that is not ranked, and why."""

    method: str
    reason: str


def on_features(study: Study, methods: Sequence[str] | None, n_seeds: int) -> tuple[Study, list[NotRanked]]:
    """The study with heads in place of models, its methods and those asked for, and as many seeds.

    Args:
        study: Tasks, ladder, pairs, splits; methods that it names keep the fields that it gives them.
        methods: Which are ranked; `None` is all rows of the table that the study allows.
        n_seeds: Seeds 0 to `n_seeds` - 1.

    Raises:
        StudyError: A method is unknown, or cannot be ranked here and was asked for by name.
    """
    fast = study.model_copy(
        update={
            "tuning": study.tuning or HeadTuning(features_of="task"),
            "seeds": list(range(n_seeds)),
            "controls": [],
        }
    )
    written = {entry.name: entry for entry in study.methods if entry.called is None}
    every = [name for name in registry.table("methods") if name not in _NOTHING_BY_ITSELF or name in written]
    names = list(dict.fromkeys([BASELINE, *(methods or every)]))
    entries: list[MethodEntry] = []
    left: list[NotRanked] = []
    for name in names:
        entry = written.get(name) or _with_defaults(name)
        reasons = list(_obstacles(fast, entry))
        if reasons and methods is not None:
            raise StudyError(f"{name}: {'; '.join(reasons)}")
        if reasons:
            left.append(NotRanked(name, reasons[0]))
        else:
            entries.append(entry)
    for entry in study.methods:
        reasons = [] if entry.called is None else list(_obstacles(fast, entry))
        if reasons:
            left.append(NotRanked(label(entry), reasons[0]))
        elif entry.called is not None:
            entries.append(entry)
    return fast.model_copy(update={"methods": _once(entries)}), left


def finetuned_study(study: Study, fast: Study, methods: Sequence[str], n_seeds: int) -> tuple[Study, list[NotRanked]]:
    """The study as it finetunes, with the baseline and these methods, by their names in the results.

    Args:
        study: What `on_features` was given.
        fast: What it made of that; methods that heads cannot have (`lp-ft`) are taken from the study or the table.
        methods: Which are finetuned.
        n_seeds: Seeds 0 to `n_seeds` - 1.

    Raises:
        StudyError: A method is unknown.
    """
    full = study.model_copy(update={"tuning": None, "seeds": list(range(n_seeds)), "controls": []})
    known = {label(entry): entry for entry in fast.methods}
    known |= {label(entry): entry for entry in study.methods if label(entry) not in known}
    known |= {name: _with_defaults(name) for name in methods if name not in known}
    chosen = [entry for name, entry in known.items() if name in (BASELINE, *methods)]
    left = [NotRanked(label(entry), reasons[0]) for entry in chosen if (reasons := list(_obstacles(full, entry)))]
    names = {each.method for each in left}
    return full.model_copy(update={"methods": [entry for entry in chosen if label(entry) not in names]}), left


def _with_defaults(name: str) -> MethodEntry:
    if name not in registry.table("methods"):
        raise StudyError(f'unknown method "{name}".{registry.closest(name, registry.table("methods"))}')
    return MethodEntry(name=name)


def _obstacles(study: Study, entry: MethodEntry) -> Iterator[str]:
    """Why the study does not allow a method."""
    try:
        method = registry.build("methods", entry.name, entry.fields)
    except StudyError as error:
        yield str(error)
        return
    yield from method.problems(study)


def _once(entries: list[MethodEntry]) -> list[MethodEntry]:
    return list({label(entry): entry for entry in entries}.values())
