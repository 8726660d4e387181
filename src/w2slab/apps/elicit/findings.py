"""Findings from the store: out-of-fold predictions beside weak labels, and beside some ground truth."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from w2slab.apps.elicit import label_quality
from w2slab.apps.elicit.elicit_plan import ElicitPlan
from w2slab.data.artifacts import read_predictions, read_votes
from w2slab.data.examples import Examples
from w2slab.data.task_data import TaskData
from w2slab.graph.store import Store
from w2slab.randomness import rng
from w2slab.relabelings.confident_learning import class_thresholds
from w2slab.stats.calibration import Calibration, bins_of_equal_numbers
from w2slab.stats.comparing import p_value
from w2slab.stats.paired import Pairs, labels_needed, mcnemar, minimum_detectable_difference, paired_difference
from w2slab.stats.resampling import Estimate, mean_estimate, resample_means
from w2slab.stats.shares import clopper_pearson

LEARNED, KEPT = "student_train", "reserve"  # splits, by what `fold` does with them
ENOUGH_FOR_CALIBRATION = 100
USUAL_DISCORDANCE = 0.1


@dataclass(frozen=True)
class GroundTruth:
    """Some ground-truth labels.

    Args:
        rows: Positions of their texts, int64 [M].
        right: The correct candidate of each, int64 [M].
    """

    rows: np.ndarray
    right: np.ndarray


@dataclass(frozen=True)
class Findings:
    """Labels of a user and the predictions of students that were not trained on them.

    Args:
        examples: The texts.
        groups: Texts of equal group are always in the same fold: text [N].
        weak: The labels as probabilities, float32 [N, K].
        by_seed: Out-of-fold probabilities of the students of each seed, [S, N, K].
        votes: Names of annotators and their votes, int64 [A, N], -1 for none; `None` where there are none.
        more: Texts without labels, and the probabilities of the students of all labels [M, K]; `None` without them.
        truth: Some ground-truth labels, or `None`.
        level: Coverage of confidence intervals.
    """

    examples: Examples
    groups: np.ndarray
    weak: np.ndarray
    by_seed: np.ndarray
    votes: tuple[list[str], np.ndarray] | None
    more: tuple[Examples, np.ndarray] | None
    truth: GroundTruth | None
    level: float

    @cached_property
    def student(self) -> np.ndarray:
        """Mean over seeds, [N, K]."""
        return self.by_seed.mean(axis=0, dtype=float)

    @cached_property
    def choice(self) -> np.ndarray:
        """The student's likeliest candidate, int64 [N]."""
        return self.student.argmax(axis=1)

    @cached_property
    def confidence(self) -> np.ndarray:
        """Its probability, [N]."""
        return self.student.max(axis=1)

    @cached_property
    def label(self) -> np.ndarray:
        """The likeliest candidate of the weak label, the first of equals, int64 [N]."""
        return self.weak.argmax(axis=1)

    @cached_property
    def tied(self) -> np.ndarray:
        """Texts whose weak label has no single likeliest candidate, bool [N]."""
        return label_quality.tied(self.weak)

    @cached_property
    def thresholds(self) -> np.ndarray | None:
        """Confidence thresholds by class; `None` where candidates are not classes."""
        if self.examples.classes is None:
            return None
        return class_thresholds(self.student[~self.tied], self.label[~self.tied])

    @cached_property
    def contradicted(self) -> np.ndarray:
        """Positions of the texts on which a confident student contradicts the label, most confident first."""
        found = np.flatnonzero(label_quality.contradicts(self.student, self.weak, self.thresholds))
        return found[np.argsort(-self.confidence[found], kind="stable")]

    @cached_property
    def joint(self) -> label_quality.Joint | None:
        """Joint distribution of weak labels and ground truth; `None` where candidates are not classes."""
        if self.examples.classes is None:
            return None
        return label_quality.confident_joint(self.student[~self.tied], self.label[~self.tied])

    @cached_property
    def weak_calibration(self) -> Calibration:
        """Calibration of the student against the weak labels."""
        return bins_of_equal_numbers(self.confidence[~self.tied], self.agrees[~self.tied])

    @cached_property
    def agrees(self) -> np.ndarray:
        """Agreement of student and label by text, bool [N]; meaningless where a label is tied."""
        return self.choice == self.label

    @cached_property
    def agreement(self) -> Estimate:
        """Share of texts on which student and label agree, among those whose label is not tied."""
        kept = ~self.tied
        return self._mean(self.agrees[kept], self.groups[kept], "agreement")

    @cached_property
    def true_calibration(self) -> Calibration | None:
        """Calibration of the student against the ground truth; `None` where there is too little."""
        if self.truth is None or len(self.truth.rows) < ENOUGH_FOR_CALIBRATION:
            return None
        rows = self.truth.rows
        return bins_of_equal_numbers(self.confidence[rows], self.choice[rows] == self.truth.right, n_bins=5)

    def annotators(self) -> dict[str, Any] | None:
        """Agreement of annotators; `None` where there are no votes."""
        if self.votes is None:
            return None
        return label_quality.annotators(*self.votes, student=self.choice, majority=self.label)

    def _mean(self, flags: np.ndarray, groups: np.ndarray, name: str) -> Estimate:
        draws = resample_means(flags[None], rng=rng(0, "elicit", name), groups=groups)[:, 0]
        value = float(flags.mean()) if len(flags) else float("nan")
        return mean_estimate(value, draws, level=self.level, n_units=len(np.unique(groups)))

    def on_truth(self) -> dict[str, Any] | None:
        """Student and labels on the ground truth, with confidence intervals; `None` where there is none.

        Where each text is a group of its own, intervals of accuracies are Clopper and Pearson's, that of the difference
        is Newcombe's and the p-value McNemar's exact one. Where texts come in groups, groups are resampled.
        """
        if self.truth is None:
            return None
        rows = self.truth.rows
        student, label = self.choice[rows] == self.truth.right, self.label[rows] == self.truth.right
        pairs, groups = Pairs.of(student, label), self.groups[rows]
        n_groups = len(np.unique(groups))
        facts: dict[str, Any] = {"n": len(rows), "n_groups": n_groups, "pairs": pairs._asdict()}
        if n_groups == len(rows):
            shares = (clopper_pearson(int(flags.sum()), len(flags), self.level) for flags in (student, label))
            facts["student"], facts["weak"] = (each._asdict() for each in shares)
            facts["difference"] = paired_difference(pairs, self.level)._asdict()
            facts["p"] = mcnemar(pairs)
        else:
            draws = resample_means(np.stack([student, label]), rng=rng(0, "elicit", "truth"), groups=groups)
            for name, flags, own in (("student", student, draws[:, 0]), ("weak", label, draws[:, 1])):
                estimate = mean_estimate(float(flags.mean()), own, level=self.level, n_units=n_groups)
                facts[name] = estimate._asdict()
            value, own = float(student.mean() - label.mean()), draws[:, 0] - draws[:, 1]
            estimate = mean_estimate(value, own, level=self.level, n_units=n_groups, lowest=-1.0)
            facts["difference"] = estimate._asdict()
            facts["p"] = p_value(value, float(own.std()), degrees=n_groups - 1, n_units=n_groups)
        facts["needed"] = labels_needed(pairs, self.level)
        discordant = (pairs.first_only + pairs.second_only) / pairs.n or USUAL_DISCORDANCE
        facts["shown_by_twice_as_many"] = minimum_detectable_difference(discordant, 2 * pairs.n, self.level)
        facts["n_tied"] = int(self.tied[rows].sum())
        return facts


def collect(plan: ElicitPlan, store: Store, truth: GroundTruth | None, level: float) -> Findings:
    """Read the results of a plan's jobs."""
    own = store.folder(plan.own.key)
    data = TaskData(own, own)
    examples, weak = data.examples(LEARNED), read_predictions(own, LEARNED)
    by_seed = np.zeros((len(plan.folds), *weak.probs.shape))
    for place, students in enumerate(plan.folds.values()):
        for student in students:
            kept = read_predictions(store.folder(student.key), KEPT)
            by_seed[place, kept.positions, : kept.probs.shape[1]] = kept.probs
    more = None
    if data.has(KEPT):
        finals = [read_predictions(store.folder(each.key), KEPT).probs for each in plan.finals.values()]
        more = data.examples(KEPT), np.mean(finals, axis=0, dtype=float)
    groups = np.array(examples.groups)
    return Findings(examples, groups, weak.probs, by_seed, read_votes(own), more, truth, level)
