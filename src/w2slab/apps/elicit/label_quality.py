"""Label quality from out-of-fold predictions, without ground truth: agreement, misfit, confident counts.

Shapes: N examples, K classes or candidates. `student` holds probabilities of students that were not trained on the
label with which they are compared; `weak` holds the labels, as probabilities.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from w2slab.relabelings.confident_learning import confident_classes
from w2slab.stats.misfit import squared_misfits

_TIE = 1e-6  # float32 labels: 1/3 and 1/3 may differ in the last bit


def tied(weak: np.ndarray) -> np.ndarray:
    """Labels without a single likeliest candidate, bool [N]."""
    top = weak.max(axis=1, keepdims=True)
    ties: np.ndarray = (weak >= top - _TIE).sum(axis=1) > 1
    return ties


def misfit(student: np.ndarray, weak: np.ndarray) -> float:
    """Mean squared distance of student and labels, mean over examples of sum over candidates.

    Charikar et al. 2024 (theorem 1): with squared loss, a student that is the best fit to the weak labels within a
    convex set of functions which holds the truth has an error of at most that of the labels minus this number, in
    expectation. A finetuned network is neither convex nor sure to hold the truth, so here it is a hint.
    """
    return float(squared_misfits(student, weak).mean()) if len(student) else float("nan")


class Joint(NamedTuple):
    """Estimated joint distribution of weak labels and ground truth.

    Args:
        counts: C, int [K, K]: rows are weak labels, columns the classes of which the student is confident.
        shares: Q, [K, K], sums to one: rows have the weights that the weak labels have.
    """

    counts: np.ndarray
    shares: np.ndarray

    @property
    def wrong(self) -> float:
        """Estimated share of wrong labels."""
        return float(1 - np.trace(self.shares))

    @property
    def wrong_by_label(self) -> np.ndarray:
        """Estimated share of wrong ones among the labels of each class, [K]; NaN where a class has no label."""
        rows = self.shares.sum(axis=1)
        right = np.divide(np.diag(self.shares), rows, out=np.full(len(rows), np.nan), where=rows > 0)
        return 1 - right

    @property
    def prior(self) -> np.ndarray:
        """Estimated share of each class in the ground truth, [K]."""
        return self.shares.sum(axis=0)


def confident_joint(student: np.ndarray, labels: np.ndarray) -> Joint:
    """Joint distribution of weak labels and ground truth by confident learning (Northcutt et al. 2021, section 3.1).

    C[i, j] counts the examples with label i for which the student's p_j is at least t_j; where several classes are
    over their thresholds, the most probable of them counts. Then Q[i, j] is C[i, j] / sum_j C[i, j] times the number
    of labels i, scaled to a sum of one. A row without any confident example is taken as correct.

    It is unbiased only if errors depend on nothing but the class and the student's mistakes do not resemble those of
    the labels: a student that learned the labels' systematic errors agrees with them.

    Args:
        student: Out-of-fold probabilities [N, K].
        labels: The weak labels as classes, int [N].
    """
    n_classes = student.shape[1]
    chosen = confident_classes(student, labels, True)
    confident = chosen >= 0
    counts = np.zeros((n_classes, n_classes), dtype=np.int64)
    np.add.at(counts, (labels[confident], chosen[confident]), 1)
    filled = np.where(counts.sum(axis=1, keepdims=True) > 0, counts, np.eye(n_classes)).astype(float)
    of_label = np.bincount(labels, minlength=n_classes)[:, None]
    shares = filled / filled.sum(axis=1, keepdims=True) * of_label
    return Joint(counts, shares / max(shares.sum(), 1.0))


def contradicts(student: np.ndarray, weak: np.ndarray, thresholds: np.ndarray | None) -> np.ndarray:
    """Texts on which a confident student contradicts the label, bool [N]; ties among labels contradict nothing.

    Args:
        student: [N, K].
        weak: [N, K].
        thresholds: Confidence thresholds by class [K]; `None` where candidates are not classes: then the mean
            probability that the student gives to the label's choice.
    """
    choice, label = student.argmax(axis=1), weak.argmax(axis=1)
    top = student.max(axis=1)
    if thresholds is None:
        limit = np.full(len(choice), student[np.arange(len(label)), label].mean() if len(label) else 1.0)
    else:
        limit = thresholds[choice]
    found: np.ndarray = (choice != label) & (top >= np.minimum(limit, 1.0)) & ~tied(weak)
    return found


def annotators(names: list[str], votes: np.ndarray, student: np.ndarray, majority: np.ndarray) -> dict[str, Any]:
    """Agreement of annotators with each other, with the majority and with the student.

    Args:
        names: Of the annotators, A of them.
        votes: Class that each gave, int [A, N]; -1 where it gave none.
        student: The student's choices, int [N].
        majority: The likeliest class of the votes, int [N].

    Returns:
        `each`: a row per annotator: `name`, `n`, `student`, `majority` (shares of its votes); `pairs`: rows of `first`,
        `second`, `n`, `agreement`; `unanimous` and `n_several`: share, of the examples with two votes or more, on which
        all votes are equal, and their number.
    """
    voted = votes >= 0
    each = [
        {
            "name": name,
            "n": int(own.sum()),
            "student": _share(vote[own] == student[own]),
            "majority": _share(vote[own] == majority[own]),
        }
        for name, vote, own in zip(names, votes, voted, strict=True)
    ]
    pairs = []
    for i in range(len(names)):
        for j in range(i):
            common = voted[i] & voted[j]
            agreement = _share(votes[i, common] == votes[j, common])
            pairs.append({"first": names[j], "second": names[i], "n": int(common.sum()), "agreement": agreement})
    several = voted.sum(axis=0) >= 2
    highest = np.where(voted, votes, -1).max(axis=0)
    lowest = np.where(voted, votes, np.iinfo(np.int64).max).min(axis=0)
    unanimous = _share((highest == lowest)[several])
    return {"each": each, "pairs": pairs, "unanimous": unanimous, "n_several": int(several.sum())}


def _share(flags: np.ndarray) -> float:
    return float(flags.mean()) if len(flags) else float("nan")
