"""The command line. Thin: parses, calls, prints; heavy things are imported inside the commands."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from w2slab.cli import (
    compare_commands,
    elicit_commands,
    examples_command,
    rank_commands,
    study_commands,
    table_commands,
    why_command,
)
from w2slab.cli.chess_commands import app as chess_app
from w2slab.cli.ladder_commands import app as ladder_app
from w2slab.errors import W2SError

app = typer.Typer(
    help="w2slab: when a strong model learns from a weak one, how much does it recover, and how sure are we?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for commands in (study_commands, table_commands, compare_commands, elicit_commands, examples_command, why_command):
    commands.register(app)
rank_commands.register(app)
app.add_typer(chess_app, name="chess")
app.add_typer(ladder_app, name="ladder")

_INTERRUPTED = 130


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"w2slab {version('w2slab')}")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; explained errors end it with their exit code and without a traceback."""
    try:
        app()
    except W2SError as error:
        message = str(error)
        typer.echo(message if "\n" in message else f"error: {message}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        typer.echo(f"error: {error.filename or 'a file'}: {error.strerror or error}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
