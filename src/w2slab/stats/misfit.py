"""Misfit: the distance of a student from its supervisor, which in theory bounds its gain. No ground truth is read.

Let a student f be the best fit to its supervisor w within a convex class which holds the truth g: the projection of w
onto the class. By the theorem of Pythagoras for projections, in expectation over examples,

    squared loss: E|g - f|^2     <= E|g - w|^2     - E|f - w|^2         (Charikar et al. 2024, theorem 1)
    KL:           E KL(g || f)   <= E KL(g || w)   - E KL(f || w)       (Mulgund & Pabbaraju 2025)

where f minimises E|f - w|^2, or E KL(f || w): in the second the student stands first, which is the reverse of the
usual cross-entropy. The last term is the misfit. With labels drawn from g, Brier's score and the log loss differ from
the left sides by what no model can change, so that the misfit bounds the gain in them from below.

A finetuned network is neither a convex class nor its best fit, need not hold the truth, and is mostly trained with the
forward cross-entropy; then the inequalities need not hold, and a misfit may be plain error. It is a hint that stands
beside the true gain wherever that is known.
"""

from __future__ import annotations

import numpy as np
from scipy.special import xlogy

from w2slab.shapes import Array, Float, Float64
from w2slab.stats.calibration import SMALLEST_PROBABILITY


def squared_misfits(student: Float[Array, "N K"], weak: Float[Array, "N K"]) -> Float64[Array, " N"]:
    """Return the squared distance of student and supervisor, summed over candidates; at most 2 for probabilities.

    Args:
        student: Probabilities of candidates, or any real predictions.
        weak: The same of the supervisor.
    """
    misfits: np.ndarray = ((student.astype(float) - weak.astype(float)) ** 2).sum(axis=1)
    return misfits


def kl_misfits(student: Float[Array, "N K"], weak: Float[Array, "N K"]) -> Float64[Array, " N"]:
    """Return KL(student || supervisor) of each example in nats.

    The supervisor's probabilities count as at least `SMALLEST_PROBABILITY`, as in the log loss, so that what a
    supervisor calls impossible has a large but finite misfit; the rounding of stored probabilities cannot make it
    negative.

    Args:
        student: Probabilities of candidates, 0 beyond an example's own.
        weak: The same of the supervisor.
    """
    student = student.astype(float)
    misfits = (xlogy(student, student) - xlogy(student, weak.astype(float).clip(SMALLEST_PROBABILITY))).sum(axis=1)
    return np.maximum(misfits, 0.0)
