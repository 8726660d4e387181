"""What docs/adding.md prints, as files and commands."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "adding.md"


def blocks(language: str) -> list[str]:
    """The code blocks of one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def write_files(folder: Path) -> None:
    """Write every block that begins with the name of a file, exactly as printed."""
    for block in [*blocks("python"), *blocks("yaml")]:
        name = re.match(r"# (\S+\.(?:py|yaml))\n", block)
        assert name, block
        (folder / name[1]).write_text(block)


def commands() -> list[list[str]]:
    """The commands of the page, run by this Python."""
    lines = [line[2:] for block in blocks("console") for line in block.splitlines() if line.startswith("$ ")]
    programs = {"python": [sys.executable], "w2slab": [sys.executable, "-m", "w2slab"]}
    return [[*programs[words[0]], *words[1:]] for words in map(shlex.split, lines)]
