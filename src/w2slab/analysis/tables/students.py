"""Tables of students: seed by seed (`rows`), and seeds pooled (`summary`)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from w2slab.analysis.estimator import ROLES, Batch, Cell, Columns, Pgr, Row, assembled, columns, undefined
from w2slab.analysis.outcomes import Reading
from w2slab.analysis.tabular import IDENTITY_COLUMNS, LEVEL, SEEDS, Column, Table, TaskResults
from w2slab.analysis.verdicts import smallest_detectable
from w2slab.stats.ratio import Ratio
from w2slab.stats.resampling import Estimate, covers

if TYPE_CHECKING:
    from w2slab.graph.job import Job

_AGREEMENTS = ("all", "right", "wrong")


def student_columns(batch: Batch, *, with_agreement: bool = True) -> Columns:
    """Accuracies, gap, PGR and agreement."""
    found, pgr, test = batch.accuracies(), batch.pgr, batch.estimator.evidence.test
    found |= {"chance": test.chance} | columns("gap", pgr.gap) | columns("pgr", pgr.estimate)
    found |= {"pgr_reason": pgr.reasons} | _checks(batch, pgr) | _detectable(batch, pgr)
    found["level"] = batch.level
    agreements = _agreement(batch) if with_agreement else [undefined(len(batch))] * len(_AGREEMENTS)
    for name, estimate in zip(_AGREEMENTS, agreements, strict=True):
        found |= columns(f"agreement_{name}", estimate)
    return found


def _checks(batch: Batch, pgr: Pgr) -> Columns:
    """The other two intervals of PGR."""
    found: Columns = {}
    of = undefined(len(batch))
    bca, fieller = (of.low, of.high), (of.low, of.high)
    if pgr.is_defined.any():
        bca, fieller = pgr.ratio.bca(pgr.draws, _unit_scores(batch, pgr.ratio)), pgr.ratio.fieller()
    for name, ends in (("bca", bca), ("fieller", fieller)):
        for end, value in zip(("low", "high"), ends, strict=True):
            found[f"pgr_{name}_{end}"] = np.where(pgr.is_defined, value, np.nan)
    return found


def _unit_scores(batch: Batch, ratio: Ratio) -> np.ndarray:
    """The first-order error of PGR of each group of examples, meaned over seeds: float64 [C, U]."""
    supervisor, student, ceiling = (batch.values("right", role).mean(axis=1) for role in ROLES)
    scores = (student - supervisor) - ratio.value[:, None] * (ceiling - supervisor)
    # Of a mean over examples a group's influence is its sum about the overall mean, whatever its size.
    scores -= scores.mean(axis=1, keepdims=True)
    groups, n_groups = batch.estimator.evidence.test.groups, batch.n_units
    if n_groups == scores.shape[1]:
        return scores[:, np.argsort(groups, kind="stable")]
    return np.array([np.bincount(groups, weights=row, minlength=n_groups) for row in scores])


def _detectable(batch: Batch, pgr: Pgr) -> Columns:
    smallest = smallest_detectable(batch, pgr.ratio.numerator)
    of_gap = np.divide(smallest, pgr.gap.value, out=np.full(len(batch), np.nan), where=pgr.is_defined)
    return {"detectable_accuracy": smallest, "detectable_pgr": of_gap}


def _agreement(batch: Batch) -> list[Estimate]:
    """Agreement with the supervisor: on all examples, and where it is right and where it is wrong."""
    agrees, agrees_right, right = batch.metric("agrees"), batch.metric("agrees-right"), batch.roles[0]
    return [
        batch.estimate(agrees),
        batch.share(agrees_right, right),
        batch.share(agrees - agrees_right, 1 - right),
    ]


# --- rows -------------------------------------------------------------------------------------------------------------


def _numbers(results: TaskResults) -> tuple[list[Row], list[list[Row]]]:
    """Columns of each cell, seeds pooled, and of each of its seeds."""
    pooled: list[Row] = [{} for _ in results.cells]
    by_seed: list[list[Row]] = [[] for _ in results.cells]
    for is_reported in (True, False):
        own = [place for place, cell in enumerate(results.cells) if cell.is_reported == is_reported]
        make = partial(student_columns, with_agreement=is_reported)
        for few, (batch,) in results.estimator.batches([results.cells[place] for place in own]):
            places = [own[place] for place in few]
            rows = assembled(make(batch), len(batch))
            apart = batch.by_seed()
            one_each = iter(rows if apart is batch else assembled(make(apart), len(apart)))
            for place, row in zip(places, rows, strict=True):
                pooled[place], by_seed[place] = row, [next(one_each) for _ in batch.seeds]
    return pooled, by_seed


def _by_seed(results: TaskResults) -> list[Row]:
    """A row per student, stopping point and seed; intervals over test examples."""
    rows = []
    for cell, own in zip(results.cells, results.once(_numbers)[1], strict=True):
        size = _sizes(results, cell)
        for comparison, row in zip(cell.comparisons, own, strict=True):
            seconds = _number(results.store.record(comparison.student.key), "seconds")
            rows.append({**cell.identity, "seed": comparison.seed, **row, **size, "seconds": seconds})
    return rows


def pooled_rows(results: TaskResults) -> list[Row]:
    """A row per student and stopping point."""
    rows = []
    for cell, row in zip(results.cells, results.once(_numbers)[0], strict=True):
        covered = {"interval_covers": covers(len(cell.seeds))}
        rows.append({**cell.identity, "seeds": cell.seeds, **row, **covered, **_sizes(results, cell)})
    return rows


def _sizes(results: TaskResults, cell: Cell) -> Row:
    first = cell.comparisons[0]
    return {
        "n_test": len(results.estimator.evidence.test),
        "n_groups": results.estimator.n_units,
        "weak_parameters": _parameters(first.supervisor, results.store),
        "strong_parameters": _parameters(first.ceiling, results.store),
    }


def _parameters(job: Job, store: Reading) -> float | None:
    """The size of a job's model; that of a head is the one whose features it reads, and the head."""
    read = [job, job.inputs["features"]] if job.kind == "head" else [job]
    if not all(store.has(each.key) for each in read):  # features may go once heads are trained
        return None
    sizes = [_number(store.record(each.key).get("facts") or {}, "n_parameters") for each in read]
    return None if None in sizes else sum(size for size in sizes if size is not None)


def _number(record: Row, name: str) -> float | None:
    value: Any = record.get(name)
    return value if isinstance(value, int | float) else None


# --- tables -----------------------------------------------------------------------------------------------------------

_STOPPING = (
    Column("stopping_point", "text", "", "Where training stopped."),
    Column("is_reported", "flag", "", "True for the stopping point that counts."),
)
_NUMBERS = (
    Column("supervisor_accuracy", "share", "Supervisor", "Accuracy on test; likewise below.", has_interval=True),
    Column("student_accuracy", "share", "Student", "", has_interval=True),
    Column("ceiling_accuracy", "share", "Ceiling", "", has_interval=True),
    Column("chance", "share", "", "Accuracy of choosing a candidate at random."),
    Column("gap", "points", "", "Ceiling minus supervisor.", has_interval=True),
    Column("pgr", "share", "PGR", "Performance gap recovered; NaN where it is undefined.", has_interval=True),
    Column("pgr_reason", "text", "", "The reason why PGR is undefined."),
    *(Column(f"pgr_{name}_{end}") for name in ("bca", "fieller") for end in ("low", "high")),
    Column("detectable_accuracy", "points", "", "Minimum detectable effect on accuracy, at 80% power."),
    Column("detectable_pgr", "share", "", "The same as a share of the gap."),
    LEVEL,
    Column("agreement_all", "share", "", "Agreement with the supervisor.", has_interval=True),
    Column("agreement_right", "share", "", "The same where the supervisor is right.", has_interval=True),
    Column("agreement_wrong", "share", "Errors copied", "The same where it is wrong.", has_interval=True),
)
_SIZES = (
    Column("n_test", "number", "Test examples", "How many there are."),
    Column("n_groups", "number", "", "Groups of test examples that are drawn together."),
    Column("weak_parameters", "number", "", "Size of the supervisor.", may_lack=True),
    Column("strong_parameters", "number", "", "Size of the student.", may_lack=True),
)

TABLES = (
    Table(
        "rows", 10, _by_seed,
        (*IDENTITY_COLUMNS, *_STOPPING, Column("seed", "number", "Seed"), *_NUMBERS, *_SIZES,
         Column("seconds", "number", "", "Seconds of the student's job.", may_lack=True)),
        file="results",
    ),
    Table(
        "summary", 20, pooled_rows,
        (*IDENTITY_COLUMNS, *_STOPPING, SEEDS, *_NUMBERS,
         Column("interval_covers", "text", "", "Sources of error that intervals cover."), *_SIZES),
    ),
)  # fmt: skip
