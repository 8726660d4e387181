"""What out-of-fold predictions say of labels, on numbers worked by hand and on noise that is known."""

from __future__ import annotations

import numpy as np
import pytest

from w2slab.apps.elicit.label_quality import (
    annotators,
    confident_joint,
    contradicts,
    misfit,
    tied,
)
from w2slab.relabelings.confident_learning import class_thresholds


# Labels 0 0 0 1 1. t_0 = mean(.9, .6, .3) = .6, t_1 = mean(.8, .4) = .6. Confident: example 0 of 0, 1 of 0 (.6 >= .6),
# 2 of 1 (.7), 3 of 1 (.8), 4 of 0 (.6). So C = [[2, 1], [1, 1]]; rows scaled to 3 and 2 labels: [[2, 1], [1, 1]] / 5.
def test_the_confident_joint_is_as_worked_by_hand():
    student = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.2, 0.8], [0.6, 0.4]])
    labels = np.array([0, 0, 0, 1, 1])
    assert class_thresholds(student, labels) == pytest.approx([0.6, 0.6])
    joint = confident_joint(student, labels)
    assert joint.counts.tolist() == [[2, 1], [1, 1]]
    assert joint.shares == pytest.approx(np.array([[0.4, 0.2], [0.2, 0.2]]))
    assert joint.wrong == pytest.approx(0.4)
    assert joint.wrong_by_label == pytest.approx([1 / 3, 1 / 2])
    assert joint.prior == pytest.approx([0.6, 0.4])


# A student that knows the truth and is 90 % sure of it finds the noise that depends on the class alone.
def test_class_dependent_noise_is_found():
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 2, 20_000)
    flips = generator.random(20_000) < np.where(truth == 0, 0.3, 0.1)
    student = np.where(truth[:, None] == [0, 1], 0.9, 0.1)
    joint = confident_joint(student, np.where(flips, 1 - truth, truth))
    assert joint.wrong == pytest.approx(0.2, abs=0.01)
    assert joint.wrong_by_label == pytest.approx([0.1 / 0.8, 0.3 / 1.2], abs=0.01)


def test_a_class_without_labels_has_no_estimate_and_breaks_nothing():
    joint = confident_joint(np.array([[0.5, 0.4, 0.1], [0.3, 0.6, 0.1]]), np.array([0, 1]))
    assert np.isnan(joint.wrong_by_label[2])
    assert joint.shares.sum() == pytest.approx(1)


def test_misfit_is_the_mean_squared_distance():
    assert misfit(np.array([[0.5, 0.5], [1.0, 0.0]]), np.array([[1.0, 0.0], [1.0, 0.0]])) == pytest.approx(0.25)


def test_ties_contradict_nothing():
    student = np.array([[0.1, 0.9], [0.1, 0.9], [0.1, 0.9]])
    weak = np.array([[1.0, 0.0], [0.5, 0.5], [0.2, 0.8]], dtype=np.float32)
    assert tied(weak).tolist() == [False, True, False]
    assert contradicts(student, weak, np.array([0.5, 0.5])).tolist() == [True, False, False]
    assert contradicts(student, weak, np.array([0.5, 0.95])).tolist() == [False, False, False]


def test_thirds_in_float32_are_a_tie():
    assert tied(np.array([[1 / 3, 1 / 3, 1 / 3]], dtype=np.float32)).all()


def test_annotators_are_compared_where_both_voted():
    votes = np.array([[0, 1, 1, -1], [0, 0, 1, 1], [-1, -1, -1, 1]])
    found = annotators(["a", "b", "c"], votes, student=np.array([0, 0, 1, 1]), majority=np.array([0, 0, 1, 1]))
    assert [row["student"] for row in found["each"]] == pytest.approx([2 / 3, 1.0, 1.0])
    assert found["pairs"][0] == {"first": "a", "second": "b", "n": 3, "agreement": pytest.approx(2 / 3)}
    assert np.isnan(found["pairs"][1]["agreement"])
    assert (found["unanimous"], found["n_several"]) == (pytest.approx(3 / 4), 4)
