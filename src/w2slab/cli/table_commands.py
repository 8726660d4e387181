"""`w2slab list, describe, schema, doctor`: what a study may name, and what this machine offers. Thin."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from pathlib import Path
from typing import Annotated, Literal

import typer

from w2slab.cli.arguments import AsJson, Plugins, Settings

_LEAST_WIDTH = 60
_MOST_NAME = 30

Table = Literal["tasks", "models", "methods", "objectives", "relabelings", "recipe-changes", "rungs"]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("list")(list_rows)
    for command in (describe, schema, doctor):
        app.command()(command)


def list_rows(table: Annotated[Table | None, typer.Argument()] = None, plugins: Plugins = None) -> None:
    """Show what a study may name: tasks, models, methods and what they are made of, and the shipped rungs."""
    from w2slab import registry

    for name in [table] if table else [*registry.TABLES, "rungs"]:
        typer.echo(f"{name}:")
        rows = _rungs() if name == "rungs" else {row: registry.describe(name, row) for row in registry.table(name)}
        _columns(rows)


def _columns(rows: dict[str, str]) -> None:
    """Print names and descriptions; on a terminal, descriptions are folded to its width."""
    width = max((len(name) for name in rows if len(name) <= _MOST_NAME), default=0)
    room = max(_LEAST_WIDTH, shutil.get_terminal_size().columns) if sys.stdout.isatty() else sys.maxsize
    for name, description in rows.items():
        first = f"  {name:{width}}  "
        lines = textwrap.wrap(description, room - width - 4) if room < sys.maxsize else [description]
        typer.echo(first + ("\n" + " " * (width + 4)).join(lines or [""]))


def _rungs() -> dict[str, str]:
    from importlib.resources import files

    assets = Path(str(files("w2slab") / "assets"))
    chess = json.loads((assets / "chess" / "ladder.json").read_text())["rungs"]
    text = [json.loads(path.read_text()) for path in assets.glob("text/*/card.json")]
    rows = [("chessformer", rung) for rung in chess]
    rows += [("hf", rung) for rung in sorted(text, key=lambda rung: rung["n_parameters"])]
    return {rung["name"]: f"{family}, {rung['n_parameters']:,} parameters" for family, rung in rows}


def describe(
    name: Annotated[str, typer.Argument(help="A row of any table, a part of a study, or file.py:Name.")],
    plugins: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """Show the fields of a row, or of a part of a study: type, range, default and meaning."""
    from w2slab.study.describing import described

    found = described(name)
    if as_json:
        typer.echo(json.dumps([each.plain() for each in found], indent=1))
        return
    width = max(_LEAST_WIDTH, shutil.get_terminal_size((100, 24)).columns)
    typer.echo("\n\n".join(each.text(width) for each in found))


def schema(plugins: Plugins = None) -> None:
    """Print the JSON Schema of a study file, for editors."""
    from w2slab.study.writing import schema as study_schema

    typer.echo(json.dumps(study_schema(), indent=1))


def doctor(
    study: Annotated[Path | None, typer.Argument(help="A study whose models are measured, too.")] = None,
    settings: Settings = None,
    plugins: Plugins = None,
) -> None:
    """Show what this machine offers, and what each model of a study would need in memory."""
    from w2slab.apps.doctor import examine, needs
    from w2slab.study.reading import load_study

    loaded = None if study is None else load_study(study, settings or [])
    findings = examine() + ([] if loaded is None else needs(loaded))
    for finding in findings:
        typer.echo(f"{'ok' if finding.ok else '--':3} {finding.name:20} {finding.found}")
