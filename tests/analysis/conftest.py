"""A fake study of chess puzzles, judged once, and what plain loops over its examples need."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))

import fake_study

from w2slab.analysis import collect
from w2slab.data.artifacts import read_predictions
from w2slab.data.task_data import TaskData

ROLES = ("supervisor", "student", "ceiling")


@pytest.fixture(scope="session")
def chess(tmp_path_factory):
    """4 rungs, 3 methods, 2 seeds, all controls: plan, store, results."""
    plan, store = fake_study.chess_study(tmp_path_factory.mktemp("chess"), n_test=240, seeds=(0, 1))
    return plan, store, collect(plan, store, resamples=200)


@pytest.fixture(scope="session")
def told(chess):
    """Test examples of a comparison and what its models say of them, read without the code under test."""
    _, store, _ = chess

    def read(comparison, store=store):
        data = TaskData.made_by(comparison.data, store.folder)
        said = {role: read_predictions(store.folder(getattr(comparison, role).key), "test") for role in ROLES}
        return data.examples("test").table.to_pylist(), data.truth("test").right, said

    return read


def of(plan, row, names=("weak", "strong", "method", "control")):
    """The comparisons of a row, one for each seed."""
    return [c for c in plan.comparisons if all(getattr(c, name) == row[name] for name in names)]
