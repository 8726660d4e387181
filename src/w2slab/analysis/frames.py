"""Results as pandas frames: the tables of a study, and the predictions behind them, a row per student and example."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from w2slab.analysis.estimator import ROLES, Row
from w2slab.analysis.outcomes import Reading, TestSet, read_outcome, test_set
from w2slab.analysis.tables import all_tables
from w2slab.data.labels import Labels
from w2slab.errors import StudyError

if TYPE_CHECKING:
    import pandas as pd

    from w2slab.graph.job import Job
    from w2slab.jobs.comparison import Comparison

IDS = ("task", "weak", "strong", "method", "control", "seed")
# What a model reads: large, and of little use beside a probability.
_READ = {"text", "answer", "candidates", "features"}
_OF_ROLE = {"choice": "int64", "confidence": "float64", "right": "bool"}
_OWN = {
    **dict.fromkeys(IDS[:-1], "category"),
    **{"seed": "int64", "id": "str", "group": "str", "label": "int64", "n_candidates": "int64"},
    **{f"{role}_{name}": dtype for role in ROLES for name, dtype in _OF_ROLE.items()},
}


def table_frame(tables: Mapping[str, Sequence[Row]], name: str) -> pd.DataFrame:
    """One of the tables of results as a frame; see `Results.frame`."""
    if name not in tables:
        raise StudyError(f"frame({name!r}): there is no such table; allowed: {', '.join(tables)}")
    import pandas as pd

    rows = tables[name]
    may_lack = {column.name for column in all_tables()[name].columns if column.may_lack}
    columns = rows[0] if rows else ()
    return pd.DataFrame(
        {column: _series([row[column] for row in rows], may_lack=column in may_lack) for column in columns}
    )


def _series(values: list[Any], *, may_lack: bool) -> pd.Series:
    """A column whose type is the same in every study: numbers that lack are NaN, words that lack are missing."""
    import pandas as pd

    if may_lack:
        return pd.Series(values, dtype="float64")
    are_words = all(value is None or isinstance(value, str) for value in values)
    return pd.Series(values, dtype="str" if are_words else None)


def predictions_frame(
    done: Sequence[Comparison],
    planned: Sequence[Comparison],
    store: Reading,
    wanted: Mapping[str, Any],
    *,
    probs: bool = False,
) -> pd.DataFrame:
    """Per-example predictions of the students that are wanted; see `Results.predictions`.

    Args:
        done: Comparisons whose jobs are in the store.
        planned: All comparisons of the study.
        store: Where the jobs' results are.
        wanted: By column of `IDS`, a value, several values, or `None` for all (of `control`: for none).
        probs: Whether probabilities of all candidates are given, too.
    """
    import pandas as pd

    allowed = _allowed(planned, wanted)
    chosen = [c for c in done if all(getattr(c, name) in values for name, values in allowed.items())]
    if not any(all(getattr(c, name) in values for name, values in allowed.items()) for c in planned):
        asked = ", ".join(f"{name}={value!r}" for name, value in wanted.items() if value is not None)
        raise StudyError(f"predictions({asked}): each of these is there, but no student of the study has all of them")
    # Categories of the whole study, in its own order, so that frames of its parts can be put together.
    ids = {name: pd.CategoricalDtype(_names(planned, name)) for name in IDS[:-1]}
    reader = _Reader(store)
    parts = [_part(c, reader, ids, probs=probs) for c in sorted(chosen, key=lambda c: c.task)]
    if parts:
        return pd.concat(parts, ignore_index=True)
    columns = _OWN | ids | ({f"{role}_probs": "object" for role in ROLES} if probs else {})
    return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in columns.items()})


def _allowed(planned: Sequence[Comparison], wanted: Mapping[str, Any]) -> dict[str, set[Any]]:
    """The values that are wanted of each column.

    Raises:
        StudyError: A value is of no comparison.
    """
    allowed = {}
    for name, value in wanted.items():
        if value is None and name != "control":
            continue
        there = {getattr(c, name): None for c in planned}
        values = [value] if value is None or isinstance(value, str) or not np.iterable(value) else list(value)
        for each in values:
            if each is not None and each not in there:
                names = ", ".join(map(repr, there)) or "nothing"
                raise StudyError(f"predictions({name}={each!r}): there is no such {name} in this study; it has {names}")
        allowed[name] = set(values)
    return allowed


def _names(planned: Sequence[Comparison], name: str) -> list[str]:
    found = dict.fromkeys(getattr(c, name) for c in planned)
    return [value for value in found if value is not None]


class _Reader:
    """Test examples of a task and predictions of models on them, each read once."""

    def __init__(self, store: Reading) -> None:
        self._store = store
        self._tests: dict[str, tuple[TestSet, Row]] = {}
        self._models: dict[str, Labels] = {}

    def test(self, data: Job) -> tuple[TestSet, Row]:
        """The test examples of a data job, and their columns."""
        if data.key not in self._tests:
            test = test_set(data, self._store)
            columns: Row = dict(_shown(test.table))
            columns["label"] = np.array([right[0] for right in test.right], dtype=np.int64)
            columns["n_candidates"] = test.n_candidates
            self._tests[data.key] = test, columns
        return self._tests[data.key]

    def model(self, key: str, test: TestSet, task: str) -> Labels:
        """A model's predictions for the test examples."""
        if key not in self._models:
            self._models[key] = read_outcome(test, self._store, key, task)
        return self._models[key]


def _shown(table: Any) -> Iterator[tuple[str, Any]]:
    """Columns of test examples that are small: no lists, nothing that a model reads."""
    import pyarrow as pa

    for name in ("id", "group", *(n for n in table.column_names if n not in _READ and n not in _OWN)):
        column = table.column(name)
        if not pa.types.is_nested(column.type):
            yield name, column.to_pandas()


def _part(comparison: Comparison, reader: _Reader, ids: Mapping[str, Any], *, probs: bool) -> pd.DataFrame:
    """The test examples of one student."""
    import pandas as pd

    test, shown = reader.test(comparison.data)
    n = len(test)
    columns: Row = {name: pd.Series([getattr(comparison, name)] * n, dtype=dtype) for name, dtype in ids.items()}
    columns |= {"seed": np.full(n, comparison.seed, dtype=np.int64)} | shown
    for role in ROLES:
        model = reader.model(getattr(comparison, role).key, test, comparison.task)
        columns[f"{role}_choice"] = model.choices
        columns[f"{role}_confidence"] = model.probs[np.arange(n), model.choices].astype(float)
        columns[f"{role}_right"] = test.is_right[np.arange(n), model.choices]
    if probs:
        for role in ROLES:
            model = reader.model(getattr(comparison, role).key, test, comparison.task)
            columns[f"{role}_probs"] = [row[:k] for row, k in zip(model.probs, model.n_candidates, strict=True)]
    return pd.DataFrame(columns)
