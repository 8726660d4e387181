"""What this machine offers, for `w2slab doctor`."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from typing import Any

_REQUIRED = ("torch", "accelerate", "numpy", "pyarrow", "pydantic", "safetensors", "matplotlib")
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def examine() -> list[dict[str, Any]]:
    """One finding per thing that matters: `what`, whether it is `ok`, and what was `found` or how to get it."""
    findings = [_finding("w2slab", True, version("w2slab")), _finding("python", True, platform.python_version())]
    findings += [_package(name) for name in _REQUIRED]
    findings.append(_finding("cores", True, f"{os.cpu_count()}, one worker process each by default"))
    findings.append(_gpu())
    findings.append(_extra("chess", "needed by `w2slab chess` commands, not by studies"))
    stockfish = shutil.which("stockfish", path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/games")
    findings.append(
        _finding("stockfish", bool(stockfish), stockfish or "apt install stockfish (for `w2slab chess` only)")
    )
    browser = next((found for name in _BROWSERS if (found := shutil.which(name))), None)
    findings.append(_finding("browser", bool(browser), browser or "apt install chromium (for the report's tests only)"))
    findings.append(_assets())
    return findings


def _finding(what: str, ok: bool, found: str) -> dict[str, Any]:
    return {"what": what, "ok": ok, "found": found}


def _package(name: str) -> dict[str, Any]:
    try:
        return _finding(name, True, version(name))
    except PackageNotFoundError:
        return _finding(name, False, f"pip install {name}")


def _extra(name: str, why: str) -> dict[str, Any]:
    found = importlib.util.find_spec(name) is not None
    return _finding(name, found, version(name) if found else f'pip install "w2slab[{name}]" ({why})')


def _gpu() -> dict[str, Any]:
    import torch

    if torch.cuda.is_available():
        return _finding("gpu", True, torch.cuda.get_device_name())
    return _finding("gpu", False, "none; everything runs on the CPU")


def _assets() -> dict[str, Any]:
    folder = files("w2slab") / "assets" / "chess"
    rungs = json.loads((folder / "ladder.json").read_text())["rungs"]
    return _finding("shipped ladder", True, ", ".join(rung["name"] for rung in rungs))
