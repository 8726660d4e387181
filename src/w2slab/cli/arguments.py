"""Arguments that several commands take, and what they open."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from w2slab.experiment.run import Run


def _add_files(paths: list[Path] | None) -> list[Path] | None:
    """Make the components of files known before any other argument is read."""
    if paths:
        from w2slab import registry

        for path in paths:
            registry.add_file(path)
    return paths


StudyPath = Annotated[Path, typer.Argument(help="A study file; `w2slab init` writes one.", show_default=False)]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Override a value, e.g. --set seeds=[0,1].")
]
StorePath = Annotated[
    Path | None,
    typer.Option("--store", envvar="W2SLAB_STORE", help="Where results are kept. [.w2slab beside the study]"),
]
Plugins = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin",
        metavar="FILE.py",
        help="A file whose tasks, models, methods, objectives and relabelings the study may name.",
        callback=_add_files,
        is_eager=True,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
ReportFolder = Annotated[Path | None, typer.Option(help="Folder of the report. [NAME-report beside the study]")]


def opened(study: Path, settings: list[str] | None, store: Path | None) -> Run:
    """Return a study file as a run of which nothing was executed: planned, its store opened."""
    from w2slab.experiment.plan import plan
    from w2slab.experiment.run import Run
    from w2slab.graph.store import Store
    from w2slab.study.reading import load_study

    return Run(plan(load_study(study, settings or [])), Store(store or study.parent / ".w2slab"))
