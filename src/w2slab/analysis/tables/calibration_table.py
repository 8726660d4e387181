"""Calibration of supervisors, students and ceilings, and their reliability curves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from w2slab.analysis.estimator import Batch, Columns, Row, columns
from w2slab.analysis.evidence import Evidence
from w2slab.analysis.references import references
from w2slab.analysis.tabular import IDENTITY_COLUMNS, LEVEL, SEEDS, Column, Table, TaskResults
from w2slab.stats.calibration import N_BINS, SMALLEST_PROBABILITY, ece_floor, expected_calibration_error
from w2slab.stats.calibration import reliability as reliability_of

WORST_BRIER, WORST_NLL = 2.0, float(-np.log(SMALLEST_PROBABILITY))


class Model(NamedTuple):
    """A model under several seeds.

    Args:
        identity: Task, weak, strong, method, control, role and model.
        seeds: The seeds, rising.
        rows: Its numbers in the evidence, one for each seed, as those of the role `model`.
    """

    identity: Row
    seeds: tuple[int, ...]
    rows: Mapping[str, tuple[int, ...]]


def _models_of(results: TaskResults) -> Iterator[Model]:
    """Every model of a task: students at the point that counts, and supervisors and ceilings once for each pair.

    `method` of a supervisor or a ceiling is `None`, but for those that one method has for its own.
    """
    task = results.estimator.evidence.task
    for role in ("supervisor", "ceiling"):
        for each in references(results.cells, role):
            names = {"task": task, "weak": each.weak, "strong": each.strong}
            names |= {"method": each.method, "control": each.control}
            model = each.weak if role == "supervisor" else each.strong
            yield Model(names | {"role": role, "model": model}, each.seeds, each.rows)
    for cell in results.reported:
        names = cell.ids | {"role": "student", "model": cell.identity["strong"]}
        yield Model(names, cell.seeds, {"model": cell.rows["student"]})


def _calibration(results: TaskResults) -> list[Row]:
    """A row per model. Calibration errors and their floors are means over seeds, and so are the scores."""
    models = list(_models_of(results))
    found = results.estimator.rows(_columns, models)
    return [model.identity | {"seeds": model.seeds} | row for model, row in zip(models, found, strict=True)]


def _columns(batch: Batch) -> Columns:
    evidence, models = batch.estimator.evidence, batch.rows["model"]
    right = evidence.right[models]
    confidence = [[evidence.confidence[row] for row in rows] for rows in models.tolist()]
    return {
        "accuracy": right.mean(axis=2).mean(axis=1) if len(evidence.test) else np.full(len(batch), np.nan),
        "confidence": [float(np.mean([each.mean(dtype=float) for each in own])) for own in confidence],
        "ece": [calibration_error(evidence, rows) for rows in models.tolist()],
        "ece_floor": [float(np.mean([ece_floor(each) for each in own])) for own in confidence],
        **columns("brier", batch.estimate(batch.metric("brier", "model"), highest=WORST_BRIER)),
        **columns("nll", batch.estimate(batch.metric("nll", "model"), highest=WORST_NLL)),
        "n_bins": N_BINS,
        "n_test": len(evidence.test),
        "level": batch.level,
    }


def calibration_error(evidence: Evidence, rows: Iterable[int]) -> float:
    """The expected calibration error of a model, a mean over seeds.

    Args:
        evidence: Of the model's task.
        rows: Its numbers in the evidence.
    """
    errors = [expected_calibration_error(evidence.confidence[row], evidence.right[row]) for row in rows]
    return float(np.mean(errors))


def _reliability(results: TaskResults) -> list[Row]:
    """A row per model and bin that holds examples, the examples of all seeds together.

    `n` counts an example once for each seed; intervals are those of n / seeds examples, as if seeds said the same.
    """
    evidence, level = results.estimator.evidence, results.study.level
    rows = []
    for model in _models_of(results):
        own = np.array(model.rows["model"])
        confidence = np.concatenate([evidence.confidence[row] for row in own.tolist()])
        right = evidence.right[own].ravel()
        for each in reliability_of(confidence, right, N_BINS, level, n_repeats=len(model.seeds)):
            bin_ = each._asdict()
            edges = {"bin_low": bin_.pop("low"), "bin_high": bin_.pop("high")}
            rows.append(model.identity | {"seeds": model.seeds} | edges | bin_ | {"level": level})
    return rows


_MODEL = (
    *IDENTITY_COLUMNS,
    Column("role", "text", "Role", "Supervisor, student or ceiling."),
    Column("model", "text", "Model", "The model."),
    SEEDS,
)
TABLES = (
    Table(
        "calibration", 50, _calibration,
        (
            *_MODEL,
            Column("accuracy", "share", "Accuracy"),
            Column("confidence", "share", "Confidence", "Mean probability of the chosen candidate."),
            Column("ece", "share", "ECE", "Expected calibration error."),
            Column("ece_floor", "share", "ECE if calibrated", "That of a perfectly calibrated model (finite sample)."),
            Column("brier", "number", "Brier", "Brier score.", has_interval=True),
            Column("nll", "number", "Log loss", "In nats.", has_interval=True),
            Column("n_bins", "number", "", "Bins of the calibration error."),
            Column("n_test", "number", "", "Test examples."),
            LEVEL,
        ),
    ),
    Table(
        "reliability", 60, _reliability,
        (
            *_MODEL,
            Column("bin_low", "number"),
            Column("bin_high", "number"),
            Column("n", "number", "", "Examples of the bin, counted once for each seed."),
            Column("confidence", "share"),
            Column("accuracy", "share", has_interval=True),
            LEVEL,
        ),
    ),
)  # fmt: skip
