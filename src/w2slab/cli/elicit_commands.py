"""`w2slab elicit` and `w2slab export`: labels without ground truth; students as Hugging Face folders. Thin."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from w2slab.errors import StudyError

if TYPE_CHECKING:
    from w2slab.apps.elicit.elicit_run import OwnFiles

Settings = Annotated[list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="E.g. --set recipe.lr=1e-4.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command()(elicit)
    app.command()(export)


def elicit(
    model: Annotated[str, typer.Option(help="A shipped rung, a folder, package:module/folder, or a hub id.")],
    data: Annotated[Path, typer.Option(help="Texts with ids: .jsonl, .csv, .tsv, .json or .parquet.")],
    labels: Annotated[Path, typer.Option(help="By id: label, probs, votes, or annotator and label.")],
    method: Annotated[str, typer.Option(help="How the student learns; see `w2slab list methods`.")] = "naive",
    truth: Annotated[Path | None, typer.Option(help="Some ground-truth labels, by id.")] = None,
    more: Annotated[Path | None, typer.Option(help="Texts without labels, for the student to label.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of labels and report. [DATA-elicit]")] = None,
    kind: Annotated[Literal["classification", "preference"], typer.Option()] = "classification",
    text: Annotated[str | None, typer.Option(help='Template of a text, "{title} {body}". ["{text}"]')] = None,
    answer: Annotated[str | None, typer.Option(help="Template of what is read after it, never truncated.")] = None,
    candidate: Annotated[
        list[str] | None, typer.Option(help="Field or template of a candidate; may be repeated. [list `candidates`]")
    ] = None,
    group: Annotated[str | None, typer.Option(help="Template; equal values share a fold. [the text]")] = None,
    id_field: Annotated[str, typer.Option("--id", help="Field with the id, in the file of texts.")] = "id",
    classes: Annotated[str | None, typer.Option(help="Classes in order, a,b,c. [those that occur]")] = None,
    weak_labels: Annotated[Literal["hard", "soft"] | None, typer.Option(help="Form of the labels. [soft]")] = None,
    seeds: Annotated[str | None, typer.Option(help="Students are averaged over seeds, e.g. 0,1,2. [0]")] = None,
    folds: Annotated[int | None, typer.Option(help="Number of parts; a student is trained on all but one. [3]")] = None,
    settings: Settings = None,
    store: Annotated[Path, typer.Option(envvar="W2SLAB_STORE", help="Where results are kept.")] = Path(".w2slab"),
    executor: Annotated[Literal["processes", "inline"], typer.Option(help="Where jobs run.")] = "processes",
    workers: Annotated[int | None, typer.Option(min=1, envvar="W2SLAB_WORKERS", help="Jobs at once.")] = None,
    threads: Annotated[int, typer.Option(min=1, envvar="W2SLAB_THREADS", help="Threads of each.")] = 1,
    device: Annotated[Literal["auto", "cpu", "cuda", "mps"], typer.Option(help="Where each job computes.")] = "auto",
    max_hours: Annotated[float | None, typer.Option(min=0, help="Stop on purpose after this time (exit 75).")] = None,
    progress: Annotated[bool, typer.Option(help="Show a line per running job.")] = True,
) -> None:
    """Train students on your own labels, and report what can be known without ground truth. Resumes by itself."""
    from w2slab.apps.elicit import elicit_run as run
    from w2slab.apps.elicit import elicit_text as words
    from w2slab.apps.elicit.elicit_request import make_request
    from w2slab.cli.progress import Display, summary
    from w2slab.graph.store import Store
    from w2slab.jobs.options import RunOptions

    values = {"seeds": _whole_numbers(seeds), "folds": folds, "weak_labels": weak_labels}
    request = make_request(model, method, values, settings or [])
    layout = _layout(kind, id=id_field, text=text, answer=answer, candidates=candidate, group=group)
    names = tuple(name.strip() for name in classes.split(",")) if classes else None
    elicited = run.prepare(request, _files(data, labels, truth, more, layout, names))
    opened, started = Store(store), time.monotonic()
    with Display(enabled=progress) as display:
        outcome = run.run(
            elicited,
            opened,
            executor=executor,
            workers=workers,
            threads=threads,
            options=RunOptions(device=device),
            on_event=display.on_event,
            max_seconds=None if max_hours is None else max_hours * 3600,
        )
    for line in summary(outcome, elicited.plan.graph, time.monotonic() - started):
        typer.echo(line, err=True)
    if outcome.stopped:
        typer.echo("stopped; completed jobs are kept. To resume, run the same command again", err=True)
    if outcome.exit_code:
        sys.exit(outcome.exit_code)
    folder = out or Path(f"{data.name.partition('.')[0]}-elicit")
    page, found = run.write(elicited, opened, folder, command=shlex.join(["w2slab", *sys.argv[1:]]))
    for sentence in words.answer(found):
        typer.echo(sentence)
    typer.echo(f"labels: {folder / 'labels.jsonl'}\nto check: {folder / 'disagreements.jsonl'}\nreport: {page}")


def _layout(kind: str, *, candidates: list[str] | None, **fields: Any) -> Any:
    from w2slab.data.readers.texts import Layout

    if kind == "classification" and candidates:
        raise StudyError("--candidate goes with --kind preference; classes are common to all texts")
    chosen = tuple(candidates) if candidates and len(candidates) > 1 else (candidates or ["candidates"])[0]
    try:
        return Layout(candidates=chosen if kind == "preference" else None, **fields)
    except ValueError as error:
        raise StudyError(str(error)) from None


def _files(
    data: Path, labels: Path, truth: Path | None, more: Path | None, layout: Any, classes: tuple[str, ...] | None
) -> OwnFiles:
    from w2slab.apps.elicit.elicit_run import OwnFiles

    if classes is not None and (len(set(classes)) < max(2, len(classes)) or "" in classes):
        raise StudyError(f"--classes {','.join(classes)}: two or more names, all different, with commas between them")
    return OwnFiles(texts=data, labels=labels, truth=truth, more=more, layout=layout, classes=classes)


def _whole_numbers(text: str | None) -> list[int] | None:
    try:
        return None if text is None else [int(part) for part in text.split(",")]
    except ValueError:
        raise StudyError(f"--seeds {text}: whole numbers with commas between them, for example 0,1,2") from None


def export(
    out: Annotated[Path, typer.Option(help="The folder to write.")],
    study: Annotated[Path | None, typer.Argument(help="A study that was run.", show_default=False)] = None,
    elicited: Annotated[Path | None, typer.Option("--from", help="The folder that `w2slab elicit` wrote.")] = None,
    task: Annotated[str | None, typer.Option(help="Of the study; may be left out where there is one.")] = None,
    weak: Annotated[str | None, typer.Option(help="The supervisor's rung.")] = None,
    strong: Annotated[str | None, typer.Option(help="The student's rung.")] = None,
    method: Annotated[str | None, typer.Option(help="The student's method.")] = None,
    seed: Annotated[int | None, typer.Option(help="The student's seed.")] = None,
    settings: Settings = None,
    store: Annotated[Path | None, typer.Option("--store", envvar="W2SLAB_STORE", help="Of the study.")] = None,
    force: Annotated[bool, typer.Option(help="Replace a folder that exists.")] = False,
) -> None:
    """Write a student as an ordinary Hugging Face folder with a model card."""
    from w2slab.apps.export.exporting import export as write_folder

    if (study is None) == (elicited is None):
        raise StudyError("name either a study, or with --from a folder that `w2slab elicit` wrote")
    source = study or elicited
    assert source is not None
    written = write_folder(
        source,
        out,
        task=task,
        weak=weak,
        strong=strong,
        method=method,
        seed=seed,
        settings=settings or (),
        store=None if study is None else store,
        replace=force,
        command=shlex.join(["w2slab", *sys.argv[1:]]),
    )
    typer.echo(f"{out}: {written.words}")
