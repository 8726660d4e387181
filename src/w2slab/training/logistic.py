"""Logistic regression to its minimum: of common classes, or of candidates with features of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from w2slab.errors import JobError

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

LARGEST_GRADIENT = 1e-6
MOST_ITERATIONS = 5000


class Scale(NamedTuple):
    """Standardises features by what they are in training; a feature that never changes there becomes 0."""

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]

    @classmethod
    def of(cls, rows: NDArray[np.float64]) -> Scale:
        """The scale on which these rows have mean 0 and standard deviation 1."""
        mean, deviation = rows.mean(axis=0), rows.std(axis=0)
        # A constant, as floats have it: its deviation is rounding.
        is_constant = deviation <= 1e-6 * np.maximum(np.abs(mean), 1e-30)
        return cls(mean, np.where(is_constant, np.inf, deviation))

    def __call__(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Rows on this scale, [R, D]."""
        return (rows - self.mean) / self.deviation


class Fitted(NamedTuple):
    """A linear model of candidates.

    Args:
        weights: [D, C] where candidates are common classes, [D, 1] where each has features of its own.
        bias: [C], or [1] and 0.
        loss: What was minimised.
        gradient: Largest entry of the loss's gradient at the end.
        iterations: Of the optimizer.
        shared_candidates: Whether candidates are common classes.
    """

    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    loss: float
    gradient: float
    iterations: int
    shared_candidates: bool

    def logits(self, rows: NDArray[np.float64], n_candidates: NDArray[np.int64]) -> NDArray[np.float64]:
        """Logits [N, K]; minus infinity beyond an example's own candidates."""
        scores = rows @ self.weights + self.bias
        return scores if self.shared_candidates else _spread(scores[:, 0], n_candidates)


def fit(
    rows: NDArray[np.float64],
    targets: np.ndarray,
    shared_candidates: bool,
    n_candidates: NDArray[np.int64],
    l2: float,
    largest_gradient: float = LARGEST_GRADIENT,
) -> Fitted:
    """Minimise the mean cross entropy of the targets, plus `l2` times the squared norm of the weights.

    Where candidates are common classes this is multinomial logistic regression with a bias for each. Where each has
    features of its own it is the conditional logit: one weight vector, a softmax over an example's candidates.

    Args:
        rows: Standardised features, a row per example or per candidate.
        targets: [N, K], rows that sum to one.
        shared_candidates: Whether candidates are common classes, so that each example has one row.
        n_candidates: [N]; where each has rows of its own, how many.
        l2: Above 0, so that there is one solution.
        largest_gradient: No entry of the gradient is larger at the end.

    Raises:
        JobError: The optimizer did not come to an end.
    """
    import torch

    x, wanted = torch.from_numpy(rows), torch.from_numpy(targets.astype(np.float64))
    wanted = wanted / wanted.sum(dim=1, keepdim=True)
    width = wanted.shape[1] if shared_candidates else 1
    weights = torch.zeros(x.shape[1], width, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(width, dtype=torch.float64, requires_grad=shared_candidates)
    if shared_candidates:

        def logits() -> torch.Tensor:
            return x @ weights + bias

    else:
        real = np.arange(wanted.shape[1]) < n_candidates[:, None]
        places = torch.from_numpy(np.where(real, np.cumsum(real).reshape(real.shape) - 1, 0))
        beyond = torch.from_numpy(~real)

        def logits() -> torch.Tensor:
            return (x @ weights)[:, 0][places].masked_fill(beyond, -1e30)

    parameters = [weights, bias] if shared_candidates else [weights]
    loss, gradient, iterations = _minimise(
        lambda: -(wanted * logits().log_softmax(dim=1)).sum() / len(wanted) + l2 * weights.square().sum(),
        parameters,
        largest_gradient,
    )
    return Fitted(weights.detach().numpy(), bias.detach().numpy(), loss, gradient, iterations, shared_candidates)


def _minimise(
    loss: Callable[[], torch.Tensor], parameters: list[torch.Tensor], largest_gradient: float
) -> tuple[float, float, int]:
    """Bring a convex loss to its minimum in place; its value, the largest entry of its gradient, and iterations."""
    import torch

    optimizer = torch.optim.LBFGS(
        parameters,
        max_iter=MOST_ITERATIONS,
        max_eval=2 * MOST_ITERATIONS,
        tolerance_grad=largest_gradient / 10,
        tolerance_change=0.0,
        history_size=20,
        line_search_fn="strong_wolfe",
    )

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    optimizer.step(closure)
    value = float(closure().item())
    gradient = max(float(p.grad.abs().max().item()) for p in parameters if p.grad is not None)
    iterations = int(optimizer.state[parameters[0]]["n_iter"])
    if not gradient <= largest_gradient:
        raise JobError(
            f"the logistic regression did not converge: after {iterations} iterations its gradient has an entry of "
            f"{gradient:.2g}, above {largest_gradient:g}. Give the method a larger l2"
        )
    return value, gradient, iterations


def _spread(scores: NDArray[np.float64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Scores of all candidates, one after the other, as a row for each example."""
    real = np.arange(int(counts.max(initial=0))) < counts[:, None]
    logits = np.full(real.shape, -np.inf)
    logits[real] = scores
    return logits


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float32]:
    """Rows that sum to one, [N, K]; 0 where a logit is minus infinity."""
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs: NDArray[np.float32] = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return probs
