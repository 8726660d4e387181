"""Who may import whom: the table of docs/architecture.md, and no torch before a job runs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "w2slab"
HEAVY = {"torch", "transformers", "accelerate", "ray"}
NOTHING: set[str] = set()

# Package or module -> the layers of ours that it may import at its top, itself and errors aside.
MAY = {
    "errors": NOTHING,
    "randomness": NOTHING,
    "registry": NOTHING,
    "graph": NOTHING,
    "stats": NOTHING,
    "specs": {"graph"},
    "study_file": NOTHING,
    "recipes": NOTHING,
    "study_parts": {"recipes", "registry", "specs", "study_file"},
    "study": {"recipes", "registry", "specs", "study_file", "study_parts"},
    "tasks": {"randomness"},
    "models": {"randomness", "tasks"},
    "training": {"specs", "randomness"},
    "methods": {"relabeling"},
    "relabeling": NOTHING,
    "artifacts": {"tasks"},
    "jobs": {"artifacts", "graph", "models", "randomness", "registry", "relabeling", "specs", "tasks", "training"},
    "pinning": {"graph", "registry", "specs", "study"},
    "setting": {"graph", "pinning", "randomness", "registry", "specs", "study"},
    "experiment": {"graph", "pinning", "registry", "setting", "specs", "study"},
    "bench": {
        "api",
        "experiment",
        "graph",
        "randomness",
        "registry",
        "results",
        "specs",
        "stats",
        "study",
        "study_parts",
    },
    "cli_bench": NOTHING,
    "results": {"artifacts", "randomness", "stats"},
    "report": {"artifacts", "results", "stats", "tasks"},
    "api": {"experiment", "graph", "specs", "study"},
    "progress": NOTHING,
    "doctor": NOTHING,
    "cli_chess": NOTHING,
    "cli_compare": NOTHING,
    "cli_ladder": NOTHING,
    "compare": {"artifacts", "graph", "report", "results", "specs", "stats"},
    "elicit": {
        "api",
        "artifacts",
        "experiment",
        "graph",
        "pinning",
        "randomness",
        "recipes",
        "registry",
        "report",
        "setting",
        "specs",
        "stats",
        "study",
        "study_file",
        "tasks",
    },
    "export": {"artifacts", "elicit", "graph", "jobs", "report", "specs", "tasks"},
    "cli_elicit": NOTHING,
    "cli_examples": NOTHING,
    "cli": {"cli_bench", "cli_chess", "cli_compare", "cli_elicit", "cli_examples", "cli_ladder"},
    "__main__": {"cli"},
    "__init__": NOTHING,
}
# Layers in which no heavy library is imported anywhere, not even inside a function.
LIGHT = set(MAY) - {"models", "training", "jobs", "api", "doctor", "cli_chess", "cli_ladder", "cli", "export"}


def modules_imported(path: Path, *, top_only: bool) -> set[str]:
    """`package.module` names a file imports; those only for type checkers are left out."""
    tree = ast.parse(path.read_text())
    found = set()
    for node in tree.body if top_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names if node.module == "w2slab"}
    return found


def layer(module: str) -> str:
    parts = module.split(".")
    return parts[1] if parts[0] == "w2slab" and len(parts) > 1 else parts[0]


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda p: str(p.relative_to(SOURCE)))
def test_layers_import_only_what_they_may(path):
    own = layer("w2slab." + ".".join(path.relative_to(SOURCE).with_suffix("").parts))
    imported = {layer(name) for name in modules_imported(path, top_only=True) if name.startswith("w2slab.")}
    assert imported - {own, "errors"} <= MAY[own]
    if own in LIGHT:
        assert not {layer(name) for name in modules_imported(path, top_only=False)} & HEAVY


@pytest.mark.parametrize("commands", [["list"], ["plan"], ["status"], ["report"], ["--help"]], ids=lambda c: c[0])
def test_looking_never_loads_torch(commands, finished_toy_study):
    study = [] if commands[0] in ("list", "--help") else [str(finished_toy_study)]
    code = (
        "import sys; sys.argv = ['w2slab', *sys.argv[1:]]\n"
        "from w2slab.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        f"print('LOADED', sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, *commands, *study], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "LOADED []" in done.stderr
