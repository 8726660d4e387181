"""`w2slab init, plan, run, status, report`: a study from its first line to its report. Thin."""

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

from w2slab.cli.arguments import AsJson, Plugins, ReportFolder, Settings, StorePath, StudyPath, opened
from w2slab.errors import StudyError, W2SError

if TYPE_CHECKING:
    from w2slab.experiment.run import Run
    from w2slab.jobs.ranks import Launch


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    for command in (init, plan, run, status, report):
        app.command()(command)


def init(
    path: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("study.yaml"),
    force: Annotated[bool, typer.Option(help="Replace a file that is there.")] = False,
) -> None:
    """Write a first study, with a comment on every field."""
    from importlib.resources import files

    if path.exists() and not force:
        raise StudyError(f"{path} exists already; choose another name, or add --force")
    if not path.parent.is_dir():
        raise StudyError(f"{path}: the folder {path.parent} does not exist; make it first")
    path.write_text((files("w2slab") / "assets" / "study.yaml").read_text())
    typer.echo(f"wrote {path}\nnext: w2slab plan {path}, then w2slab run {path}")


def plan(
    study: StudyPath,
    settings: Settings = None,
    store: StorePath = None,
    plugins: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """Show every job of a study as cached, missing or failed; run nothing."""
    from w2slab.graph.runner import state

    made = opened(study, settings, store)
    states = state(made.plan.graph, made.store)
    if as_json:
        rows = [{"key": j.key, "kind": j.kind, "title": j.title, "state": states[j.key]} for j in made.plan.graph]
        typer.echo(json.dumps(rows, indent=1))
        return
    for job in made.plan.graph:
        typer.echo(f"{states[job.key]:8}  {job.key}  {job.title}")
    typer.echo(_counts(states))


def _counts(states: Mapping[str, str]) -> str:
    total = {name: sum(s == name for s in states.values()) for name in ("cached", "missing", "failed")}
    return f"{len(states)} jobs: " + ", ".join(f"{n} {name}" for name, n in total.items())


def run(
    study: StudyPath,
    settings: Settings = None,
    store: StorePath = None,
    plugins: Plugins = None,
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
    out: ReportFolder = None,
    progress: Annotated[bool, typer.Option(help="Show a line per running job.")] = True,
) -> None:
    """Run what is missing of a study, then print its table and write its report. Resumes by itself.

    Under `accelerate launch` every job runs in as many processes as were launched.
    """
    from w2slab.cli.progress import Display, summary
    from w2slab.experiment import run as running
    from w2slab.graph.store import Store
    from w2slab.jobs.options import RunOptions
    from w2slab.study.reading import load_study

    launch = _launch()
    options = RunOptions(
        device="cpu" if launch.on_cpu else device,
        gpus_per_job=max(gpus_per_job, launch.processes),
        sharded=_sharded(sharded or launch.sharded, max(gpus_per_job, launch.processes)),
        micro_batch=micro_batch,
        gradient_checkpointing=gradient_checkpointing,
        keep_checkpoint=keep_checkpoints,
        checkpoint_every_s=checkpoint_every,
    )
    loaded = load_study(study, settings or [])
    started = time.monotonic()
    with Display(enabled=progress) as display:
        made = running.run(
            loaded,
            Store(store or study.parent / ".w2slab"),
            executor=executor,
            workers=workers,
            threads=threads,
            options=options,
            on_event=display.on_event,
            max_seconds=None if max_hours is None else max_hours * 3600,
        )
    outcome = made.outcome
    assert outcome is not None  # it was executed
    for line in summary(outcome, made.plan.graph, time.monotonic() - started):
        typer.echo(line, err=True)
    if outcome.stopped:
        typer.echo("stopped; what is done is kept. To go on, run the same command again", err=True)
    elif report:
        try:
            _report(made, study, settings, out, may_stand=not outcome.done)
        except (W2SError, OSError) as error:  # what was computed is kept, and how the run ended stays the exit code
            typer.echo(f"no report: {error}", err=True)
            sys.exit(outcome.exit_code or 1)
    sys.exit(outcome.exit_code)


def _launch() -> Launch:
    """The way a launcher started this program; of its processes only the first goes on and starts others for jobs."""
    from w2slab.jobs import ranks

    launch = ranks.taken_from_launcher(os.environ)
    if launch is not None and launch.rank > 0:
        sys.exit(0)
    return launch or ranks.Launch()


def _sharded(sharded: bool, gpus_per_job: int) -> bool:
    if sharded and gpus_per_job == 1:
        raise typer.BadParameter("it needs --gpus-per-job 2 or more", param_hint="--sharded")
    return sharded


def status(
    study: StudyPath,
    settings: Settings = None,
    store: StorePath = None,
    plugins: Plugins = None,
    as_json: AsJson = False,
    verify: Annotated[bool, typer.Option(help="Read every file again; set damaged results aside.")] = False,
) -> None:
    """Count the jobs of a study that are done, missing and failed, and show why they failed."""
    from w2slab.graph.runner import state

    made = opened(study, settings, store)
    if verify:
        for job in made.plan.graph:
            made.store.verify(job)
    states = state(made.plan.graph, made.store)
    failures = {key: made.store.failure(key) or {} for key, s in states.items() if s == "failed"}
    if as_json:
        typer.echo(json.dumps({"states": states, "failures": failures}, indent=1))
    else:
        for key, failure in failures.items():
            typer.echo(f"failed  {key}  {made.plan.graph[key].title}\n        {failure.get('message', '')}")
        typer.echo(_counts(states))
    sys.exit(1 if failures else 0)


def report(
    study: StudyPath,
    settings: Settings = None,
    store: StorePath = None,
    plugins: Plugins = None,
    out: ReportFolder = None,
) -> None:
    """Print the table and write the report of what is done so far; trains nothing."""
    _report(opened(study, settings, store), study, settings, out)


def _report(made: Run, path: Path, settings: list[str] | None, out: Path | None, may_stand: bool = False) -> None:
    """Print the table and write the report; one that was made of the very same results may stand as it is."""
    from w2slab.analysis import render

    folder = out or path.parent / f"{made.study.name}-report"
    overrides = [part for setting in settings or [] for part in ("--set", setting)]
    command = shlex.join(["w2slab", "run", str(path), *overrides])
    made_of = made.made_of(command)
    stamp = folder / "made-of.json"
    if may_stand and (found := _read_stamp(stamp)).get("made_of") == made_of and (folder / "index.html").exists():
        typer.echo(f"{found['table']}\nreport: {folder / 'index.html'}")
        return
    if not made.results.rows:
        raise StudyError(_why_nothing(made, path, overrides))
    table = render(made.results)
    typer.echo(table)
    page = made.report(folder, base=path.parent, command=command)
    stamp.write_text(json.dumps({"made_of": made_of, "table": table}))
    typer.echo(f"report: {page}")


def _why_nothing(made: Run, path: Path, overrides: list[str]) -> str:
    """The reason that there is nothing to report, and the remedy."""
    from w2slab.graph.runner import state

    name, states = made.study.name, state(made.plan.graph, made.store)
    waiting = set()  # for a job that failed, or failed themselves
    for job in made.plan.graph:  # each after its inputs
        behind = any(read.key in waiting for read in job.inputs.values())
        if states[job.key] == "failed" or (states[job.key] == "missing" and behind):
            waiting.add(job.key)
    kept_in = [] if made.store.root == (path.parent / ".w2slab").absolute() else ["--store", str(made.store.root)]
    run, status = (shlex.join(["w2slab", name, str(path), *overrides, *kept_in]) for name in ("run", "status"))
    if not waiting:
        return f"nothing of {name} is done yet; start it with: {run}, or see: {status}"
    wait = [
        any(job.key in waiting for job in (c.data, c.supervisor, c.student, c.ceiling)) for c in made.plan.comparisons
    ]
    which = f"every comparison of {name} waits"
    if not all(wait):
        which = f"no comparison of {name} is finished, and some ({sum(wait)} of {len(wait)}) wait"
    return f"{which} for jobs that failed; see why: {status}; then: {run}"


def _read_stamp(path: Path) -> dict[str, str]:
    try:
        return dict(json.loads(path.read_text()))
    except (OSError, ValueError):
        return {}
