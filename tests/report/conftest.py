"""A study that was never run, judged once for all tests of the report."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import fake_study

from w2slab.analysis import collect
from w2slab.report.page import write_report


@pytest.fixture(scope="session")
def chess(tmp_path_factory):
    """Plan, store and results of a chess study: 4 rungs, 2 seeds, 3 methods, all controls."""
    plan, store = fake_study.chess_study(tmp_path_factory.mktemp("chess"), n_test=600, seeds=(0, 1, 2))
    return plan, store, collect(plan, store, resamples=300)


@pytest.fixture(scope="session")
def page(chess, tmp_path_factory):
    """The chess study's report, as a file."""
    plan, store, results = chess
    return write_report(results, plan, store, tmp_path_factory.mktemp("report"), study_text=fake_study.STUDY_TEXT)
