"""A study that runs: planned once, checked, executed; then its results and its report."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from w2slab.data.artifacts import write_task
from w2slab.errors import DataError, JobError, StudyError, UnavailableError
from w2slab.experiment.plan import Plan, plan
from w2slab.experiment.preflight import check_data, jobs_at_once, require_bf16, require_device
from w2slab.graph import runner
from w2slab.graph.code import is_out_of_reach
from w2slab.graph.codec import encode
from w2slab.graph.executors import Executor, Inline, Processes
from w2slab.graph.fingerprint import digest
from w2slab.graph.job import Graph, JobContext
from w2slab.graph.perform import End, Progress, Ticket, perform
from w2slab.graph.runner import Event, Outcome
from w2slab.graph.store import Store
from w2slab.jobs.options import RunOptions
from w2slab.jobs.spec import Spec, components
from w2slab.study.reading import load_study
from w2slab.study.study import Study
from w2slab.study.writing import to_yaml

if TYPE_CHECKING:
    from w2slab.analysis import Results
    from w2slab.data.examples import TaskTable


@dataclass(frozen=True)
class Run:
    """A study, its plan, the store that holds what is done of it, and how its execution ended.

    Args:
        plan: All jobs of the study.
        store: Where their results are.
        outcome: How the execution ended; `None` where nothing was executed.
    """

    plan: Plan
    store: Store
    outcome: Outcome | None = None

    @property
    def study(self) -> Study:
        """The study."""
        return self.plan.study

    @cached_property
    def results(self) -> Results:
        """The results of what is done so far; comparisons that are not are listed in `missing`.

        Raises:
            DataError: What is stored for two jobs does not fit together; the message names it.
        """
        from w2slab.analysis import collect

        asked = self.study.statistics
        return collect(self.plan, self.store, resamples=asked.resamples, level=asked.level, min_gap=asked.min_gap)

    def report(self, out: Path | str | None = None, *, base: Path = Path(), command: str = "") -> Path:
        """Write the report's page, figures and tables into a folder, and return the page.

        Args:
            out: The folder; `None` is `NAME-report` here.
            base: The folder from which the page writes the study's paths.
            command: The command that makes all of this again, for the page.
        """
        from w2slab.report.page import write_report as write_page

        folder = Path(f"{self.study.name}-report" if out is None else out)
        text = to_yaml(self.study, base)
        return write_page(self.results, self.plan, self.store, folder, study_text=text, command=command)

    def made_of(self, command: str = "") -> str:
        """Return a digest of all that a report depends on: results, how they are judged, and this version."""
        present = [job.key for job in self.plan.graph if self.store.has(job.key)]
        return digest([present, to_yaml(self.study, Path()), command, version("w2slab")])


def run(
    study: Study,
    store: Store | Path | str = ".w2slab",
    *,
    executor: Executor | Literal["processes", "inline"] = "processes",
    workers: int | None = None,
    threads: int = 1,
    options: RunOptions | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
    max_seconds: float | None = None,
) -> Run:
    """Run what is missing of a study; what is in the store already is not computed again.

    Args:
        study: The study.
        store: Where results are kept.
        executor: Persistent worker processes, this process, or an executor of `w2slab.executors` or of one's own, which
            stays open.
        workers: Jobs at once where this call starts the processes; `None` is one per core, or as many as there are
            GPUs for.
        threads: Threads of each worker.
        options: How to compute. No result depends on it beyond rounding.
        on_event: Called with every job that starts, goes on, ends or fails.
        max_seconds: Stop on purpose after this time.

    Raises:
        DataError: A task's data are missing or malformed; nothing was started.
        UnavailableError: The plan cannot be carried out here; nothing was started.
    """
    options = options or RunOptions()
    if not isinstance(options, RunOptions):
        raise StudyError(f"options: should be a w2slab.RunOptions, such as RunOptions(device='cpu'), not {options!r}")
    require_device(options.device)
    planned, opened = plan(study), open_store(store)
    _require_reach(planned.graph, executor)
    require_bf16(planned.graph, opened, options.device)
    if executor == "processes":
        jobs_at_once(options)  # refuses what this machine does not have
    written = _write_tables(planned.graph, opened, options, check_data(planned, opened))
    outcome = execute(
        planned.graph,
        opened,
        executor=executor,
        workers=workers,
        threads=threads,
        options=options,
        on_event=on_event,
        max_seconds=max_seconds,
    )
    cached = [key for key in outcome.cached if key not in written]
    return Run(planned, opened, replace(outcome, done=[*written, *outcome.done], cached=cached))


def execute(
    graph: Graph,
    store: Store,
    *,
    executor: Executor | Literal["processes", "inline"] = "processes",
    workers: int | None = None,
    threads: int = 1,
    options: RunOptions | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
    max_seconds: float | None = None,
) -> Outcome:
    """Make what is missing of a graph of jobs; arguments as for `run`.

    Raises:
        UnavailableError: The jobs cannot be carried out here; nothing was started.
    """
    options = options or RunOptions()
    require_device(options.device)
    at_once = workers or jobs_at_once(options)
    require_bf16(graph, store, options.device)
    with ExitStack() as made:
        if not isinstance(executor, str):
            chosen = executor
        elif executor == "inline":
            chosen = made.enter_context(Inline())
        else:
            chosen = made.enter_context(Processes(at_once, max(threads, options.gpus_per_job)))
        return runner.run(graph, store, chosen, options=options, on_event=on_event, max_seconds=max_seconds)


def _require_reach(graph: Graph, executor: Executor | str) -> None:
    """Refuse worker processes where a class could not be imported there."""
    if executor == "inline" or isinstance(executor, Inline):
        return
    for job in graph:
        for component in components(job.spec) if isinstance(job.spec, Spec) else ():
            if is_out_of_reach(type(component)):
                raise UnavailableError(
                    f"{type(component).__qualname__} is defined in a notebook or inside a function, and worker "
                    "processes cannot import it: put it into a file and import that, or run in this process with "
                    "executor=w2slab.executors.Inline()"
                )


def _write_tables(graph: Graph, store: Store, options: RunOptions, tables: Mapping[str, TaskTable]) -> list[str]:
    """Put tasks that were loaded to be checked into the store as their jobs would, so that each is loaded once.

    Returns:
        Keys of the jobs that are done by that.
    """
    written: list[str] = []
    new = {key: table for key, table in tables.items() if not store.has(key)}
    if new:
        store.open()
    for key, table in new.items():

        def write(context: JobContext, key: str = key, table: TaskTable = table) -> dict[str, Any]:
            write_task(context.out, table)
            written.append(key)  # no run beside this one has done it
            return dict(table.facts)

        def note(message: Progress | End) -> None:
            if isinstance(message, End) and message.status != "done":
                raise JobError(f"{graph[message.key].title}: {message.message}")

        perform([Ticket.of(graph[key], store, encode(options))], work=write, on_message=note)
    return written


def load_results(
    study: Study | Path | str, store: Store | Path | str | None = None, *, settings: Sequence[str] = ()
) -> Results:
    """Return the results of what is done so far; comparisons that are not are listed in `missing`.

    Args:
        study: A study, or the path of a study file.
        store: Where its results are kept. By default `.w2slab`; of a study file, what `W2SLAB_STORE` says or `.w2slab`
            beside the file, which is where `w2slab run` keeps them.
        settings: Overrides of values of a study file, such as `"seeds=[0, 1]"`.

    Raises:
        StudyError: The study file has mistakes, or settings were given with a study that is loaded already.
        DataError: There is no such store, or what is stored for two jobs does not fit together; the message names it.
    """
    if not isinstance(study, Study):
        path = Path(study)
        study = load_study(path, settings)
        if store is None:
            store = os.environ.get("W2SLAB_STORE") or path.parent / ".w2slab"
    elif settings:
        raise StudyError("load_results: settings override a study file; give its path, or pass them to load_study")
    store = ".w2slab" if store is None else store
    if not isinstance(store, Store) and not Path(store).is_dir():
        raise DataError(f"{store}: there is no such store. Run the study, or name the folder that `run` was given")
    return Run(plan(study), open_store(store)).results


def write_report(study: Study, store: Store | Path | str, out: Path | str, *, base: Path = Path()) -> Path:
    """Write the report of what is done of a study, and return its page.

    Args:
        study: The study.
        store: Where its results are kept.
        out: The folder of page, figures and tables.
        base: The folder from which the page writes the study's paths.
    """
    return Run(plan(study), open_store(store)).report(out, base=base)


def open_store(store: Store | Path | str) -> Store:
    """Return the store in a folder; nothing is written until a job ends."""
    return store if isinstance(store, Store) else Store(Path(store))
