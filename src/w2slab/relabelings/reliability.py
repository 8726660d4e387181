"""Reliability of weak labels, estimated by the consistency of several answers to the same question."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from w2slab.relabelings.relabeling import LabelBatch, Relabeling, RelabelResult, kept, others_of
from w2slab.shapes import Array, Float64


@dataclass(frozen=True)
class ReliabilityFilter(Relabeling):
    """Keep the examples with the most consistent answers (Guo and Yang 2024, arXiv 2406.19032).

    The answers to an example are the likeliest candidates of its weak label and of each further label (other prompts,
    other supervisors). An example stays if the entropy of the answers' frequencies is at most the median over all; all
    at the median stay, so that more than half may, and all of them where most answers are evenly divided. As in the
    source every answer is learned from: labels become the frequencies.

    Args:
        quantile: In place of the median, another quantile of the entropies.
    """

    needs_others: ClassVar[int] = 1

    quantile: Annotated[float, Field(ge=0, le=1)] = 0.5

    def __call__(self, batch: LabelBatch) -> RelabelResult:
        """Return frequencies as labels, with weight 1 where they are peaked."""
        frequencies = answer_frequencies(batch)
        logs = np.log(np.where(frequencies > 0, frequencies, 1))
        entropies = -(frequencies * logs).sum(axis=1)
        keep = entropies <= np.quantile(entropies, self.quantile) + 1e-9
        found = kept(batch, keep, "raise the quantile")
        return found._replace(probs=frequencies.astype(np.float32))


@dataclass(frozen=True)
class ReliabilityWeights(Relabeling):
    """Weight each answer by its frequency among several (Guo and Yang 2024, arXiv 2406.19032).

    The answers to an example are the likeliest candidates of its weak label and of each further label; f(a) is the
    frequency of the answer a. In the source each of the answers is an example of its own whose loss is weighted by the
    softmax over the different answers given, exp(f(a)/T) / sum of exp(f(b)/T) (as in the authors' code; the text can be
    read as a softmax over examples). The same sum of losses is here one example with the label f(a) s(a) / sum f s and
    the weight sum f s, and weights are scaled to mean 1.

    Args:
        temperature: T; the lower, the less rare answers count.
    """

    needs_others: ClassVar[int] = 1

    temperature: Annotated[float, Field(gt=0)] = 0.2

    def __call__(self, batch: LabelBatch) -> RelabelResult:
        """Return reweighted answers as labels, with their total weight."""
        frequencies = answer_frequencies(batch)
        top = frequencies.max(axis=1, keepdims=True)
        raised = np.where(frequencies > 0, np.exp((frequencies - top) / self.temperature), 0)
        weighted = frequencies * raised / raised.sum(axis=1, keepdims=True)
        weights = weighted.sum(axis=1)
        probs = weighted / weights[:, None]
        return RelabelResult(probs.astype(np.float32), (weights / weights.mean()).astype(np.float32))


def answer_frequencies(batch: LabelBatch) -> Float64[Array, "N K"]:
    """Return the share of the labels, the weak one and the further ones, in which each candidate is the likeliest.

    Raises:
        JobError: There are no further labels.
    """
    answers = (batch.probs, *others_of(batch, 1))
    frequencies = np.zeros(batch.probs.shape)
    for answer in answers:
        frequencies[np.arange(len(batch)), answer.argmax(axis=1)] += 1 / len(answers)
    return frequencies
