"""Many heads on frozen features, trained together: linear ones, with a hidden layer, or mixed of several.

Heads in lockstep (as many examples, batches, epochs and columns) are one stack of tensors, whatever their objectives,
labels, learning rates and seeds. A step is then one product for all heads that see the same examples in the same order,
over all orders; each objective is called once.

What a head learns does not depend on the others: no number of one enters a sum of another, products have at least 16
columns, and candidates are padded to multiples of 16. On one thread of a CPU nearly all linear heads were the same bits
alone and in a stack (not `adaptive-confidence` of three classes or more, nor `dirichlet-evidence` with candidates of
their own); they, heads with hidden units and several threads moved a probability by 2e-7. That is in float32: a step in
float64 took 1.8 times as long, and its products rounded by batch composition.

The order of examples, the rates, AdamW and the running mean of weights are those of `training.loop`. Features are
standardised by all examples of the split that is learned on, whichever of them a head keeps. Linear heads start at
zero; gradients are not clipped.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from w2slab.training.head_training import FittedHead, HeadTraining, n_parameters, objective_key

if TYPE_CHECKING:
    from w2slab.training.placement import Placement

STACK_BYTES = 1 << 28  # weights, gradients and moments of one stack, and what a step makes of them
_COPIES = 6  # of the weights: gradients, two moments, the update, and what is multiplied with it


def fit(
    trainings: Sequence[HeadTraining],
    placement: Placement,
    *,
    progress: Callable[[float, str], None] = lambda share, words: None,
    stop_requested: Callable[[], bool] = lambda: False,
    stack_bytes: int = STACK_BYTES,
) -> Iterator[tuple[int, FittedHead | Exception]]:
    """Train heads, and give each with its position as it is done.

    A head whose loss is not finite, or whose objective raises, fails alone: it is given as the error. Those not given
    when the iteration ends were stopped; nothing of them is kept, since a stack takes a minute or two.

    Args:
        trainings: The heads.
        placement: Where they are trained.
        progress: Called with the share done and a few words, at most twice a second.
        stop_requested: Asked after every step.
        stack_bytes: Most memory of one stack, but for the features; more heads are trained one stack after the other.
    """
    from w2slab.training.heads_loop import Stacked

    stacks = list(stacked(trainings, stack_bytes))
    work = [trainings[stack[0][0]].steps * sum(map(len, stack)) for stack in stacks]
    total, said = sum(work), [float("-inf")]
    for number, stack in enumerate(stacks):

        def say(share: float, words: str, done: int = sum(work[:number]), own: int = work[number]) -> None:
            if time.monotonic() - said[0] >= 0.5:
                said[0] = time.monotonic()
                progress((done + share * own) / total, words)

        loop = Stacked([[trainings[i] for i in group] for group in stack], placement)
        if not loop.run(say, stop_requested):
            return
        for group, results in zip(stack, loop.results(), strict=True):
            yield from zip(group, results, strict=True)


def stacked(trainings: Sequence[HeadTraining], stack_bytes: int) -> Iterator[list[list[int]]]:
    """Positions of the heads of each stack: groups that see the same examples in the same order, equal in make-up.

    In a group, heads of equal objectives stand side by side, and the objectives are the same in all groups of a stack.
    """
    by_order: dict[tuple[Any, Any], list[int]] = {}
    for position, training in enumerate(trainings):
        by_order.setdefault((_lockstep(training), _order(training)), []).append(position)
    alike: dict[tuple[Any, Any], list[list[int]]] = {}
    for (lockstep, _), group in by_order.items():
        most = max(1, stack_bytes // _head_bytes(trainings[group[0]]))
        group.sort(key=lambda i: objective_key(trainings[i].objective))
        for start in range(0, len(group), most):
            part = group[start : start + most]
            made_of = tuple(objective_key(trainings[i].objective) for i in part)
            alike.setdefault((lockstep, made_of), []).append(part)
    for groups in alike.values():
        size = len(groups[0]) * _head_bytes(trainings[groups[0][0]])
        most = max(1, stack_bytes // size)
        for start in range(0, len(groups), most):
            yield groups[start : start + most]


def _lockstep(training: HeadTraining) -> tuple[Any, ...]:
    """Return the properties that heads of one stack share."""
    recipe, examples, targets = training.recipe, training.examples, training.targets
    return (
        examples.values.shape[1],
        examples.shared_candidates,
        targets.shape[1] if examples.shared_candidates else 0,
        len(training.kept),
        training.shape,
        *(recipe.epochs, recipe.batch_size, recipe.warmup_frac, recipe.decay),
        *(recipe.curve_points if training.judges else 0, tuple(training.judges), tuple(training.predicted)),
        *(recipe.ema_decay is not None, recipe.dropout > 0),
    )


def _order(training: HeadTraining) -> tuple[Any, ...]:
    """Return the properties that decide the order of a head's examples, and its predictions."""
    kept = hashlib.sha256(np.ascontiguousarray(training.kept).tobytes()).digest()
    predicted = tuple(id(rows) for rows in training.predicted.values())
    return id(training.examples), kept, training.seed, training.recipe.dropout, predicted


def _head_bytes(training: HeadTraining) -> int:
    recipe, shape = training.recipe, training.shape
    copies = _COPIES + 2 * (recipe.ema_decay is not None) + 2 * bool(training.judges)
    logits = recipe.batch_size * training.targets.shape[1] * shape.n_heads
    hidden = recipe.batch_size * (shape.hidden or 0) * (1 if training.examples.shared_candidates else 40)
    return 4 * (copies * n_parameters(training) + 12 * logits + 4 * hidden)
