"""Parts of the test set apart: by difficulty, and by what else is known of examples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from w2slab.analysis.estimator import Batch, Columns, Estimator, Row, columns
from w2slab.analysis.tabular import IDENTITY_COLUMNS, LEVEL, SEEDS, Column, Table, TaskResults

if TYPE_CHECKING:
    from w2slab.data.examples import Examples

N_BINS = 5
MOST_SLICES = 12
LONGEST_NAME = 60  # characters; what is longer is text
UNKNOWN = "not known"


class Slice(NamedTuple):
    """Some of the test examples.

    Args:
        by: The column that tells them from the others.
        name: What they have in common.
        rank: Their place in the order of that column, from 0.
        places: Which they are, int [n].
    """

    by: str
    name: str
    rank: int
    places: np.ndarray


def _rows(results: TaskResults) -> list[Row]:
    """A row per method, pair and slice, seeds pooled; controls are left out.

    Each slice is judged as a test set of its own, with resamples of its own: where PGR is undefined on it there is a
    reason.
    """
    students = [cell for cell in results.reported if cell.identity["control"] is None]
    rows = []
    for each in slices_of(results.estimator.evidence.test.examples) if students else ():
        evidence = results.estimator.evidence.on(f"{each.by}: {each.name}", each.places)
        own = Estimator(evidence, results.study.level, results.study.min_gap)
        names = {"slice_by": each.by, "slice": each.name, "slice_rank": each.rank}
        sizes = {"n_test": len(each.places), "n_groups": own.n_units}
        for cell, row in zip(students, own.rows(_columns, students), strict=True):
            rows.append(cell.ids | {"seeds": cell.seeds} | names | sizes | row)
    return rows


def _columns(batch: Batch) -> Columns:
    pgr = batch.pgr
    return batch.accuracies() | columns("pgr", pgr.estimate) | {"pgr_reason": pgr.reasons, "level": batch.level}


def slices_of(examples: Examples) -> Iterator[Slice]:
    """Properties by which test examples are sliced.

    `difficulty`, where it is a number of at least five values: five bins of equal size, as far as equal values, which
    stay together, allow. Any column of 2 to 12 words, whole numbers, or yes and no, that is not the example itself:
    its values. Examples of which nothing is known come last.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    for name in examples.own_columns:
        column = examples.table.column(name)
        kind = column.type
        if pa.types.is_dictionary(kind):
            column = column.cast(kind.value_type)
            kind = kind.value_type
        is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
        is_word = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_boolean(kind)
        if not (is_number or is_word):
            continue
        if is_number and name == "difficulty":
            values = column.to_numpy().astype(float)
            if len(np.unique(values[np.isfinite(values)])) >= N_BINS:
                yield from _bins(name, values)
                continue
        elif pa.types.is_floating(kind):
            continue
        if 2 <= pc.count_distinct(column, mode="all").as_py() <= MOST_SLICES:
            yield from _values(name, column.to_pylist())


def _bins(by: str, values: np.ndarray) -> Iterator[Slice]:
    known = np.isfinite(values)
    ends = np.quantile(values[known], np.arange(1, N_BINS) / N_BINS, method="inverted_cdf")
    bins = np.where(known, np.searchsorted(ends, values, side="left"), N_BINS)
    members = [np.flatnonzero(bins == rank) for rank in range(N_BINS)]
    members = [places for places in members if len(places)]
    names = _ranges([(float(values[places].min()), float(values[places].max())) for places in members])
    for rank, (name, places) in enumerate(zip(names, members, strict=True)):
        yield Slice(by, name, rank, places)
    if not known.all():
        yield Slice(by, UNKNOWN, len(members), np.flatnonzero(~known))


def _ranges(ends: list[tuple[float, float]]) -> list[str]:
    """Names of ranges, with as few decimals as tell their ends apart."""
    numbers = {end for pair in ends for end in pair}
    fewest = 0 if all(number.is_integer() for number in numbers) else 1
    forms = (f",.{digits}f" for digits in range(fewest, 9))
    form = next((form for form in forms if len({format(n, form) for n in numbers}) == len(numbers)), "")
    return [format(low, form) if low == high else f"{format(low, form)} to {format(high, form)}" for low, high in ends]


def _values(by: str, values: list[Any]) -> Iterator[Slice]:
    known = sorted({value for value in values if value is not None})
    if any(isinstance(value, str) and len(value) > LONGEST_NAME for value in known):
        return
    ranks = {value: rank for rank, value in enumerate(known)}
    places = np.array([ranks.get(value, len(known)) for value in values])
    for rank, value in enumerate([*known, None]):
        own = np.flatnonzero(places == rank)
        if len(own):
            yield Slice(by, _name(value), rank, own)


def _name(value: Any) -> str:
    if value is None:
        return UNKNOWN
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


TABLES = (
    Table(
        "slices", 90, _rows,
        (
            *IDENTITY_COLUMNS,
            SEEDS,
            Column("slice_by", "text", "By", "The column that tells examples apart."),
            Column("slice", "text", "Part", "Its value, or a range of them."),
            Column("slice_rank", "number", "", "The place of the part among its like."),
            Column("n_test", "number", "Test examples"),
            Column("n_groups", "number"),
            Column("supervisor_accuracy", "share", "Supervisor", has_interval=True),
            Column("student_accuracy", "share", "Student", has_interval=True),
            Column("ceiling_accuracy", "share", "Ceiling", has_interval=True),
            Column("pgr", "share", "PGR", has_interval=True),
            Column("pgr_reason", "text", "", "The reason why PGR is undefined."),
            LEVEL,
        ),
    ),
)  # fmt: skip
