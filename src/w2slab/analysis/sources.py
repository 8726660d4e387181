"""Supervisors that are no models: labels of a file, or ground truth with errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from w2slab.jobs.comparison import Comparison
    from w2slab.study.parts import Supervision


def label_sources(comparisons: Iterable[Comparison], supervision: Supervision | None) -> dict[str, str]:
    """Describe the labels that stand for each supervisor that is no model, by its name.

    Args:
        comparisons: Of a study.
        supervision: The study's; `None` where weak labels come from weak models.
    """
    if supervision is None:
        return {}
    is_file = supervision.path is not None
    words = f"labels of {supervision.path.name}" if supervision.path is not None else supervision.words("it")
    kind = "label-file" if is_file else "corrupt"
    return dict.fromkeys((c.weak for c in comparisons if c.supervisor.kind == kind), words)


def source_notes(sources: Mapping[str, str]) -> list[str]:
    """A sentence for each kind of labels, with the names of the supervisors that stand for it."""
    names: dict[str, list[str]] = {}
    for name, words in sources.items():
        names.setdefault(words, []).append(name)
    return [
        f"As {'a supervisor' if len(own) == 1 else 'supervisors'}, {', '.join(own)} "
        f"{'stands' if len(own) == 1 else 'stand'} for {_of(words, own)}; no model gave them."
        for words, own in names.items()
    ]


def _of(words: str, names: list[str]) -> str:
    return words if len(names) == 1 else words.replace("as many as it has", "as many as each has")
