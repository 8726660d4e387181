"""The sources of an older commit, for benchmarks that hold two trees against each other."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def checked_out(commit: str, folder: Path) -> Path:
    """Write sources and examples of a commit into a folder of its own, and return that folder."""
    tree = folder / "tree"
    tree.mkdir()
    command = ["git", "-C", str(ROOT), "archive", commit, "src", "examples"]
    archive = subprocess.run(command, check=True, capture_output=True)
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(tree, filter="data")
    return tree
