"""Shapes in annotations are checked in this process, and cost users nothing."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from tests.relabelings.labels import pair
from w2slab import objectives, relabelings
from w2slab.relabelings import HardLabels, LabelBatch
from w2slab.relabelings.relabeling import confidence
from w2slab.stats.calibration import brier_scores
from w2slab.stats.seeds import BySeed

TypeCheckError = pytest.importorskip("jaxtyping").TypeCheckError


def test_a_statistic_of_arrays_that_do_not_fit_is_an_error():
    probs = np.full((4, 2), 0.5)
    with pytest.raises(TypeCheckError, match="is_right"):
        brier_scores(probs, np.ones((4, 3), dtype=bool))
    with pytest.raises(TypeCheckError, match="is_right"):
        brier_scores(probs, np.ones((4, 2)))
    with pytest.raises(TypeCheckError, match="draws"):
        BySeed(np.zeros(3), np.zeros((10, 2)))


def test_an_objective_of_tensors_that_do_not_fit_is_an_error():
    logits, targets = torch.zeros(4, 2), torch.full((3, 2), 0.5)
    with pytest.raises(TypeCheckError, match="targets"):
        objectives.CrossEntropy()(logits, targets, 0.5, None)
    with pytest.raises(TypeCheckError, match="statistic"):
        objectives.AuxiliaryConfidence()(logits, torch.full((4, 2), 0.5), 0.5, torch.zeros(3, dtype=torch.int64))
    with pytest.raises(TypeCheckError, match="logits"):
        objectives.CrossEntropy()(logits.numpy(), targets, 0.5, None)


def test_a_relabeling_of_arrays_that_do_not_fit_is_an_error():
    with pytest.raises(TypeCheckError, match="n_candidates"):
        LabelBatch(pair([0.1, 0.9]), np.full(3, 2), True, np.random.default_rng(0))
    with pytest.raises(TypeCheckError, match="n_candidates"):
        confidence(pair([0.1, 0.9]), np.full(3, 2))
    with pytest.raises(TypeCheckError, match="batch"):
        HardLabels()(pair([0.1, 0.9]))


def test_every_public_name_is_there():
    for package in (objectives, relabelings):
        assert {row.partition(":")[2] for row in package.TABLE.values()} <= set(package.__all__)
        assert all(getattr(package, name).__name__ == name for name in package.__all__)
        assert len(set(package.__all__)) == len(package.__all__)


@pytest.mark.parametrize("names", ["objectives, relabelings, shapes", "objectives, relabelings, every"])
def test_users_import_neither_torch_nor_scipy_nor_what_checks_shapes(names):
    every = (
        "for package in (objectives, relabelings):\n    [getattr(package, name) for name in package.__all__]\n"
        if "every" in names
        else ""
    )
    code = (
        f"import sys\nfrom w2slab import objectives, relabelings, shapes\n{every}"
        "heavy = {'torch', 'scipy', 'sklearn', 'pandas', 'jaxtyping', 'beartype'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
