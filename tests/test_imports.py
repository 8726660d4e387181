"""Who may import whom: the table of docs/design.md, and no torch before a job runs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "w2slab"
HEAVY = {"torch", "transformers", "accelerate", "ray"}
LEARNING = {
    "tasks",
    "models",
    "training",
    "methods",
    "jobs",
    "experiment",
    "study",
    "results",
    "report",
    "cli",
    "specs",
}

# Package or module -> what it may never import at its top, of our own layers and of heavy libraries.
NEVER = {
    "errors": LEARNING | HEAVY | {"graph", "stats", "registry"},
    "registry": LEARNING | HEAVY | {"graph", "stats"},
    "graph": LEARNING | HEAVY | {"stats", "registry"},
    "stats": LEARNING | HEAVY | {"graph", "registry"},
    "study": (LEARNING - {"specs"}) | HEAVY,
    "specs": (LEARNING - {"specs"}) | HEAVY,
    "tasks": {"graph", "methods", "study", "jobs", "experiment", "cli"} | HEAVY,
    "models": {"graph", "methods", "study", "jobs", "experiment", "cli"},
    "training": {"graph", "methods", "study", "jobs", "experiment", "cli"},
    "methods": {"jobs", "tasks", "models", "training", "experiment", "cli"} | HEAVY,
    "jobs": {"methods", "experiment", "cli"},
    "experiment": {"jobs", "training", "cli"} | HEAVY,
    "results": {"jobs", "models", "training", "cli"} | HEAVY,
    "report": {"jobs", "models", "training", "cli"} | HEAVY,
    "artifacts": {"jobs", "models", "training", "methods", "cli"} | HEAVY,
}


def modules_imported(path: Path, *, top_only: bool) -> set[str]:
    """`package.module` names a file imports; those only for type checkers are left out."""
    tree = ast.parse(path.read_text())
    found = set()
    nodes = tree.body if top_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def layer(module: str) -> str:
    parts = module.split(".")
    return parts[1] if parts[0] == "w2slab" and len(parts) > 1 else parts[0]


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda p: str(p.relative_to(SOURCE)))
def test_layers_import_only_what_they_may(path):
    own = layer("w2slab." + ".".join(path.relative_to(SOURCE).with_suffix("").parts))
    forbidden = NEVER.get(own, set()) - {own}
    imported = {layer(name) for name in modules_imported(path, top_only=True)}
    assert not imported & forbidden


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
