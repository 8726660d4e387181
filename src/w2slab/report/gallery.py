"""Test examples worth reading: where a student knew better, where it knew worse, and where both were sure and wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from w2slab.data.artifacts import read_predictions
from w2slab.data.task_data import TaskData
from w2slab.report.exhibits import Exhibit, Form, Judged, asked, exhibit

if TYPE_CHECKING:
    from w2slab.analysis import Results
    from w2slab.analysis.outcomes import Reading
    from w2slab.jobs.comparison import Comparison

_MOST_SHOWN = 6


@dataclass(frozen=True)
class Kind:
    """Examples of one kind: how many there are, and the most telling ones."""

    n: int
    exhibits: list[Exhibit]


@dataclass(frozen=True)
class Kinds:
    """The examples of one supervisor and one student, by kind.

    Args:
        form: How they are shown.
        n_right, n_wrong: Test examples that the supervisor got right, and wrong.
        n_both_wrong: Those that the student got wrong as well.
        corrected: Supervisor wrong, student right.
        spoiled: Supervisor right, student wrong.
        both_sure: Both wrong, each at least as sure as on its median test example.
        n_same_error: Of these, on which both made the same choice; `None` where wrong is wrong, of two candidates.
    """

    form: Form
    n_right: int
    n_wrong: int
    n_both_wrong: int
    corrected: Kind
    spoiled: Kind
    both_sure: Kind
    n_same_error: int | None

    @property
    def exhibits(self) -> list[Exhibit]:
        """All that is shown."""
        return [*self.corrected.exhibits, *self.spoiled.exhibits, *self.both_sure.exhibits]


@dataclass(frozen=True)
class Gallery:
    """The examples of one comparison."""

    task: str
    weak: str
    strong: str
    method: str
    seed: int
    kinds: Kinds

    @property
    def exhibits(self) -> list[Exhibit]:
        """All that is shown."""
        return self.kinds.exhibits


def galleries(results: Results, comparisons: Sequence[Comparison], store: Reading) -> Iterator[Gallery]:
    """A gallery for each task whose examples can be shown."""
    reported = results.reported()
    missing = {id(m.comparison) for m in results.missing}
    base = results.baseline
    for task in dict.fromkeys(r["task"] for r in reported):
        own = [r for r in reported if r["task"] == task and r["method"] == base] or [
            r for r in reported if r["task"] == task
        ]
        # The pair with the most errors to mend and the student that mended most of them.
        row = max(own, key=lambda r: (1 - r["supervisor_accuracy"]) * r["student_accuracy"])
        names = ("task", "weak", "strong", "method", "control")
        chosen = next(
            c for c in comparisons if id(c) not in missing and all(getattr(c, name) == row[name] for name in names)
        )
        kinds = sort_out(_read(chosen, store))
        if kinds is not None and kinds.exhibits:
            yield Gallery(chosen.task, chosen.weak, chosen.strong, chosen.method, chosen.seed, kinds)


def _read(comparison: Comparison, store: Reading) -> Judged:
    data = TaskData.made_by(comparison.data, store.folder)
    supervisor, student = (
        read_predictions(store.folder(job.key), "test") for job in (comparison.supervisor, comparison.student)
    )
    return Judged(
        comparison.data.inputs["task"].spec.task, data.examples("test"), data.truth("test"), supervisor, student
    )


def sort_out(judged: Judged) -> Kinds | None:
    """The examples by kind, of each kind first those of which both models were surest.

    Returns:
        `None` where there is nothing to show: neither positions nor texts, or no examples.
    """
    if judged.form is None or not len(judged.examples):
        return None
    right, student_right = judged.supervisor_right, judged.student_right
    confidences = [p.probs.max(axis=1) for p in (judged.supervisor, judged.student)]
    surest = confidences[0] * confidences[1]
    both_wrong = ~right & ~student_right
    both_sure = both_wrong & np.all([own >= np.median(own) for own in confidences], axis=0)
    same = judged.supervisor.choices == judged.student.choices
    return Kinds(
        form=judged.form,
        n_right=int(right.sum()),
        n_wrong=int((~right).sum()),
        n_both_wrong=int(both_wrong.sum()),
        corrected=_kind(judged, ~right & student_right, surest),
        spoiled=_kind(judged, right & ~student_right, surest),
        both_sure=_kind(judged, both_sure, surest),
        n_same_error=int((both_sure & same).sum()) if judged.examples.n_candidates.max() > 2 else None,
    )


def _kind(judged: Judged, of_kind: np.ndarray, surest: np.ndarray) -> Kind:
    places = np.flatnonzero(of_kind)
    by_telling = places[np.argsort(-surest[places], kind="stable")]
    return Kind(len(places), list(islice(_exhibits(judged, by_telling), _MOST_SHOWN)))


def _exhibits(judged: Judged, places: np.ndarray) -> Iterator[Exhibit]:
    seen: set[tuple[str, str | None]] = set()
    for place in places.tolist():
        key = asked(judged, place)
        shown = None if key in seen else exhibit(judged, place)
        if shown is not None:
            seen.add(key)
            yield shown
