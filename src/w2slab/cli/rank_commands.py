"""`w2slab rank`: methods ranked. Thin."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Literal

import typer


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(rank)


def rank(
    study: Annotated[
        Path | None, typer.Argument(help="A study file: tasks, ladder, pairs, splits. [chess on the shipped ladder]")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Override a value, e.g. --set splits.test=500."),
    ] = None,
    methods: Annotated[str | None, typer.Option(help="Comma-separated names. [all that fit]")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds on frozen features.")] = 20,
    finetuned: Annotated[int, typer.Option(min=0, help="Number of leading methods to finetune; 0 is none.")] = 5,
    finetuned_seeds: Annotated[int, typer.Option(min=1, help="Seeds of finetuning.")] = 5,
    also: Annotated[str, typer.Option(help="Comma-separated names of methods to finetune in any case.")] = "",
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

    from w2slab.apps.rank.rank_run import rank as rank_methods
    from w2slab.apps.rank.rank_table import sentences, table, write_ranking
    from w2slab.cli.progress import Display
    from w2slab.jobs.options import RunOptions
    from w2slab.study.reading import load_study

    with as_file(files("w2slab") / "assets" / "methods.yaml") as shipped:
        loaded = load_study(study or shipped, settings or [])
    beside = Path() if study is None else study.parent
    started = time.monotonic()
    with Display(enabled=progress) as display:
        found = rank_methods(
            loaded,
            store or beside / ".w2slab",
            methods=None if methods is None else _names(methods),
            seeds=seeds,
            finetuned=finetuned,
            finetuned_seeds=finetuned_seeds,
            also=_names(also),
            workers=workers,
            options=RunOptions(device=device),
            max_seconds=None if max_hours is None else max_hours * 3600,
            on_event=display.on_event,
        )
    if found.outcome.stopped:
        typer.echo("stopped; completed jobs are kept. To resume, run the same command again", err=True)
        sys.exit(found.outcome.exit_code)
    page = write_ranking(found, out or beside / f"{loaded.name}-ranking")
    for part in (*(table(part) for part in (found.fast, found.full) if part), *sentences(found)):
        typer.echo(part + "\n")
    typer.echo(f"{time.monotonic() - started:.0f} s; ranking: {page}")
    sys.exit(found.outcome.exit_code)


def _names(written: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in written.split(",") if name.strip())
