"""`w2slab why`: the field, file, version or input that makes a result not cached. Thin."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from w2slab.errors import StudyError

if TYPE_CHECKING:
    from w2slab.graph.job import Graph, Job
    from w2slab.graph.why import Cause

_MOST_NAMED = 3  # jobs of one cause


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(why)


def why(
    first: Annotated[
        str, typer.Argument(metavar="STUDY|KEY", help="A study file, or a job of it.", show_default=False)
    ],
    second: Annotated[
        str | None, typer.Argument(metavar="[STUDY|KEY]", help="A second one.", show_default=False)
    ] = None,
    study: Annotated[Path, typer.Option(help="The study that has the job, where only a key is given.")] = Path(
        "study.yaml"
    ),
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Override a value of the (first) study.")
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option(envvar="W2SLAB_STORE", help="Where results are kept. [.w2slab beside the study]"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Tell which field, file, version or input makes a result not cached; run nothing.

    `why STUDY` explains all of a study that is not stored, `why STUDY KEY` or `why KEY` one job (`w2slab plan` shows
    keys; the beginning of one is enough), and `why STUDY_A STUDY_B` in what the jobs of a second study differ.
    """
    from w2slab.graph.store import Store
    from w2slab.graph.why import compare, explain

    given = [each for each in (first, second) if each is not None]
    files = [Path(each) for each in given if Path(each).is_file()]
    keys = [each for each in given if not Path(each).is_file()]
    if len(keys) == 2 or (keys and not (files or study.is_file())):
        raise StudyError(f"{keys[-1]}: there is no such study file. Name a study, or a study and a key of its plan")
    planned = [_plan(path, settings or [] if i == 0 else []) for i, path in enumerate(files or [study])]
    if len(planned) == 2:
        causes, names = compare(*planned), ("first", "second")
    else:
        opened = Store(store or (files or [study])[0].parent / ".w2slab")
        causes, names = explain(_asked(planned[0], keys), opened), ("stored", "asked")
    if as_json:
        typer.echo(json.dumps([asdict(cause) for cause in causes], indent=1))
    else:
        typer.echo(_text(causes, names) or ("all of it is cached" if len(planned) == 1 else "no job differs"))


def _plan(path: Path, settings: list[str]) -> Graph:
    from w2slab.experiment.plan import plan
    from w2slab.study.reading import load_study

    return plan(load_study(path, settings)).graph


def _asked(graph: Graph, keys: list[str]) -> list[Job]:
    """Return the jobs whose keys begin as asked for, or all that are wanted."""
    if not keys:
        return graph.wanted
    found = [job for job in graph if job.key.startswith(keys[0])]
    if len(found) != 1:
        what = "no job" if not found else f"{len(found)} jobs"
        raise StudyError(f"{keys[0]}: {what} of the plan begins with it. `w2slab plan` shows all keys")
    return found


def _text(causes: list[Cause], names: tuple[str, str]) -> str:
    """Return the causes as text, jobs of equal differences together."""
    from w2slab.graph.why import grouped

    lines = []
    for differences, alike in grouped(causes):
        for cause in alike[:_MOST_NAMED]:
            near = f" (nearest: {cause.nearest})" if cause.nearest else ""
            lines.append(f"{cause.key}  {cause.title}{near}")
        if len(alike) > _MOST_NAMED:
            lines.append(f"and {len(alike) - _MOST_NAMED} more")
        lines += [f"  {each.text(names)}" for each in differences]
        if not differences:
            lines.append(f"  there is nothing like it in the {'store' if names[0] == 'stored' else 'first study'}")
    return "\n".join(lines)
