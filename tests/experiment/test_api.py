"""What is refused before the first job, because this machine cannot do it."""

from __future__ import annotations

import pytest
import torch

import w2slab
from tests.conftest import w2slab as command
from w2slab.errors import UnavailableError
from w2slab.experiment import preflight
from w2slab.jobs.options import RunOptions
from w2slab.study.reading import load_study


def test_jobs_in_several_processes_share_the_cores(monkeypatch):
    monkeypatch.setattr(preflight.os, "cpu_count", lambda: 8)
    assert preflight.jobs_at_once(RunOptions(device="cpu", gpus_per_job=1)) == 8
    assert preflight.jobs_at_once(RunOptions(device="cpu", gpus_per_job=3)) == 2
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert preflight.jobs_at_once(RunOptions(device="auto", gpus_per_job=2)) == 2
    with pytest.raises(UnavailableError, match="--gpus-per-job 5: this machine has 4 GPUs"):
        preflight.jobs_at_once(RunOptions(device="auto", gpus_per_job=5))


def test_a_gpu_without_bf16_is_told_before_the_first_job(toy_study, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "an old GPU")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    study = load_study(toy_study, ["recipe.precision=bf16"])
    with pytest.raises(UnavailableError, match=r"an old GPU does not compute in bf16\. Use precision: fp32"):
        w2slab.run(study, tmp_path / "store", executor="inline")
    assert not (tmp_path / "store").exists()


def test_a_launcher_that_starts_several_copies_of_a_program_is_refused(toy_study, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UnavailableError, match="a launcher started several copies"):
        w2slab.run(load_study(toy_study), tmp_path / "store", executor="inline")


def test_a_sharded_run_needs_several_processes(toy_study):
    done = command("run", toy_study, "--sharded")
    assert done.returncode == 2
    assert "--gpus-per-job" in done.stderr
