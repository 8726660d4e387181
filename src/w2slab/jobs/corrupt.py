"""The ground truth with errors -> the predictions of a supervisor that makes just these errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from w2slab.data.artifacts import write_predictions
from w2slab.data.examples import Examples, Truth
from w2slab.data.labels import Labels, one_hot
from w2slab.data.layout import UNSEEN_BY_SUPERVISOR
from w2slab.data.task_data import TaskData
from w2slab.errors import DataError, JobError
from w2slab.graph.job import JobContext
from w2slab.jobs.spec import Spec
from w2slab.jobs.targets import weak_labels
from w2slab.randomness import rng

BY_LENGTH = ("longest", "shortest")


@dataclass(frozen=True, kw_only=True)
class CorruptSpec(Spec):
    """Ground truth with errors -> the predictions of a supervisor that makes just these errors.

    Inputs: `task` and `data`; `like`, a model that has as many errors, split by split, unless a rate is given; and
    `ceiling`, a model whose probabilities choose where they are.

    Args:
        choose: Which examples are wrong: `random` ones; those with the `longest` or `shortest` prompt; where the
            ceiling is `least-sure`; or where it is `surely-right` (Burns et al. 2023, appendix E.2).
        rate: Share of wrong labels in each split; `None` is as many as `like` has.
        seed: Decides which are wrong, and which wrong candidate they get.
    """

    KIND: ClassVar[str] = "corrupt"
    VERSION: ClassVar[int] = 1
    RUN: ClassVar[str] = "w2slab.jobs.corrupt:corrupt"

    choose: Literal["random", "longest", "shortest", "least-sure", "surely-right"]
    rate: float | None = None
    seed: int


def corrupt(spec: CorruptSpec, context: JobContext) -> dict[str, Any]:
    """Write certain labels that are wrong on exactly as many examples of each split as another supervisor's.

    Where they are wrong is chosen as in Burns et al. 2023, appendix E.2: at random; where the prompt is longest or
    shortest, in characters (of a chess position, of its FEN); where the ceiling gives the right label the least
    probability, which is how "least confident" is read here; or where it is right, and gives it the most. Of equals,
    those with smaller ids are wrong first. Examples that have no wrong candidate are passed over. A wrong label is a
    wrong candidate drawn evenly; a right one is the first of several.

    A ceiling is surer on `student_train`, which it has learned, than elsewhere: within a split only the order counts.

    Raises:
        JobError: There are not as many examples with a wrong candidate.
        DataError: The prompts have no length.
    """
    data, inputs = TaskData.of(context.inputs), context.inputs
    errors = {}
    for split in UNSEEN_BY_SUPERVISOR:
        if not data.has(split):
            continue
        examples, truth = data.examples(split), data.truth(split)
        generator = rng(spec.seed, "corrupt", split)
        order = _order(spec.choose, split, data, truth, generator, inputs)
        has_wrong = np.array([len(set(right)) for right in truth.right]) < examples.n_candidates
        n_wrong = _n_wrong(spec.rate, split, data, truth, inputs)
        if n_wrong > has_wrong.sum():
            raise JobError(
                f"{split}: {n_wrong} errors are asked for, and {has_wrong.sum()} of {len(examples)} examples have a "
                "wrong candidate; ask for a lower rate"
            )
        choices = _choices(examples, truth, order[has_wrong[order]][:n_wrong], generator)
        probs = one_hot(choices, int(examples.n_candidates.max(initial=0)))
        write_predictions(context.out, split, Labels(data.positions(split), probs, examples.n_candidates))
        errors[split] = n_wrong
    return {"n_errors": errors}


def require_lengths(examples: Examples) -> None:
    """Refuse a task whose prompts have no length, where that is to choose errors.

    Raises:
        DataError: It is such a task.
    """
    if examples.texts is None:
        raise DataError(
            f"supervision: choose: {' and '.join(BY_LENGTH)} ask how long prompts are, and the examples of this task "
            "are no texts; choose random, least-sure or surely-right"
        )


def _n_wrong(rate: float | None, split: str, data: TaskData, truth: Truth, inputs: Mapping[str, Path]) -> int:
    """Number of labels of a split that are to be wrong."""
    if rate is not None:
        return round(rate * len(truth.right))
    return int((~truth.is_right(weak_labels(inputs["like"], data, split).choices)).sum())


def _choices(examples: Examples, truth: Truth, wrong: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """The right label of each example, but a wrong candidate at these positions: int64 [N]."""
    choices = np.array([right[0] for right in truth.right], dtype=np.int64)
    for position in np.sort(wrong):
        others = np.setdiff1d(np.arange(examples.n_candidates[position]), truth.right[position])
        choices[position] = generator.choice(others)
    return choices


def _order(
    choose: str,
    split: str,
    data: TaskData,
    truth: Truth,
    generator: np.random.Generator,
    inputs: Mapping[str, Path],
) -> np.ndarray:
    """Places of the examples, those first that are to be wrong first: int64 [N]."""
    examples = data.examples(split)
    if choose == "random":
        return generator.permutation(len(examples))
    by_id = np.argsort(np.argsort(np.array(examples.ids)))
    if choose in BY_LENGTH:
        lengths = _lengths(examples)
        return np.lexsort((by_id, -lengths if choose == "longest" else lengths))
    ceiling = weak_labels(inputs["ceiling"], data, split)
    sure = np.where(truth.probs(examples.n_candidates) > 0, ceiling.probs, 0.0).sum(axis=1)
    if choose == "least-sure":
        return np.lexsort((by_id, sure))
    return np.lexsort((by_id, -sure, ~truth.is_right(ceiling.choices)))


def _lengths(examples: Examples) -> np.ndarray:
    """Characters of each example's prompt, int64 [N]; answers that are candidates differ, and do not count."""
    require_lengths(examples)
    texts, answers = examples.texts or [], examples.answers
    ends = [""] * len(texts) if examples.classes is None else [answer for (answer,) in answers]
    return np.array([len(text or "") + len(end or "") for text, end in zip(texts, ends, strict=True)], dtype=np.int64)
