"""`w2slab compare`: two studies side by side. Thin."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

Settings = list[str] | None
StorePath = Path | None


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(compare)


def compare(
    a: Annotated[Path, typer.Argument(metavar="A", help="A study file: the reference.", show_default=False)],
    b: Annotated[Path, typer.Argument(metavar="B", help="The study compared with it.", show_default=False)],
    set_a: Annotated[Settings, typer.Option(metavar="PATH=VALUE", help="Override a value of A.")] = None,
    set_b: Annotated[Settings, typer.Option(metavar="PATH=VALUE", help="Of B, for example recipe.epochs=3.")] = None,
    store_a: Annotated[StorePath, typer.Option(envvar="W2SLAB_STORE", help="Results of A. [.w2slab beside it]")] = None,
    store_b: Annotated[StorePath, typer.Option(envvar="W2SLAB_STORE", help="Results of B. [.w2slab beside it]")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for a page, and the table as CSV and Parquet.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Compare two studies, or two versions of one: differences, B minus A, with confidence intervals.

    Students match by task, models, method and control. Test examples are paired by id and seeds by number, on those
    that both have; verdicts are Holm-adjusted over all students. Both studies must have been run; this trains
    nothing. A version is compared as it is run: `w2slab run s.yaml --set recipe.epochs=3`, then
    `w2slab compare s.yaml s.yaml --set-b recipe.epochs=3`.
    """
    from w2slab.apps import compare as comparing
    from w2slab.apps.compare.compare_table import plain

    compared = comparing.compare(a, b, settings_a=set_a or (), settings_b=set_b or (), store_a=store_a, store_b=store_b)
    page = None if out is None else comparing.write_page(compared, out)
    typer.echo(json.dumps(plain(compared), indent=1, allow_nan=False) if as_json else comparing.render(compared))
    if page is not None:
        typer.echo(f"page: {page}", err=as_json)
