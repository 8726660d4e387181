"""A small chess study on the shipped puzzles and rungs."""

from __future__ import annotations

import os
import textwrap

import pytest

from tests.conftest import w2slab
from w2slab.data.artifacts import read_predictions
from w2slab.data.task_data import TaskData
from w2slab.experiment.plan import plan
from w2slab.graph.store import Store
from w2slab.study.reading import load_study

pytestmark = pytest.mark.slow

STUDY = """
    name: small-chess
    tasks: [chess]
    ladder:
      - {name: chess-3k, family: chessformer}
      - {name: chess-8k, family: chessformer}
    methods: [naive]
    splits: {supervisor_train: 150, student_train: 150, validation: 50, test: 200}
    weak_labels: hard
    recipe: {epochs: 1, curve_points: 2}
    statistics: {resamples: 200}
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chess")
    # A module that cannot be imported stands where python-chess would be found first.
    (folder / "blocked").mkdir()
    (folder / "blocked" / "chess.py").write_text("raise ImportError('a study must not need python-chess')")
    (folder / "study.yaml").write_text(textwrap.dedent(STUDY))
    environment = {**os.environ, "PYTHONPATH": str(folder / "blocked")}
    done = w2slab("run", folder / "study.yaml", env=environment)
    assert done.returncode == 0, done.stderr
    return folder


# "Running a study must not need python-chess: the puzzle table carries what a study needs."
def test_a_chess_study_runs_without_python_chess(finished):
    page = (finished / "small-chess-report" / "index.html").read_text()
    assert "chess-8k" in page


def test_predictions_are_probabilities_over_the_legal_moves(finished):
    planned = plan(load_study(finished / "study.yaml"))
    store = Store(finished / ".w2slab")
    row = planned.comparisons[0]
    predictions = read_predictions(store.folder(row.student.key), "test")
    data = TaskData.made_by(row.data, store.folder)
    examples = data.examples("test")
    assert predictions.positions.tolist() == data.positions("test").tolist()
    assert [len(moves) for moves in examples.candidates] == predictions.n_candidates.tolist()
    assert predictions.probs.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert "right" not in examples.table.column_names


def test_puzzles_of_one_game_stand_in_one_split(finished):
    planned = plan(load_study(finished / "study.yaml"))
    data = TaskData.made_by(planned.comparisons[0].data, Store(finished / ".w2slab").folder)
    groups = [set(data.examples(name).groups) for name in ("supervisor_train", "student_train", "validation", "test")]
    assert sum(map(len, groups)) == len(set().union(*groups))


def test_a_mating_move_counts_as_right_whichever_it_is(finished):
    planned = plan(load_study(finished / "study.yaml"))
    truth = TaskData.made_by(planned.comparisons[0].data, Store(finished / ".w2slab").folder).truth("test")
    several = [right for right in truth.right if len(right) > 1]
    assert several
    assert all(len(set(right)) == len(right) for right in several)
