"""The steps of a study, one call each; the command line calls the same ones."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from w2slab.data.layout import UNSEEN_BY_SUPERVISOR
from w2slab.errors import DataError, StudyError, UnavailableError
from w2slab.experiment.plan import Plan, plan
from w2slab.graph import runner
from w2slab.graph.executors import Executor, Inline, Processes
from w2slab.graph.fingerprint import digest
from w2slab.graph.job import Graph, Job
from w2slab.graph.runner import Event, Outcome
from w2slab.graph.store import Store
from w2slab.jobs.corrupt import CorruptSpec
from w2slab.jobs.embed import EmbedSpec
from w2slab.jobs.finetune import FinetuneSpec
from w2slab.jobs.generative import GenerativeSpec
from w2slab.jobs.label_file import LabelFileSpec
from w2slab.jobs.options import RunOptions
from w2slab.jobs.prepare import SplitSpec, TaskSpec
from w2slab.jobs.probe import ProbeSpec
from w2slab.jobs.prompt import PromptSpec
from w2slab.jobs.spec import LearningSpec
from w2slab.study.reading import load_study
from w2slab.study.study import Study
from w2slab.study.writing import to_yaml

if TYPE_CHECKING:
    import numpy as np

    from w2slab.analysis import Results
    from w2slab.data.examples import TaskTable
    from w2slab.data.readers.annotations import TaskLabels


def run(
    study: Study,
    store: Store | Path | str = ".w2slab",
    *,
    executor: Executor | Literal["processes", "inline"] = "processes",
    workers: int | None = None,
    threads: int = 1,
    options: RunOptions | Mapping[str, Any] | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
    max_seconds: float | None = None,
) -> Outcome:
    """Run what is missing of a study; what is in the store already is not computed again.

    Args:
        study: From `load_study`.
        store: Where results are kept.
        executor: Persistent worker processes, this process, or an executor of `w2slab.executors` or of one's own, which
            stays open.
        workers: Jobs at once where this call starts the processes; `None` is one per core, or as many as there are
            GPUs for.
        threads: Threads of each worker.
        options: How to compute. No result depends on it beyond rounding.
        on_event: LabelSource of every job that starts, goes on, ends or fails.
        max_seconds: Stop on purpose after this time.

    Raises:
        DataError: A task's data are missing or malformed; nothing was started.
        UnavailableError: The plan cannot be carried out here; nothing was started.
    """
    options = RunOptions.of(options)
    require_device(options.device)
    planned, opened = plan(study), open_store(store)
    check_data(planned, opened)
    return execute(
        planned.graph,
        opened,
        executor=executor,
        workers=workers,
        threads=threads,
        options=options,
        on_event=on_event,
        max_seconds=max_seconds,
    )


def execute(
    graph: Graph,
    store: Store,
    *,
    executor: Executor | Literal["processes", "inline"] = "processes",
    workers: int | None = None,
    threads: int = 1,
    options: RunOptions | Mapping[str, Any] | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
    max_seconds: float | None = None,
) -> Outcome:
    """Make what is missing of a graph of jobs; arguments as for `run`.

    Raises:
        UnavailableError: The jobs cannot be carried out here; nothing was started.
    """
    options = RunOptions.of(options)
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


def load_results(
    study: Study | Path | str, store: Store | Path | str | None = None, *, settings: Sequence[str] = ()
) -> Results:
    """The results of what is done so far; comparisons that are not are listed in `missing`.

    Args:
        study: A study, or the path of a study file.
        store: Where its results are kept. By default `.w2slab`; of a study file, what `W2SLAB_STORE` says or `.w2slab`
            beside the file, which is where `w2slab run` keeps them.
        settings: Overrides of values of a study file, such as `"seeds=[0, 1]"`.

    Raises:
        StudyError: The study file has mistakes, or settings were given with a study that is loaded already.
        DataError: There is no such store, or what is stored for two jobs does not fit together; the message names it.
    """
    from w2slab.analysis import collect

    if not isinstance(study, Study):
        path = Path(study)
        study = load_study(path, settings)
        if store is None:
            store = os.environ.get("W2SLAB_STORE") or path.parent / ".w2slab"
    elif settings:
        raise StudyError("load_results: settings override a study file; give its path, or pass them to load_study")
    s, store = study.statistics, ".w2slab" if store is None else store
    if not isinstance(store, Store) and not Path(store).is_dir():
        raise DataError(f"{store}: there is no such store. Run the study, or name the folder that `run` was given")
    opened = open_store(store)
    return collect(plan(study), opened, resamples=s.resamples, level=s.level, min_gap=s.min_gap)


def write_report(
    study: Study,
    store: Store | Path | str,
    out: Path | str,
    results: Results | None = None,
    *,
    base: Path = Path(),
    command: str = "w2slab run study.yaml",
) -> Path:
    """Write the report's page, figures and tables into a folder; the page is returned.

    Args:
        study: From `load_study`.
        store: Where its results are kept.
        out: The folder.
        results: From `load_results`, if at hand.
        base: The folder from which the page writes the study's paths.
        command: What the page says makes all of this again.
    """
    from w2slab.report.page import write_report as write_page

    results = results or load_results(study, store)
    return write_page(
        results, plan(study), open_store(store), Path(out), study_text=to_yaml(study, base), command=command
    )


def made_of(study: Study, store: Store | Path | str, command: str = "") -> str:
    """Digest of all that a report depends on: the results in the store, how they are judged, and this version."""
    opened = open_store(store)
    present = [job.key for job in plan(study).graph if opened.has(job.key)]
    return digest([present, to_yaml(study, Path()), command, version("w2slab")])


def open_store(store: Store | Path | str) -> Store:
    """The store in a folder; nothing is written until a job ends."""
    return store if isinstance(store, Store) else Store(Path(store))


def require_device(device: str) -> None:
    """Refuse a device that this machine does not have; importing nothing where none was asked for.

    Raises:
        UnavailableError: There is no such device.
    """
    if device in ("auto", "cpu"):
        return
    import torch

    available = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}
    if not available.get(device, lambda: False)():
        raise UnavailableError(f"--device {device}: this machine has none. Use auto or cpu; see also: w2slab doctor")


def jobs_at_once(options: RunOptions) -> int:
    """How many jobs run side by side: one per core; in several processes each, as many as cores or GPUs allow.

    Raises:
        UnavailableError: A job needs more GPUs than there are, or a launcher has started this process.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UnavailableError(
            "WORLD_SIZE is set: a launcher started several copies of this program. Launch `w2slab run` itself, or "
            "start one process and say gpus_per_job"
        )
    per_job, cores = options.gpus_per_job, os.cpu_count() or 1
    if per_job == 1:
        return cores
    import torch

    if options.device == "cpu" or not torch.cuda.is_available():
        return max(1, cores // per_job)
    if torch.cuda.device_count() < per_job:
        raise UnavailableError(
            f"--gpus-per-job {per_job}: this machine has {torch.cuda.device_count()} GPUs. Ask for fewer, or use "
            "--device cpu"
        )
    return torch.cuda.device_count() // per_job


def require_bf16(graph: Graph, store: Store, device: str) -> None:
    """Refuse to compute in bf16 on a GPU that cannot.

    Raises:
        UnavailableError: A job that is still to be done asks for it.
    """
    jobs = runner.missing(graph, store) if device in ("auto", "cuda") else []
    if any(_precision(job) == "bf16" for job in jobs):
        import torch

        from w2slab.training.placement import cuda_has_bf16

        if torch.cuda.is_available() and not cuda_has_bf16():
            raise UnavailableError(
                f"precision: bf16: {torch.cuda.get_device_name()} does not compute in bf16. Use precision: fp32 in the "
                "recipe, or --device cpu"
            )


def _precision(job: Job) -> str:
    """The number type in which a job computes."""
    if isinstance(job.spec, LearningSpec):
        return job.spec.recipe.precision
    return job.spec.precision if isinstance(job.spec, EmbedSpec | GenerativeSpec | ProbeSpec | PromptSpec) else "fp32"


def check_data(planned: Plan, store: Store) -> None:
    """Read the data that are still to be split, so that a mistake in them is told before the first job.

    Raises:
        DataError: A file is malformed or holds too few examples, or a model cannot learn the task; or labels of the
            user's own do not fit the task.
    """
    from w2slab.data.splitting import split
    from w2slab.jobs.prepare import load_task

    open_jobs = runner.missing(planned.graph, store)
    tables: dict[str, TaskTable] = {}
    splits: dict[str, Mapping[str, np.ndarray]] = {}
    labels: dict[str, TaskLabels] = {}
    for job in open_jobs:
        if not _asks_for_data(job):
            continue
        task, data = job.inputs.get("task", job), job.inputs.get("data", job)
        if task.key not in tables:
            tables[task.key] = load_task(task.spec.task)
        if isinstance(data.spec, SplitSpec) and data.key not in splits:
            splits[data.key] = split(tables[task.key], data.spec.sizes.sizes(), data.spec.seed)
        _check_labels(job, tables[task.key], splits.get(data.key, {}), labels)
    tried = set()
    for job in open_jobs:
        if isinstance(job.spec, FinetuneSpec | EmbedSpec) and job.inputs["task"].key in tables:
            pair = (digest(job.spec.model), job.inputs["task"].key)
            if pair not in tried:
                tried.add(pair)
                for problem in job.spec.model.problems(tables[pair[1]].examples):
                    raise DataError(f"{job.spec.model.name}: {problem}")


def _asks_for_data(job: Job) -> bool:
    """Whether mistakes in the task's data, or in labels for them, would let this job fail."""
    by_length = isinstance(job.spec, CorruptSpec) and job.spec.choose in ("longest", "shortest")
    return by_length or isinstance(job.spec, TaskSpec | SplitSpec | LabelFileSpec)


def _check_labels(job: Job, table: TaskTable, splits: Mapping[str, np.ndarray], known: dict[str, TaskLabels]) -> None:
    """Check that labels that come from no model can be made for these splits.

    Args:
        job: Makes them; others are left alone.
        table: All examples of the task that are kept.
        splits: Positions by split.
        known: Files of labels that were read, to which this adds.

    Raises:
        DataError: A file of labels has mistakes, or prompts without a length are to choose which labels are wrong.
    """
    if isinstance(job.spec, LabelFileSpec):
        from w2slab.data.readers.annotations import read_task_labels

        which = digest([str(job.spec.path), job.inputs["task"].key])
        if which not in known:
            known[which] = read_task_labels(job.spec.path, table.examples)
        known[which].of({name: splits[name] for name in UNSEEN_BY_SUPERVISOR if name in splits})
    elif isinstance(job.spec, CorruptSpec):
        from w2slab.jobs.corrupt import require_lengths

        require_lengths(table.examples)


__all__ = ["check_data", "execute", "load_results", "open_store", "plan", "require_device", "run", "write_report"]
