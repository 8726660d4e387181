"""Agreement of two models beyond chance: CAPA (Goel et al. 2025, arXiv 2502.04313), and a form without ground truth.

Observed agreement is the probability that two models, each drawing a candidate by its probabilities, draw the same; the
coefficient says which share it is of the way from agreement by chance to perfect agreement:

    kappa = (c_obs - c_exp) / (1 - c_exp)        c_obs = mean over examples of sum_k p_1(k) p_2(k)

CAPA (kappa_p) takes as chance two independent models of the same accuracies, which spread what they do not give to the
right option over the others: with p the mean probability of what is right and K_x options of example x,

    c_exp = p_1 p_2 + (1 - p_1) (1 - p_2) mean over x of 1 / (K_x - 1)

Two unsure models do not agree perfectly even if they are equal: a draw of one need not be a draw of the other.
"""

from __future__ import annotations

import numpy as np

from w2slab.shapes import Array, Bool, Float, Float64, Int


def observed_agreement(first: Float[Array, "N K"], second: Float[Array, "N K"]) -> Float64[Array, " N"]:
    """Return the probability that both models draw the same candidate.

    Args:
        first: Probabilities of candidates, 0 beyond an example's own.
        second: The same of the other model.
    """
    agreement: np.ndarray = np.einsum("nk,nk->n", first.astype(float), second.astype(float))
    return agreement


def agreement_by_accuracy(
    first: Float[Array, "N K"],
    second: Float[Array, "N K"],
    is_right: Bool[Array, "N K"],
    n_candidates: Int[Array, " N"],
) -> Float64[Array, " N"]:
    """Return the contribution of each example to the chance agreement of CAPA; their mean is c_exp.

    c_exp is a product of means. Here each mean is its value plus its change (the delta method), so that means over
    resampled examples, too, are c_exp to first order, as all intervals of ratios are.

    The paper has one right option. Several of an example share what is right as the others share what is wrong: then
    1 / R_x stands with p_1 p_2, and R_x in place of 1. An example all of whose candidates are right has no wrong option
    to agree on, and adds 0 there.

    Args:
        first: Probabilities of candidates, 0 beyond an example's own.
        second: The same of the other model.
        is_right: True for the right candidates.
        n_candidates: Number of candidates of each example.
    """
    if not len(first):
        return np.empty(0)
    one, other = (np.where(is_right, probs.astype(float), 0.0).sum(axis=1) for probs in (first, second))
    n_right = is_right.sum(axis=1)
    same_right, same_wrong = _inverse(n_right), _inverse(n_candidates - n_right)
    p, q, r, w = (each.mean() for each in (one, other, same_right, same_wrong))
    expected = p * q * r + (1 - p) * (1 - q) * w
    changes = (
        (q * r - (1 - q) * w) * (one - p)
        + (p * r - (1 - p) * w) * (other - q)
        + p * q * (same_right - r)
        + (1 - p) * (1 - q) * (same_wrong - w)
    )
    added: np.ndarray = expected + changes
    return added


def agreement_by_share(first: Float[Array, "N K"], second: Float[Array, "N K"]) -> Float64[Array, " N"]:
    """Return the contribution of each example to the chance agreement of Cohen's kappa (1960); their mean is c_exp.

    c_exp = sum over classes of the products of both models' mean probabilities: two models that give each class its
    share, whatever the example. No ground truth is read, so that models which agree because both are right count as
    alike: a variant of CAPA, not CAPA. Linear in each example as `agreement_by_accuracy` is.

    Args:
        first: Probabilities of classes, the same for every example.
        second: The same of the other model.
    """
    if not len(first):
        return np.empty(0)
    first, second = first.astype(float), second.astype(float)
    shares, others = first.mean(axis=0), second.mean(axis=0)
    added: np.ndarray = first @ others + second @ shares - shares @ others
    return added


def agreement_by_number(n_candidates: Int[Array, " N"]) -> Float64[Array, " N"]:
    """Return the contribution of each example to the agreement of two models that draw uniformly: 1 / K_x.

    It takes the place of `agreement_by_share` where candidates differ by example, so that no class has a share.
    """
    return _inverse(n_candidates)


def kappa(observed: Float64[Array, " N"], expected: Float64[Array, " N"]) -> float:
    """Compute the coefficient from contributions of examples; NaN without examples or at perfect chance agreement.

    Args:
        observed: Made by `observed_agreement`.
        expected: Made by one of the functions `agreement_by_...`.
    """
    if not len(observed) or not 1 - expected.mean() > 1e-12:
        return float("nan")
    return float((observed.mean() - expected.mean()) / (1 - expected.mean()))


def capa(
    first: Float[Array, "N K"],
    second: Float[Array, "N K"],
    is_right: Bool[Array, "N K"],
    n_candidates: Int[Array, " N"],
) -> float:
    """Compute CAPA of two models; arguments as for `agreement_by_accuracy`."""
    return kappa(observed_agreement(first, second), agreement_by_accuracy(first, second, is_right, n_candidates))


def _inverse(numbers: Int[Array, " N"]) -> Float64[Array, " N"]:
    """Return 1 / n of each, and 0 where n is 0."""
    inverse: np.ndarray = np.divide(1.0, numbers, out=np.zeros(len(numbers)), where=numbers > 0)
    return inverse
