"""Two models that select training examples for each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from w2slab.relabelings.feature_rows import firsts, scaled
from w2slab.relabelings.relabeling import LabelBatch, Relabeling, RelabelResult, kept, lowest
from w2slab.shapes import Array, Bool, Float64, Int64


@dataclass(frozen=True)
class CoTeaching(Relabeling):
    """Keep the examples that two models teaching each other find easy, a variant (Han et al. 2018, arXiv 1804.06872).

    Two linear models on standardised frozen features start from different weights and see the same minibatches. Of each
    they pick the share R(T) of examples with the smallest loss, and each takes its step on what the other picked;
    R(T) = 1 - min(T / T_k tau, tau) in epoch T, counted from 1. The label is the weak one's likeliest candidate; where
    candidates differ by example the models are conditional logits. A variant: the source's networks are the students
    themselves; here the examples with the smallest mean loss of both at the end, a share 1 - tau of all, are handed to
    the student with their weak labels.

    Args:
        noise: The expected share tau of wrong labels.
        ramp_epochs: T_k, the epochs over which the share falls.
        epochs: Passes over the examples.
        batch_size: Examples of a minibatch.
        lr: Learning rate of Adam.
    """

    needs_features: ClassVar[bool] = True

    noise: Annotated[float, Field(ge=0, lt=1)] = 0.2
    ramp_epochs: Annotated[int, Field(ge=1)] = 10
    epochs: Annotated[int, Field(ge=1)] = 20
    batch_size: Annotated[int, Field(ge=1)] = 128
    lr: Annotated[float, Field(gt=0)] = 0.01

    def share(self, epoch: int) -> float:
        """Return R(T), the share of a minibatch that is learned in an epoch, counted from 1."""
        return 1 - min(epoch / self.ramp_epochs * self.noise, self.noise)

    def __call__(self, batch: LabelBatch) -> RelabelResult:
        """Return weight 1 for the smallest mean loss."""
        rows = scaled(batch)
        pair = [_Linear(batch, rows) for _ in range(2)]
        for epoch in range(1, self.epochs + 1):
            order = batch.generator.permutation(len(batch))
            for first in range(0, len(order), self.batch_size):
                drawn = order[first : first + self.batch_size]
                picked = [drawn[lowest(each.losses(drawn), self.share(epoch), batch.generator)] for each in pair]
                for each, of_other in zip(pair, reversed(picked), strict=True):
                    each.step(of_other, self.lr)
        everyone = np.arange(len(batch))
        losses = (pair[0].losses(everyone) + pair[1].losses(everyone)) / 2
        return kept(batch, lowest(losses, 1 - self.noise, batch.generator), "expect less noise")


class _Linear:
    """A linear model of candidates and its optimizer: multinomial logistic regression, or the conditional logit."""

    def __init__(self, batch: LabelBatch, rows: Float64[Array, "R D"]) -> None:
        self.batch, self.rows = batch, rows
        self.choices, self.starts = batch.choices, firsts(batch)
        width = batch.probs.shape[1] if batch.shared_candidates else 1
        self.weights = batch.generator.normal(scale=0.01, size=(rows.shape[1] + 1, width))
        self.mean, self.square, self.steps = np.zeros_like(self.weights), np.zeros_like(self.weights), 0

    def losses(self, drawn: Int64[Array, " B"]) -> Float64[Array, " B"]:
        """Return the cross entropy of each example drawn."""
        logs, _, _ = self._logs(drawn)
        lost: np.ndarray = -logs[np.arange(len(drawn)), self.choices[drawn]]
        return lost

    def step(self, drawn: Int64[Array, " B"], lr: float) -> None:
        """Take one step of Adam on the mean cross entropy of the examples drawn."""
        logs, rows, real = self._logs(drawn)
        errors = np.exp(logs)
        errors[np.arange(len(drawn)), self.choices[drawn]] -= 1
        errors = errors if self.batch.shared_candidates else errors[real][:, None]
        slopes = np.concatenate([rows.T @ errors, errors.sum(axis=0, keepdims=True)]) / len(drawn)
        self.steps += 1
        self.mean += 0.1 * (slopes - self.mean)
        self.square += 0.001 * (slopes**2 - self.square)
        mean, square = self.mean / (1 - 0.9**self.steps), self.square / (1 - 0.999**self.steps)
        self.weights -= lr * mean / (np.sqrt(square) + 1e-8)

    def _logs(
        self, drawn: Int64[Array, " B"]
    ) -> tuple[Float64[Array, "B K"], Float64[Array, "R D"], Bool[Array, "B K"]]:
        """Return log-probabilities, rows of features, and a mask of the places that hold candidates."""
        from scipy.special import log_softmax

        real = np.arange(self.batch.probs.shape[1]) < self.batch.n_candidates[drawn][:, None]
        if self.batch.shared_candidates:
            rows = self.rows[drawn]
            logits = rows @ self.weights[:-1] + self.weights[-1]
        else:
            places = self.starts[drawn][:, None] + np.arange(real.shape[1])
            rows = self.rows[places[real]]
            logits = np.full(real.shape, -np.inf)
            logits[real] = (rows @ self.weights[:-1])[:, 0]
        return log_softmax(logits, axis=1), rows, real
