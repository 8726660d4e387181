"""The two studies of a ranking: every method on frozen features, the leading ones finetuned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from w2slab import registry
from w2slab.errors import StudyError
from w2slab.study.parts import HeadTuning
from w2slab.study.study import Study, StudyMethod

BASELINE = "naive"
_NOTHING_BY_ITSELF = {"composed"}  # its parts are those of a study, if anything's


class NotRanked(NamedTuple):
    """A method that is not ranked, and the reason."""

    method: str
    reason: str


def on_features(study: Study, methods: Sequence[str] | None, n_seeds: int) -> tuple[Study, list[NotRanked]]:
    """Return the study with heads in place of models, its methods and those requested, and as many seeds.

    Args:
        study: Tasks, ladder, pairs, splits; methods that it names keep the fields that it gives them.
        methods: Names of the methods to rank; `None` is all rows of the table that the study allows.
        n_seeds: Seeds 0 to `n_seeds` - 1.

    Raises:
        StudyError: A method is unknown, or cannot be ranked here and was requested by name.
    """
    written = {method.display_name: method for method in study.methods if method.called is None}
    baseline = written.get(BASELINE) or _with_defaults(BASELINE)
    tuning = study.tuning or HeadTuning(features_of="task")
    fast = replace(study, tuning=tuning, seeds=tuple(range(n_seeds)), controls=(), methods=(baseline,))
    every = [name for name in registry.table("methods") if name not in _NOTHING_BY_ITSELF or name in written]
    chosen: dict[str, StudyMethod] = {}
    left: list[NotRanked] = []
    for name in dict.fromkeys([BASELINE, *(methods or every)]):
        method, reasons = _tried(fast, written.get(name), name)
        if reasons and methods is not None:
            raise StudyError(f"{name}: {'; '.join(reasons)}")
        if method is None or reasons:
            left.append(NotRanked(name, reasons[0]))
        else:
            chosen[method.display_name] = method
    for method in study.methods:
        reasons = [] if method.called is None else list(method.problems(fast))
        if reasons:
            left.append(NotRanked(method.display_name, reasons[0]))
        elif method.called is not None:
            chosen[method.display_name] = method
    return replace(fast, methods=tuple(chosen.values())), left


def finetuned_study(study: Study, fast: Study, methods: Sequence[str], n_seeds: int) -> tuple[Study, list[NotRanked]]:
    """Return the study as it finetunes, with the baseline and these methods, by their names in the results.

    Args:
        study: The study given to `on_features`.
        fast: The study that it returned; methods that heads cannot have are those of the study or the table.
        methods: Names of the methods to finetune.
        n_seeds: Seeds 0 to `n_seeds` - 1.

    Raises:
        StudyError: A method is unknown.
    """
    known = {method.display_name: method for method in (*fast.methods, *study.methods)}
    known |= {method.display_name: method for method in fast.methods}
    known |= {name: _with_defaults(name) for name in methods if name not in known}
    baseline = known[BASELINE]
    full = replace(study, tuning=None, seeds=tuple(range(n_seeds)), controls=(), methods=(baseline,))
    chosen = [method for name, method in known.items() if name in (BASELINE, *methods)]
    left = [NotRanked(each.display_name, reasons[0]) for each in chosen if (reasons := list(each.problems(full)))]
    names = {each.method for each in left}
    return replace(full, methods=tuple(method for method in chosen if method.display_name not in names)), left


def _tried(study: Study, written: StudyMethod | None, name: str) -> tuple[StudyMethod | None, list[str]]:
    """A method as the study writes it or with its defaults, and the reasons why the study does not allow it."""
    try:
        method = written or _with_defaults(name)
    except StudyError as error:
        return None, [str(error)]
    return method, list(method.problems(study))


def _with_defaults(name: str) -> StudyMethod:
    method: StudyMethod = registry.build("methods", name, {})
    return method if method.display_name == name else replace(method, called=name)
