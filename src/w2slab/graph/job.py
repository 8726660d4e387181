"""Jobs and their graph: pure data, knowing nothing of learning.

A *job* is a call of one function with a spec and the results of other jobs. Its *key* is decided by everything
that decides its result, and by nothing else. A *graph* holds each job once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from w2slab.graph.fingerprint import LocalFile, canonical, digest_of_canonical

_KEY_DIGITS = 24


@dataclass(frozen=True, eq=False)
class Job:
    """One node of the graph.

    Args:
        kind: What sort of job it is, for example `finetune`; the readable prefix of the key.
        version: Raised by one when the results of this kind change.
        run: The function that does the work, as `module:function`; not part of the key.
        spec: What is computed: a frozen dataclass, or plain JSON data.
        inputs: The jobs whose results it reads, by the name under which it reads them.
        files: Files on disk that decide the result, by their digests.
        title: What people see in a plan; not part of the key.
        fused: A function, as `module:function`, that does many such jobs in one call; not part of the key. It takes a
            list of specs and a list of contexts, and returns for each its facts or the exception with which it
            failed; what it leaves of a job is what `run` leaves. Empty: each is done alone.
        batch: Only jobs of equal `fused` and `batch` are done together; not part of the key.
    """

    kind: str
    version: int
    run: str
    spec: Any
    inputs: Mapping[str, Job] = field(default_factory=dict)
    files: tuple[LocalFile, ...] = ()
    title: str = ""
    fused: str = ""
    batch: str = ""

    def __post_init__(self) -> None:
        self.key  # noqa: B018 - a spec without a stable form is refused where the job is made

    @cached_property
    def payload(self) -> dict[str, Any]:
        """Everything that decides the result, in canonical form; the record of a result repeats it."""
        return {
            "kind": self.kind,
            "version": self.version,
            "spec": canonical(self.spec),
            "inputs": {name: job.key for name, job in sorted(self.inputs.items())},
            "files": [file.digest for file in self.files],
        }

    @cached_property
    def key(self) -> str:
        """Name of the result: the kind and a digest of the payload."""
        return f"{self.kind}-{digest_of_canonical(self.payload)[:_KEY_DIGITS]}"

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Job) and self.key == other.key


class Graph:
    """Jobs by key, each after its inputs. *Wanted* jobs are those whose results somebody will read."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._wanted: dict[str, None] = {}

    def add(self, job: Job, *, wanted: bool = False) -> Job:
        """Put a job and what it reads into the graph; the job that is already there is returned."""
        unplaced = [job]
        while unplaced:  # not by recursion: a chain of a thousand jobs is no mistake
            last = unplaced[-1]
            before = [each for each in last.inputs.values() if each.key not in self._jobs]
            unplaced.extend(reversed(before))
            if not before:
                self._jobs.setdefault(last.key, unplaced.pop())
        if wanted:
            self._wanted[job.key] = None
        return self._jobs[job.key]

    def __iter__(self) -> Iterator[Job]:
        return iter(self._jobs.values())

    def __len__(self) -> int:
        return len(self._jobs)

    def __getitem__(self, key: str) -> Job:
        return self._jobs[key]

    def __contains__(self, key: object) -> bool:
        return key in self._jobs

    @property
    def wanted(self) -> list[Job]:
        """The jobs whose results are read after the run; all of them when none was named."""
        return [self._jobs[key] for key in self._wanted] or list(self)


class Stopped(Exception):
    """Raised by a job that was asked to stop, after it wrote its checkpoint: not an error."""


@dataclass(frozen=True)
class JobContext:
    """Context of a job's function beside its spec.

    Args:
        inputs: Folder of each input's result.
        out: Empty folder for this job's result; published as a whole when the function returns.
        work: Folder that survives a killed attempt, for checkpoints; removed on publication. May not exist yet: few
            jobs need it, and to make and remove it takes long.
        shared: Folder for what several jobs need and can make again; may not exist yet. `None` keeps nothing.
        options: How and where to compute: the object that the run was given, the same for each of its jobs; `None` is
            as the job likes. Never changes a result.
        progress: Called with the share done in [0, 1] and a few words.
        stop_requested: True once the run wants to end; a long job saves its place and raises `Stopped`.
    """

    inputs: Mapping[str, Path]
    out: Path
    work: Path
    shared: Path | None = None
    options: Any = None
    progress: Callable[[float, str], None] = lambda share, words: None
    stop_requested: Callable[[], bool] = lambda: False
