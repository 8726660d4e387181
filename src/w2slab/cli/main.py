"""The command line. Thin: parses, calls, prints; heavy things are imported inside the commands."""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from w2slab.cli import compare_commands as cli_compare
from w2slab.cli import elicit_commands as cli_elicit
from w2slab.cli import examples_command as cli_examples
from w2slab.cli import rank_commands as cli_rank
from w2slab.cli import why_command as cli_why
from w2slab.cli.chess_commands import app as chess_app
from w2slab.cli.ladder_commands import app as ladder_app
from w2slab.errors import StudyError, W2SError

if TYPE_CHECKING:
    from w2slab.experiment.plan import Plan
    from w2slab.graph.store import Store
    from w2slab.study.study import Study

app = typer.Typer(
    help="w2slab: when a strong model learns from a weak one, how much does it recover, and how sure are we?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(chess_app, name="chess")
cli_compare.register(app)
cli_elicit.register(app)
cli_examples.register(app)
cli_why.register(app)
app.add_typer(ladder_app, name="ladder")
cli_rank.register(app)

StudyPath = Annotated[Path, typer.Argument(help="A study file; `w2slab init` writes one.", show_default=False)]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Override a value, e.g. --set seeds=[0,1].")
]
StorePath = Annotated[
    Path | None,
    typer.Option("--store", envvar="W2SLAB_STORE", help="Where results are kept. [.w2slab beside the study]"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]

_INTERRUPTED = 130


def main() -> None:
    """Run the command line; explained errors end it with their exit code and without a traceback."""
    try:
        app()
    except W2SError as error:
        typer.echo(_told(error), err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        typer.echo(f"error: {error.filename or 'a file'}: {error.strerror or error}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


def _told(error: W2SError) -> str:
    return f"error: {error}" if "\n" not in str(error) else str(error)


def _store(study: Path, store: Path | None) -> Store:
    from w2slab.graph.store import Store

    return Store(store or study.parent / ".w2slab")


def _plan(study: Path, settings: list[str] | None) -> Plan:
    from w2slab.experiment.plan import plan
    from w2slab.study.reading import load_study

    return plan(load_study(study, settings or []))


@app.command()
def init(
    path: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("study.yaml"),
    force: Annotated[bool, typer.Option(help="Replace a file that is there.")] = False,
) -> None:
    """Write a first study, with a comment on every field."""
    from importlib.resources import files

    if path.exists() and not force:
        raise StudyError(f"{path} is there already; choose another name, or add --force")
    if not path.parent.is_dir():
        raise StudyError(f"{path}: the folder {path.parent} does not exist; make it first")
    path.write_text((files("w2slab") / "assets" / "study.yaml").read_text())
    typer.echo(f"wrote {path}\nnext: w2slab plan {path}, then w2slab run {path}")


@app.command()
def plan(study: StudyPath, settings: Settings = None, store: StorePath = None, as_json: AsJson = False) -> None:
    """Show every job of a study as cached, missing or failed; run nothing."""
    from w2slab.graph.runner import state

    planned, opened = _plan(study, settings), _store(study, store)
    states = state(planned.graph, opened)
    if as_json:
        rows = [{"key": j.key, "kind": j.kind, "title": j.title, "state": states[j.key]} for j in planned.graph]
        typer.echo(json.dumps(rows, indent=1))
        return
    for job in planned.graph:
        typer.echo(f"{states[job.key]:8}  {job.key}  {job.title}")
    typer.echo(_counts(states))


def _counts(states: Mapping[str, str]) -> str:
    total = {name: sum(s == name for s in states.values()) for name in ("cached", "missing", "failed")}
    return f"{len(states)} jobs: " + ", ".join(f"{n} {name}" for name, n in total.items())


@app.command()
def run(
    study: StudyPath,
    settings: Settings = None,
    store: StorePath = None,
    executor: Annotated[Literal["processes", "inline"], typer.Option(help="Where jobs run.")] = "processes",
    workers: Annotated[
        int | None, typer.Option(min=1, envvar="W2SLAB_WORKERS", help="Jobs at once. [one per core]")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, envvar="W2SLAB_THREADS", help="Threads of each worker.")] = 1,
    device: Annotated[Literal["auto", "cpu", "cuda", "mps"], typer.Option(help="Where each job computes.")] = "auto",
    gpus_per_job: Annotated[int, typer.Option(min=1, help="Processes of each job; without GPUs, on the CPU.")] = 1,
    sharded: Annotated[bool, typer.Option(help="Each process of a job keeps a part of the model (FSDP2).")] = False,
    micro_batch: Annotated[int | None, typer.Option(min=1, help="Split each step to save memory.")] = None,
    gradient_checkpointing: Annotated[bool, typer.Option(help="Save memory, compute more.")] = False,
    keep_checkpoints: Annotated[bool, typer.Option(help="Keep the weights of models trained in this run.")] = False,
    checkpoint_every: Annotated[float, typer.Option(min=0, help="Seconds between checkpoints within a job.")] = 60.0,
    max_hours: Annotated[float | None, typer.Option(min=0, help="Stop on purpose after this time (exit 75).")] = None,
    report: Annotated[bool, typer.Option(help="Write the report at the end.")] = True,
    out: Annotated[Path | None, typer.Option(help="Folder of the report. [NAME-report beside the study]")] = None,
    progress: Annotated[bool, typer.Option(help="Show a line per running job.")] = True,
) -> None:
    """Run what is missing of a study, then print its table and write its report. Resumes by itself.

    Under `accelerate launch` every job runs in as many processes as were launched.
    """
    from w2slab.cli.progress import Display, summary
    from w2slab.experiment import run as api
    from w2slab.jobs import ranks
    from w2slab.jobs.options import RunOptions
    from w2slab.study.reading import load_study

    launch = ranks.taken_from_launcher(os.environ)
    if launch is not None and launch.rank > 0:
        sys.exit(0)  # the first process does the run, and starts processes for each job
    if launch is not None:
        gpus_per_job = max(gpus_per_job, launch.processes)
        device = "cpu" if launch.on_cpu else device
        sharded = sharded or launch.sharded
    if sharded and gpus_per_job == 1:
        raise typer.BadParameter("it needs --gpus-per-job 2 or more", param_hint="--sharded")
    loaded, opened = load_study(study, settings or []), _store(study, store)
    options = RunOptions(
        device=device,
        gpus_per_job=gpus_per_job,
        sharded=sharded,
        micro_batch=micro_batch,
        gradient_checkpointing=gradient_checkpointing,
        keep_checkpoint=keep_checkpoints,
        checkpoint_every_s=checkpoint_every,
    )
    started = time.monotonic()
    with Display(enabled=progress) as display:
        outcome = api.run(
            loaded,
            opened,
            executor=executor,
            workers=workers,
            threads=threads,
            options=options,
            on_event=display.on_event,
            max_seconds=None if max_hours is None else max_hours * 3600,
        )
    for line in summary(outcome, api.plan(loaded).graph, time.monotonic() - started):
        typer.echo(line, err=True)
    if outcome.stopped:
        typer.echo("stopped; what is done is kept. To go on, run the same command again", err=True)
    elif report:
        try:
            _report(loaded, opened, study, settings, out, may_stand=not outcome.done)
        except (W2SError, OSError) as error:  # what was computed is kept, and how the run ended stays the exit code
            typer.echo(f"no report: {error}", err=True)
            sys.exit(outcome.exit_code or 1)
    sys.exit(outcome.exit_code)


@app.command()
def status(
    study: StudyPath,
    settings: Settings = None,
    store: StorePath = None,
    as_json: AsJson = False,
    verify: Annotated[bool, typer.Option(help="Read every file again; set damaged results aside.")] = False,
) -> None:
    """Count the jobs of a study that are done, missing and failed, and show why they failed."""
    from w2slab.graph.runner import state

    planned, opened = _plan(study, settings), _store(study, store)
    if verify:
        for job in planned.graph:
            opened.verify(job)
    states = state(planned.graph, opened)
    failures = {key: opened.failure(key) or {} for key, s in states.items() if s == "failed"}
    if as_json:
        typer.echo(json.dumps({"states": states, "failures": failures}, indent=1))
    else:
        for key, failure in failures.items():
            typer.echo(f"failed  {key}  {planned.graph[key].title}\n        {failure.get('message', '')}")
        typer.echo(_counts(states))
    sys.exit(1 if failures else 0)


@app.command()
def report(
    study: StudyPath,
    settings: Settings = None,
    store: StorePath = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the report. [NAME-report beside the study]")] = None,
) -> None:
    """Print the table and write the report of what is done so far; trains nothing."""
    from w2slab.study.reading import load_study

    _report(load_study(study, settings or []), _store(study, store), study, settings, out)


def _report(
    study: Study, store: Store, path: Path, settings: list[str] | None, out: Path | None, may_stand: bool = False
) -> None:
    """Print the table and write the report; one that was made of the very same results may stand as it is."""
    from w2slab.analysis import render
    from w2slab.experiment import run as api

    folder = out or path.parent / f"{study.name}-report"
    overrides = [part for setting in settings or [] for part in ("--set", setting)]
    command = shlex.join(["w2slab", "run", str(path), *overrides])
    made_of = api.made_of(study, store, command)
    stamp = folder / "made-of.json"
    if may_stand and (found := _read_stamp(stamp)).get("made_of") == made_of and (folder / "index.html").exists():
        typer.echo(f"{found['table']}\nreport: {folder / 'index.html'}")
        return
    results = api.load_results(study, store)
    if not results.rows:
        raise StudyError(_why_nothing(study, store, path, overrides))
    table = render(results)
    typer.echo(table)
    page = api.write_report(study, store, folder, results, base=path.parent, command=command)
    stamp.write_text(json.dumps({"made_of": made_of, "table": table}))
    typer.echo(f"report: {page}")


def _why_nothing(study: Study, store: Store, path: Path, overrides: list[str]) -> str:
    """Why there is nothing to report, and what to do about it."""
    from w2slab.experiment import run as api
    from w2slab.graph.runner import state

    planned = api.plan(study)
    states = state(planned.graph, store)
    waiting = set()  # for a job that failed, or failed themselves
    for job in planned.graph:  # each after its inputs
        behind = any(read.key in waiting for read in job.inputs.values())
        if states[job.key] == "failed" or (states[job.key] == "missing" and behind):
            waiting.add(job.key)
    kept_in = [] if store.root == path.parent / ".w2slab" else ["--store", str(store.root)]
    run, status = (shlex.join(["w2slab", name, str(path), *overrides, *kept_in]) for name in ("run", "status"))
    if not waiting:
        return f"nothing of {study.name} is done yet; start it with: {run}, or see: {status}"
    wait = [
        any(job.key in waiting for job in (c.data, c.supervisor, c.student, c.ceiling)) for c in planned.comparisons
    ]
    which = f"every comparison of {study.name} waits"
    if not all(wait):
        which = f"no comparison of {study.name} is finished, and some ({sum(wait)} of {len(wait)}) wait"
    return f"{which} for jobs that failed; see why: {status}; then: {run}"


def _read_stamp(path: Path) -> dict[str, str]:
    try:
        return dict(json.loads(path.read_text()))
    except (OSError, ValueError):
        return {}


@app.command("list")
def list_rows(
    kind: Annotated[
        Literal["tasks", "models", "methods", "objectives", "relabelings", "rungs"] | None, typer.Argument()
    ] = None,
) -> None:
    """Show what a study may name: tasks, models, methods and what they are made of, and the shipped rungs."""
    from w2slab import registry

    for name in [kind] if kind else [*registry.TABLES, "rungs"]:
        typer.echo(f"{name}:")
        rows = _rungs() if name == "rungs" else {row: registry.describe(name, row) for row in registry.table(name)}
        for row, description in rows.items():
            typer.echo(f"  {row:26} {description}")


def _rungs() -> dict[str, str]:
    from importlib.resources import files

    assets = Path(str(files("w2slab") / "assets"))
    chess = json.loads((assets / "chess" / "ladder.json").read_text())["rungs"]
    text = [json.loads(path.read_text()) for path in assets.glob("text/*/card.json")]
    rows = [("chessformer", rung) for rung in chess]
    rows += [("hf", rung) for rung in sorted(text, key=lambda rung: rung["n_parameters"])]
    return {rung["name"]: f"{family}, {rung['n_parameters']:,} parameters" for family, rung in rows}


@app.command()
def schema() -> None:
    """Print the JSON Schema of a study file, for editors."""
    from w2slab.study.writing import schema as study_schema

    typer.echo(json.dumps(study_schema(), indent=1))


@app.command()
def doctor(
    study: Annotated[Path | None, typer.Argument(help="A study whose models are measured, too.")] = None,
    settings: Settings = None,
) -> None:
    """Show what this machine offers, and what each model of a study would need in memory."""
    from w2slab.apps.doctor import examine, needs
    from w2slab.study.reading import load_study

    loaded = None if study is None else load_study(study, settings or [])
    findings = examine() + ([] if loaded is None else needs(loaded))
    for finding in findings:
        typer.echo(f"{'ok' if finding.ok else '--':3} {finding.name:20} {finding.found}")
