"""`w2slab bench methods`: all methods ranked. Thin."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(help="Rank methods on stated tasks and pairs.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """Rank methods on stated tasks and pairs."""


@app.command()
def methods(
    study: Annotated[
        Path | None, typer.Argument(help="A study file: tasks, ladder, pairs, splits. [chess on the shipped ladder]")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Override a value, e.g. --set splits.test=500."),
    ] = None,
    only: Annotated[str | None, typer.Option("--methods", help="Names with commas between. [all that fit]")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds of the fast path.")] = 20,
    finetuned: Annotated[int, typer.Option(min=0, help="How many leading methods are finetuned; 0 is none.")] = 5,
    finetuned_seeds: Annotated[int, typer.Option(min=1, help="Seeds of finetuning.")] = 5,
    also: Annotated[str, typer.Option(help="Finetune these too, names with commas between.")] = "",
    store: Annotated[
        Path | None, typer.Option(envvar="W2SLAB_STORE", help="Where results are kept. [.w2slab beside the study]")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the ranking. [NAME-ranking beside the study]")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, envvar="W2SLAB_WORKERS", help="Jobs at once. [one per core]")
    ] = None,
    device: Annotated[Literal["auto", "cpu", "cuda", "mps"], typer.Option(help="Where each job computes.")] = "auto",
    max_hours: Annotated[float | None, typer.Option(min=0, help="Stop on purpose after this time (exit 75).")] = None,
    progress: Annotated[bool, typer.Option(help="Show a line per running job.")] = True,
) -> None:
    """Train every method's students as heads on frozen features with many seeds, finetune the leading ones, and rank.

    Methods that a study names with fields of their own keep those; all others have their defaults. Resumes by itself.
    """
    from importlib.resources import as_file, files

    from w2slab.apps.rank.run import Asked, bench, write
    from w2slab.apps.rank.table import sentences, table
    from w2slab.cli.progress import Display
    from w2slab.graph.store import Store
    from w2slab.study.reading import load_study

    with as_file(files("w2slab") / "assets" / "methods.yaml") as shipped:
        loaded = load_study(study or shipped, settings or [])
    beside = Path() if study is None else study.parent
    asked = Asked(
        methods=None if only is None else _names(only),
        seeds=seeds,
        finetuned=finetuned,
        finetuned_seeds=finetuned_seeds,
        also=_names(also),
    )
    started = time.monotonic()
    options = {"device": device}
    max_seconds = None if max_hours is None else max_hours * 3600
    with Display(enabled=progress) as display:
        found, outcome = bench(
            loaded,
            Store(store or beside / ".w2slab"),
            asked,
            run={"workers": workers, "options": options, "max_seconds": max_seconds},
            on_event=display.on_event,
        )
    if found is None:
        typer.echo("stopped; what is done is kept. To go on, run the same command again", err=True)
        sys.exit(outcome.exit_code)
    page = write(found, out or beside / f"{loaded.name}-ranking")
    for part in (table(found.fast), table(found.full) if found.full else "", *sentences(found)):
        if part:
            typer.echo(part + "\n")
    typer.echo(f"{time.monotonic() - started:.0f} s; ranking: {page}")
    sys.exit(outcome.exit_code)


def _names(written: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in written.split(",") if name.strip())
