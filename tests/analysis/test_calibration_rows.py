"""Calibration and reliability of a study, against plain loops over examples and seeds."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from tests.analysis.conftest import of

PAIR = ("weak", "strong")


def comparisons_of(plan, row):
    """The comparisons that hold the models of a row, one for each seed."""
    if row["role"] == "student":
        return of(plan, row)
    found = {c.seed: c for c in of(plan, row, PAIR)}
    return [found[seed] for seed in row["seeds"]]


def plain_scores(right, said):
    """Of one model: (confidence, is right, Brier, NLL) of each example."""
    rows = []
    for allowed, probs in zip(right, said.probs.astype(float), strict=True):
        choice = int(np.argmax(probs))
        p_right = sum(probs[i] for i in allowed)
        brier = (1 - p_right) ** 2 + sum(p * p for i, p in enumerate(probs) if i not in allowed)
        rows.append((probs[choice], choice in allowed, brier, -math.log(max(p_right, 1e-12))))
    return rows


def plain_bin(confidence):
    """The bin of fifteen, each with its upper edge."""
    return max(0, math.ceil(round(confidence * 15, 9)) - 1)


def plain_error(scores):
    error = 0.0
    for place in range(15):
        own = [(c, r) for c, r, _, _ in scores if plain_bin(c) == place]
        error += abs(sum(c for c, _ in own) - sum(r for _, r in own)) / len(scores)
    return error


def test_each_row_is_what_a_plain_loop_finds(chess, told):
    plan, _, results = chess
    assert {r["role"] for r in results["calibration"]} == {"supervisor", "student", "ceiling"}
    for row in results["calibration"][::5]:
        by_seed = []
        for comparison in comparisons_of(plan, row):
            _, right, said = told(comparison)
            by_seed.append(plain_scores(right, said[row["role"]]))
        found = np.array(by_seed, dtype=float).mean(axis=(0, 1))
        assert [row[n] for n in ("confidence", "accuracy", "brier", "nll")] == pytest.approx(found.tolist(), abs=1e-6)
        assert row["ece"] == pytest.approx(np.mean([plain_error(scores) for scores in by_seed]), abs=1e-6)
        assert row["model"] == row["weak" if row["role"] == "supervisor" else "strong"]
        assert (row["n_bins"], row["n_test"], row["seeds"]) == (15, 240, (0, 1))


def test_intervals_hold_their_numbers_and_floors_are_below_errors_of_models_that_are_off(chess):
    for row in chess[2]["calibration"]:
        for name in ("brier", "nll"):
            assert 0 <= row[f"{name}_low"] < row[name] < row[f"{name}_high"]
        assert 0 < row["ece_floor"] < 0.1


# Groups are two examples each, so errors over groups; seeds share examples.
def test_the_interval_of_a_score_is_that_of_its_standard_error(chess, told):
    plan, _, results = chess
    row = next(r for r in results["calibration"] if r["role"] == "student" and r["control"] is None)
    means = []
    for comparison in of(plan, row):
        examples, right, said = told(comparison)
        groups = [example["group"] for example in examples]
        scores = [s[2] for s in plain_scores(right, said["student"])]
        means.append([np.mean([s for s, g in zip(scores, groups, strict=True) if g == name]) for name in set(groups)])
    error = np.std(np.mean(means, axis=0), ddof=1) / math.sqrt(len(means[0]))
    assert row["brier_high"] - row["brier_low"] > 2 * 1.96 * error * 0.8


def test_supervisors_and_ceilings_stand_once_for_each_pair(chess):
    rows = chess[2]["calibration"]
    for role in ("supervisor", "ceiling"):
        own = Counter((r["weak"], r["strong"]) for r in rows if r["role"] == role)
        assert set(own.values()) == {1}
        assert len(own) == 7  # six pairs, and self-training
        assert {r["method"] for r in rows if r["role"] == role} == {None}
    students = [r for r in rows if r["role"] == "student"]
    assert len(students) == 6 * 3 + 4
    control = next(r for r in rows if r["role"] == "ceiling" and r["weak"] == r["strong"])
    assert control["control"] == "self-training"


def test_reliability_counts_the_examples_of_all_seeds(chess, told):
    plan, _, results = chess
    rows = [r for r in results["reliability"] if (r["role"], r["weak"], r["strong"]) == ("ceiling", "tiny", "large")]
    scores = []
    for comparison in comparisons_of(plan, rows[0]):
        _, right, said = told(comparison)
        scores += plain_scores(right, said["ceiling"])
    counts = Counter(plain_bin(c) for c, *_ in scores)
    assert [(round(r["bin_low"] * 15), r["n"]) for r in rows] == sorted(counts.items())
    for row in rows:
        own = [(c, r) for c, r, *_ in scores if plain_bin(c) == round(row["bin_low"] * 15)]
        assert (row["confidence"], row["accuracy"]) == pytest.approx(np.mean(own, axis=0), abs=1e-6)
        assert row["accuracy_low"] <= row["accuracy"] <= row["accuracy_high"]
        assert row["bin_high"] - row["bin_low"] == pytest.approx(1 / 15)
    assert sum(row["n"] for row in rows) == 2 * 240
