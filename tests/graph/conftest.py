"""Lets the tests, and the workers they start, import the jobs of `small_jobs`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

HERE = str(Path(__file__).parent)
if HERE not in sys.path:
    sys.path.append(HERE)


@pytest.fixture
def store(tmp_path):
    from w2slab.graph.store import Store

    return Store(tmp_path / "store")


@pytest.fixture
def side(tmp_path):
    """File to which small jobs append what they did."""
    path = tmp_path / "side.txt"
    path.touch()
    return path
