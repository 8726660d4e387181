"""Ceilings over seeds, and those that failed to train: flagged, told, and counted all the same."""

from __future__ import annotations

import fake_study
import numpy as np
import pytest

from w2slab.analysis import collect, render
from w2slab.data.artifacts import read_predictions, write_predictions
from w2slab.data.labels import Labels
from w2slab.stats.ceilings import noise_floor


def test_each_row_is_the_noise_floor_of_its_seeds(chess, told):
    plan, _, results = chess
    assert sorted(r["model"] for r in results["ceilings"]) == ["large", "medium", "small", "tiny"]
    for row in results["ceilings"]:
        accuracies = []
        for seed in row["seeds"]:
            comparison = next(c for c in plan.comparisons if (c.strong, c.seed) == (row["model"], seed))
            _, right, said = told(comparison)
            choices = said["ceiling"].choices
            accuracies.append(np.mean([c in r for c, r in zip(choices, right, strict=True)]))
        assert row["accuracy"] == pytest.approx(np.mean(accuracies))
        floor = noise_floor(np.array(accuracies))
        assert [row[name] for name in floor._fields] == pytest.approx(list(floor))
        assert row["method"] is None
        assert row["low_mode_seeds"] == ((0, 1) if row["model"] == "tiny" else ())  # 240 puzzles show little
    assert sum("failed to train" in note for note in results.notes()) == 1


@pytest.fixture
def failed(tmp_path):
    """The ceiling `large` says nothing under seed 1."""
    plan, store = fake_study.chess_study(tmp_path, n_test=240, seeds=(0, 1, 2))
    ceiling = next(c.ceiling for c in plan.comparisons if (c.strong, c.seed) == ("large", 1))
    folder = store.folder(ceiling.key)
    said = read_predictions(folder, "test")
    probs = (np.arange(said.probs.shape[1]) < said.n_candidates[:, None]) / said.n_candidates[:, None]
    write_predictions(folder, "test", Labels(said.positions, probs.astype(np.float32), said.n_candidates))
    return collect(plan, store, resamples=200)


# "flag, never drop in silence"
def test_a_ceiling_that_failed_is_flagged_told_and_counted(failed):
    row = next(r for r in failed["ceilings"] if r["model"] == "large")
    assert row["low_mode_seeds"] == (1,)
    (reason,) = row["low_mode_reasons"]
    (note,) = [n for n in failed.notes() if "ceiling large" in n]
    assert note == (
        "The ceiling large on chess-puzzles may have failed to train under 1 of 3 seeds, counted all the same; "
        f"seed 1: {reason}."
    )
    assert note in render(failed)
    assert all(r["seeds"] == (0, 1, 2) for r in failed.summary)
    counted = [r["ceiling_accuracy"] for r in failed.rows if r["strong"] == "large" and r["is_reported"]]
    assert row["accuracy"] == pytest.approx(np.mean(counted))


def test_always_the_same_class_is_guessing(tmp_path):
    plan, store = fake_study.text_study(tmp_path, n_test=200)
    ceiling = next(c.ceiling for c in plan.comparisons if c.strong == "medium")
    folder = store.folder(ceiling.key)
    said = read_predictions(folder, "test")
    probs = np.tile(np.array([0.3, 0.7], dtype=np.float32), (len(said), 1))
    write_predictions(folder, "test", Labels(said.positions, probs, said.n_candidates))
    row = next(r for r in collect(plan, store, resamples=100)["ceilings"] if r["model"] == "medium")
    assert row["low_mode_seeds"] == (0,)
    assert np.isnan([row["sd"], row["difference"]]).all()
