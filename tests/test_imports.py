"""Layers import downwards only: those of docs/architecture.md, and no torch before a job runs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "w2slab"
HEAVY = {"torch", "transformers", "accelerate", "ray"}

# Layers from the lowest up: each may import at its top what stands below it, itself and errors.
LAYERS: list[set[str]] = [
    {"errors", "lazy", "shapes"},
    {"randomness", "fields"},
    {"graph", "stats"},
    {"registry", "executors"},
    {"data"},
    {"tasks"},
    {"models", "objectives", "relabelings"},
    {"training"},
    {"jobs"},
    {"study"},
    {"methods"},
    {"experiment"},
    {"analysis"},
    {"report"},
    {"apps", "ladders"},
    {"cli"},
    {"__main__"},
    {"__init__"},
]
HEIGHT = {name: height for height, names in enumerate(LAYERS) for name in names}
# Layers in which no heavy library is imported anywhere, not even inside a function.
# In `shapes` it is for type checkers alone.
HEAVY_INSIDE = {"shapes", "models", "objectives", "training", "jobs", "experiment", "apps", "ladders", "cli"}
LIGHT = set(HEIGHT) - HEAVY_INSIDE


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
    assert {name for name in imported - {own} if HEIGHT[name] >= HEIGHT[own]} == set()
    if own in LIGHT:
        assert not {layer(name) for name in modules_imported(path, top_only=False)} & HEAVY


@pytest.mark.parametrize("commands", [["list"], ["plan"], ["status"], ["report"], ["--help"]], ids=lambda c: c[0])
def test_looking_never_loads_torch(commands, finished_toy_study):
    study = [] if commands[0] in ("list", "--help") else [str(finished_toy_study)]
    code = (
        "import sys; sys.argv = ['w2slab', *sys.argv[1:]]\n"
        "from w2slab.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        f"print('LOADED', sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, *commands, *study], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "LOADED []" in done.stderr
