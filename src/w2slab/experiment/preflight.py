"""Checks before the first job: the device, the processes, the data, the labels."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from w2slab.data.layout import UNSEEN_BY_SUPERVISOR
from w2slab.errors import DataError, UnavailableError
from w2slab.experiment.plan import Plan
from w2slab.graph import runner
from w2slab.graph.fingerprint import digest
from w2slab.graph.job import Graph, Job
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

if TYPE_CHECKING:
    import numpy as np

    from w2slab.data.examples import TaskTable
    from w2slab.data.readers.annotations import TaskLabels


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
    """Return the number of jobs at once: one per core; in several processes each, as many as cores or GPUs allow.

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


def check_data(planned: Plan, store: Store) -> dict[str, TaskTable]:
    """Read the data that are still to be split, so that a mistake in them is reported before the first job.

    Returns:
        The tables that were read, by the key of their job.

    Raises:
        DataError: A file is malformed or holds too few examples, or a model cannot learn the task; or labels of the
            user's own do not fit the task.
    """
    from w2slab.data.artifacts import read_task
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
            is_there = store.has(task.key)
            tables[task.key] = read_task(store.folder(task.key)) if is_there else load_task(task.spec.task)
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
    return tables


def _asks_for_data(job: Job) -> bool:
    """True if mistakes in the task's data, or in labels for them, would let this job fail."""
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
