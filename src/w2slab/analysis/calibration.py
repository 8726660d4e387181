"""How well models know what they know: calibration of supervisors, students and ceilings, and reliability curves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from w2slab.analysis.judge import Cell, Judge, Row, columns
from w2slab.analysis.outcomes import Asked
from w2slab.analysis.references import references
from w2slab.stats.calibration import N_BINS, SMALLEST_PROBABILITY, ece_floor, expected_calibration_error
from w2slab.stats.calibration import reliability as reliability_of

WORST_BRIER, WORST_NLL = 2.0, float(-np.log(SMALLEST_PROBABILITY))


class Model(NamedTuple):
    """A model under several seeds.

    Args:
        identity: Task, weak, strong, method, control, role and model.
        seeds: The seeds, rising.
        right: Whether it is right, a question for each seed.
    """

    identity: Row
    seeds: tuple[int, ...]
    right: list[Asked]


def models_of(cells: Sequence[Cell]) -> Iterator[Model]:
    """Every model of a task: students at the point that counts, and supervisors and ceilings once for each pair.

    `method` of a supervisor or a ceiling is `None`, but for those that one method has for its own.
    """
    for role in ("supervisor", "ceiling"):
        for each in references(cells, role):
            names = {"task": cells[0].identity["task"], "weak": each.weak, "strong": each.strong}
            names |= {"method": each.method, "control": each.control}
            model = each.weak if role == "supervisor" else each.strong
            yield Model(names | {"role": role, "model": model}, each.seeds, each.right)
    for cell in cells:
        if cell.is_reported:
            names = cell.ids | {"role": "student", "model": cell.identity["strong"]}
            yield Model(names, cell.seeds, cell.of("student"))


def calibration_rows(judge: Judge, cells: Sequence[Cell]) -> list[Row]:
    """A row per model. Calibration errors and their floors are means over seeds, and so are the scores."""
    rows = []
    for model in models_of(cells):
        confidence = [judge.judgement.confidence(asked.key) for asked in model.right]
        right = judge.judgement.values(model.right)
        brier, nll = (
            judge.judgement.by_seed([Asked(score, asked.key) for asked in model.right]) for score in ("brier", "nll")
        )
        rows.append(
            model.identity
            | {"seeds": model.seeds, "accuracy": float(right.mean(axis=1).mean())}
            | {"confidence": float(np.mean([each.mean(dtype=float) for each in confidence]))}
            | {"ece": calibration_error(judge, model.right)}
            | {"ece_floor": float(np.mean([ece_floor(each) for each in confidence]))}
            | columns("brier", judge.estimate(brier, model.seeds, highest=WORST_BRIER))
            | columns("nll", judge.estimate(nll, model.seeds, highest=WORST_NLL))
            | {"n_bins": N_BINS, "n_test": right.shape[1], "level": judge.level}
        )
    return rows


def calibration_error(judge: Judge, right: Sequence[Asked]) -> float:
    """The expected calibration error of a model, a mean over seeds.

    Args:
        judge: Of the model's task.
        right: Whether it is right, a question for each seed.
    """
    confidence = (judge.judgement.confidence(asked.key) for asked in right)
    pairs = zip(confidence, judge.judgement.values(right), strict=True)
    return float(np.mean([expected_calibration_error(*each) for each in pairs]))


def reliability_rows(judge: Judge, cells: Sequence[Cell]) -> list[Row]:
    """A row per model and bin that holds examples, the examples of all seeds together.

    `n` counts an example once for each seed; intervals are those of n / seeds examples, as if seeds said the same.
    """
    rows = []
    for model in models_of(cells):
        confidence = np.concatenate([judge.judgement.confidence(asked.key) for asked in model.right])
        right = judge.judgement.values(model.right).ravel()
        for each in reliability_of(confidence, right, N_BINS, judge.level, n_repeats=len(model.seeds)):
            bin_ = each._asdict()
            edges = {"bin_low": bin_.pop("low"), "bin_high": bin_.pop("high")}
            rows.append(model.identity | {"seeds": model.seeds} | edges | bin_ | {"level": judge.level})
    return rows
