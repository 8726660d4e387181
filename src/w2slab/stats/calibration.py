"""Calibration of a model's confidence, and proper scores of its probabilities.

A model's confidence is the probability of the candidate that it chooses. Several candidates of an example may be right;
scores take those as one outcome, whose probability is the sum of theirs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import betaln, xlog1py, xlogy

from w2slab.shapes import Array, Bool, Float, Float64, Int64, Shaped
from w2slab.stats.shares import wilson

N_BINS = 15
# A probability counts as at least this in a logarithm: 27.6 nats are the worst that one example can cost.
SMALLEST_PROBABILITY = 1e-12


def brier_scores(probs: Float[Array, "N K"], is_right: Bool[Array, "N K"]) -> Float64[Array, " N"]:
    """Return Brier's score (1950) of each example: 0 is best, 2 worst.

    (1 - p_R)^2 plus the sum of the squares of the other candidates' probabilities, where p_R is the sum over all right
    candidates; with one right candidate that is Brier's own.

    Args:
        probs: Probabilities of candidates, 0 beyond an example's own.
        is_right: True for the right candidates.
    """
    probs = probs.astype(float)
    right, others = np.where(is_right, probs, 0.0).sum(axis=1), np.where(is_right, 0.0, probs)
    scores: np.ndarray = (1 - right) ** 2 + (others**2).sum(axis=1)
    return scores


def log_losses(probs: Float[Array, "N K"], is_right: Bool[Array, "N K"]) -> Float64[Array, " N"]:
    """Return the negative log-likelihood of each example in nats: -log p_R, with p_R as for `brier_scores`.

    p_R counts as at least `SMALLEST_PROBABILITY`, so that one example of probability 0 has a large but finite loss, and
    as at most 1, which sums of rounded probabilities may exceed.

    Args:
        probs: Probabilities of candidates, 0 beyond an example's own.
        is_right: True for the right candidates.
    """
    right = np.where(is_right, probs.astype(float), 0.0).sum(axis=1)
    losses: np.ndarray = np.abs(np.log(right.clip(SMALLEST_PROBABILITY, 1.0)))  # never -0.0
    return losses


class Calibration(NamedTuple):
    """Confidence and accuracy by bin; bins without examples are left out.

    Args:
        low: Lower edge of each bin.
        high: Upper edge of each bin, which belongs to it.
        counts: Examples of each bin.
        confidence: Mean confidence of each bin.
        right: Share right of each bin.
    """

    low: Float64[Array, " B"]
    high: Float64[Array, " B"]
    counts: Int64[Array, " B"]
    confidence: Float64[Array, " B"]
    right: Float64[Array, " B"]

    @property
    def error(self) -> float:
        """Expected calibration error: mean distance of confidence and accuracy, weighted by the bins' sizes."""
        if not len(self.counts):
            return float("nan")
        return float((self.counts * np.abs(self.confidence - self.right)).sum() / self.counts.sum())


def bins_of_equal_width(
    confidence: Float[Array, " N"], right: Shaped[Array, " N"], n_bins: int = N_BINS
) -> Calibration:
    """Cut [0, 1] into bins of equal width, each with its upper edge (Guo et al. 2017, section 2); 0 is of the first.

    Args:
        confidence: Probability of the choice.
        right: True where the choice is right.
        n_bins: Bins; those without examples are left out.
    """
    edges = np.linspace(0.0, 1.0, n_bins + 1)
    places = _places(confidence, n_bins)
    counts = np.bincount(places, minlength=n_bins)
    kept = np.flatnonzero(counts)
    sums = (np.bincount(places, weights=each.astype(float), minlength=n_bins)[kept] for each in (confidence, right))
    means = [each / counts[kept] for each in sums]
    return Calibration(edges[kept], edges[kept + 1], counts[kept], *means)


def _places(confidence: Float[Array, " N"], n_bins: int) -> Int64[Array, " N"]:
    """Return the bin of each example."""
    # A confidence above 1 by rounding belongs to the last bin.
    return np.linspace(0.0, 1.0, n_bins + 1)[1:-1].searchsorted(confidence.astype(float), side="left")


def bins_of_equal_numbers(confidence: Float[Array, " N"], right: Shaped[Array, " N"], n_bins: int = 10) -> Calibration:
    """Sort by confidence and cut into bins of equal numbers (Naeini et al. 2015, with equal-mass bins).

    Args:
        confidence: Probability of the choice.
        right: True where the choice is right, or the probability that it is.
        n_bins: Bins, at most N.
    """
    confidence, right = confidence.astype(float), right.astype(float)
    order = np.argsort(confidence, kind="stable")
    parts = [part for part in np.array_split(order, n_bins) if len(part)]
    bins = [(confidence[part[0]], confidence[part[-1]], confidence[part].mean(), right[part].mean()) for part in parts]
    low, high, confidences, rights = np.array(bins).reshape(-1, 4).T
    return Calibration(low, high, np.array([len(part) for part in parts], dtype=np.int64), confidences, rights)


def expected_calibration_error(
    confidence: Float[Array, " N"], right: Shaped[Array, " N"], n_bins: int = N_BINS
) -> float:
    """Compute the ECE (Guo et al. 2017, equation 3) over bins of equal width on [0, 1]; NaN without examples.

    It is never negative, so that a perfectly calibrated model has an error above 0 too: see `ece_floor`.

    Args:
        confidence: Probability of the choice.
        right: True where the choice is right.
        n_bins: Bins.
    """
    return bins_of_equal_width(confidence, right, n_bins).error


def ece_floor(confidence: Float[Array, " N"], n_bins: int = N_BINS) -> float:
    """Return the mean `expected_calibration_error` of a perfectly calibrated model with these confidences.

    In each bin the number right then has the mean sum(c) and the variance sum(c (1 - c)). Its mean distance from the
    former is that of a binomial number, by de Moivre's formula, scaled from the binomial variance n m (1 - m) to the
    true one, m being the bin's mean confidence. That is exact where a bin's confidences are equal or where it holds
    one example, and tends to the sqrt(2 / pi) standard deviations of the normal distribution in large bins.

    Examples count as independent: where they come in groups, chance makes a larger error than this.

    Args:
        confidence: Probability of the choice.
        n_bins: Bins.
    """
    if not len(confidence):
        return float("nan")
    confidence = confidence.astype(float).clip(0.0, 1.0)
    places = _places(confidence, n_bins)
    counts = np.bincount(places, minlength=n_bins)
    kept = counts > 0
    n = counts[kept].astype(float)
    mean = (np.bincount(places, weights=confidence, minlength=n_bins)[kept] / n).clip(0.0, 1.0)
    variance = np.bincount(places, weights=confidence * (1 - confidence), minlength=n_bins)[kept]
    binomial = n * mean * (1 - mean)
    scale = np.sqrt(np.divide(variance, binomial, out=np.zeros(len(n)), where=binomial > 0))
    return float((scale * _binomial_distance(n, mean)).sum() / n.sum())


def _binomial_distance(n: Float64[Array, " B"], mean: Float64[Array, " B"]) -> Float64[Array, " B"]:
    """Return E|X - n p| of binomial numbers: 2 v C(n, v) p^v (1 - p)^(n - v + 1) with v = floor(n p) + 1."""
    above = np.minimum(np.floor(n * mean) + 1, n)
    choices = -np.log(n + 1) - betaln(n - above + 1, above + 1)
    distance: np.ndarray = 2 * above * np.exp(choices + xlogy(above, mean) + xlog1py(n - above + 1, -mean))
    return distance


class ReliabilityBin(NamedTuple):
    """One bin of a reliability curve.

    Args:
        low: Lower edge.
        high: Upper edge, which belongs to it.
        n: Examples.
        confidence: Their mean confidence.
        accuracy: The share right.
        accuracy_low: Lower end of its confidence interval.
        accuracy_high: Upper end.
    """

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float
    accuracy_low: float
    accuracy_high: float


def reliability(
    confidence: Float[Array, " N"],
    right: Shaped[Array, " N"],
    n_bins: int = N_BINS,
    level: float = 0.95,
    *,
    n_repeats: int = 1,
) -> list[ReliabilityBin]:
    """Compute the reliability curve: bins of equal width on [0, 1] that hold examples, with Wilson's intervals.

    Args:
        confidence: Probability of the choice.
        right: True where the choice is right.
        n_bins: Bins.
        level: Coverage of the confidence intervals.
        n_repeats: Number of times that the same examples are counted, as under several seeds. Intervals are those of
            n / n_repeats examples, as if every seed said the same: too wide rather than too narrow.
    """
    found = bins_of_equal_width(confidence, right, n_bins)
    n = found.counts / n_repeats
    low, high = wilson(found.right * n, n, level)
    columns = (found.low, found.high, found.counts, found.confidence, found.right, low, high)
    return [ReliabilityBin(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]
