"""Several models as one: their predictions combined, and the weights with which an ensemble is grown."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from w2slab.data import layout
from w2slab.data.artifacts import has_predictions, read_predictions, read_weights, write_predictions, write_weights
from w2slab.data.labels import Labels, Weights
from w2slab.data.layout import UNSEEN_BY_SUPERVISOR
from w2slab.data.task_data import TaskData
from w2slab.errors import JobError
from w2slab.graph.job import JobContext
from w2slab.jobs.spec import Spec
from w2slab.randomness import rng

BOOSTED = "supervisor_train"
_SUREST = 1e-3  # an error is taken to be no less, and no more than one minus this: a perfect member does not rule alone
_NO_BETTER = 1e-6  # what the vote of a member that is no better than chance is worth: all others go before it


@dataclass(frozen=True, kw_only=True)
class CombineSpec(Spec):
    """Predictions of several models -> predictions of one.

    Inputs: `task` and `data`; `member_0`, `member_1` and so on; and, of a boosted ensemble, `weights_1` and so on, the
    weights of `supervisor_train` with which a member was trained, if they were not all equal.

    Args:
        how: `mean` of probabilities; `vote`, the share of members that choose a candidate; or `boosted`, where votes
            are weighted by what each member's error on `supervisor_train` is worth (Agrawal et al. 2024).
    """

    KIND: ClassVar[str] = "combine"
    VERSION: ClassVar[int] = 1
    RUN: ClassVar[str] = "w2slab.jobs.combine:combine"

    how: Literal["mean", "vote", "boosted"]


@dataclass(frozen=True, kw_only=True)
class ReweightSpec(Spec):
    """Predictions of a model on what it learned -> weights for the next: one round of AdaBoost (SAMME).

    Inputs: `task` and `data`; `member`, a model that predicted `supervisor_train`; and `weights`, those that it learned
    with, if they were not all equal.
    """

    KIND: ClassVar[str] = "reweight"
    VERSION: ClassVar[int] = 1
    RUN: ClassVar[str] = "w2slab.jobs.combine:reweight"


@dataclass(frozen=True, kw_only=True)
class BootstrapSpec(Spec):
    """Examples of a split -> how often each was drawn with replacement, as weights. Inputs: `task` and `data`.

    Args:
        split: The split drawn from.
        seed: Decides the draw.
    """

    KIND: ClassVar[str] = "bootstrap"
    VERSION: ClassVar[int] = 1
    RUN: ClassVar[str] = "w2slab.jobs.combine:bootstrap"

    split: str
    seed: int


def combine(spec: CombineSpec, context: JobContext) -> dict[str, Any]:
    """Write predictions of an ensemble for every split that all its members predicted.

    A mean of probabilities; a vote, the share of members that choose a candidate; or the share of votes weighted by
    AdaBoost's alpha = ln((1 - e) / e) + ln(K - 1) (SAMME, Zhu et al. 2009), e being the member's error on
    `supervisor_train` under the weights that it learned with. For two classes that is the rule of EnsemW2S (Agrawal et
    al. 2024), whose alpha is half of it and whose weights grow and shrink by exp(alpha): the same once they sum to one.
    Where candidates differ by example, K is their mean number: a variant. A member chooses the first of equal
    candidates; equal votes stay equal, and it is for the reader to choose.

    Raises:
        JobError: Members predicted different examples, or no split that all have predicted.
    """
    names = _numbered(context, "member_")
    members = [context.inputs[name] for name in names]
    alphas = np.array([_alpha(name, context) for name in names]) if spec.how == "boosted" else None
    written = {}
    for split in UNSEEN_BY_SUPERVISOR:
        if not all(has_predictions(member, split) for member in members):
            continue
        given = [read_predictions(member, split) for member in members]
        first = given[0]
        for member, each in zip(members, given, strict=True):
            same = np.array_equal(each.positions, first.positions)
            if not same or (each.n_candidates != first.n_candidates).any():
                path = layout.predictions(member, split)
                raise JobError(f"{path}: members of an ensemble must have predicted the same examples")
        probs = np.stack([(each if spec.how == "mean" else each.hard()).probs for each in given])
        combined = np.average(probs, axis=0, weights=alphas).astype(np.float32)
        write_predictions(context.out, split, Labels(first.positions, combined, first.n_candidates))
        written[split] = len(first)
    if not written:
        raise JobError(f"there is no split that all of {len(members)} members have predicted")
    facts: dict[str, Any] = {"n_examples": written, "n_members": len(members)}
    return facts if alphas is None else facts | {"alphas": [round(float(alpha), 6) for alpha in alphas]}


def reweight(spec: ReweightSpec, context: JobContext) -> dict[str, Any]:
    """Write weights of `supervisor_train` for the next member: examples that this one gets wrong count more."""
    data = TaskData.of(context.inputs)
    positions = data.positions(BOOSTED)
    weights = _weights(context.inputs.get("weights"), positions)
    error, alpha, is_wrong = _error(data, context.inputs["member"], weights)
    if alpha > 0:  # a member no better than chance leaves all as it was
        weights = weights * np.exp(alpha * is_wrong)
    write_weights(context.out, BOOSTED, Weights(positions, (weights / weights.mean()).astype(np.float32)))
    return {"error": error, "alpha": alpha}


def bootstrap(spec: BootstrapSpec, context: JobContext) -> dict[str, Any]:
    """Write how often each example was drawn with replacement; those that never were have weight 0."""
    positions = TaskData.of(context.inputs).positions(spec.split)
    drawn = rng(spec.seed, "bootstrap", spec.split).integers(len(positions), size=len(positions))
    counts = np.bincount(drawn, minlength=len(positions))
    write_weights(context.out, spec.split, Weights(positions, counts.astype(np.float32)))
    return {"n_examples": len(positions), "n_drawn": int((counts > 0).sum())}


def _alpha(member: str, context: JobContext) -> float:
    """Weight of the vote of a member; next to nothing if it is no better than chance."""
    data = TaskData.of(context.inputs)
    weights = _weights(context.inputs.get(f"weights_{member.removeprefix('member_')}"), data.positions(BOOSTED))
    alpha = _error(data, context.inputs[member], weights)[1]
    return max(alpha, _NO_BETTER)


def _error(data: TaskData, member: Path, weights: np.ndarray) -> tuple[float, float, np.ndarray]:
    """A member's weighted error on what it learned, its alpha, and where it is wrong."""
    path = layout.predictions(member, BOOSTED)
    if not has_predictions(member, BOOSTED):
        raise JobError(f"{path}: a member of a boosted ensemble must predict what it has learned")
    predicted = read_predictions(member, BOOSTED)
    if not np.array_equal(predicted.positions, data.positions(BOOSTED)):
        raise JobError(f"{path}: its examples are not those of {BOOSTED} in {data.splits}")
    is_wrong = ~data.truth(BOOSTED).is_right(predicted.choices)
    error = float(np.average(is_wrong, weights=weights))
    bounded = min(max(error, _SUREST), 1.0 - _SUREST)
    n_candidates = max(2.0, float(predicted.n_candidates.mean()))
    return error, math.log((1 - bounded) / bounded) + math.log(n_candidates - 1), is_wrong


def _weights(folder: Path | None, positions: np.ndarray) -> np.ndarray:
    found = None if folder is None else read_weights(folder, BOOSTED)
    return np.ones(len(positions)) if found is None else found.at(positions).values.astype(np.float64)


def _numbered(context: JobContext, prefix: str) -> list[str]:
    names = [name for name in context.inputs if name.startswith(prefix)]
    return sorted(names, key=lambda name: int(name.removeprefix(prefix)))
