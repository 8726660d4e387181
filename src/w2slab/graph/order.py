"""The order of jobs: of those whose inputs are there, the one with the longest way to the end comes first."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping

from w2slab.graph.job import Job

Group = tuple[str, str]  # `fused` and `batch` of jobs that may be done together

ALONE: Group = ("", "")  # of jobs that are done one by one


class Order:
    """The jobs of a run that are left.

    Args:
        needed: The jobs to be done, each after its inputs.
    """

    def __init__(self, needed: list[Job]) -> None:
        self.jobs = {job.key: job for job in needed}
        self.left = dict.fromkeys(self.jobs)
        self._readers: dict[str, list[str]] = {key: [] for key in self.jobs}
        self._n_awaited: dict[str, int] = {}
        self._ready: dict[Group, list[tuple[tuple[int, int], str]]] = {}  # heaps, none of them empty
        for job in needed:
            awaited = {each.key for each in job.inputs.values()} & self.jobs.keys()
            self._n_awaited[job.key] = len(awaited)
            for key in awaited:
                self._readers[key].append(job.key)
        self._rank = _ranks(needed, self._readers)
        for job in needed:
            if self._n_awaited[job.key] == 0:
                self.put(job)

    def has_ready(self) -> bool:
        """Return whether there is a job that could be begun."""
        return bool(self._ready)

    def next_group(self) -> tuple[Group, int]:
        """Return the group of the job that is next, and how many of its jobs are ready and may be done by one call."""
        group = min(self._ready, key=lambda each: self._ready[each][0])
        return group, 1 if group == ALONE else len(self._ready[group])

    def pop(self, group: Group) -> Job | None:
        """Take the next ready job of a group."""
        heap = self._ready.get(group)
        if heap is None:
            return None
        _, key = heapq.heappop(heap)
        if not heap:
            del self._ready[group]
        return self.jobs[key]

    def put(self, job: Job, *, alone: bool = False) -> None:
        """Make a job ready, to be done with others of its group unless `alone` is asked for."""
        group = (job.fused, job.batch) if job.fused and not alone else ALONE
        heapq.heappush(self._ready.setdefault(group, []), (self._rank[job.key], job.key))

    def finish(self, job: Job) -> None:
        """Note that the job is done, and make ready the jobs that waited for it alone."""
        del self.left[job.key]
        for reader in self._readers[job.key]:
            self._n_awaited[reader] -= 1
            if self._n_awaited[reader] == 0 and reader in self.left:
                self.put(self.jobs[reader])

    def fail(self, job: Job) -> None:
        """Note that the job failed: it is not left, and what follows it is never ready."""
        del self.left[job.key]

    def skip_after(self, job: Job) -> Iterator[Job]:
        """Take out, one by one, the jobs that cannot be done without this one."""
        unseen = list(self._readers[job.key])
        while unseen:
            key = unseen.pop()
            if key in self.left:
                del self.left[key]
                yield self.jobs[key]
                unseen.extend(self._readers[key])


def _ranks(needed: list[Job], readers: Mapping[str, list[str]]) -> dict[str, tuple[int, int]]:
    """Return the place of each job in the order: the longest way to the end first, then the graph's order."""
    way: dict[str, int] = {}
    for job in reversed(needed):  # every reader comes after what it reads
        way[job.key] = 1 + max((way[reader] for reader in readers[job.key]), default=0)
    return {job.key: (-way[job.key], index) for index, job in enumerate(needed)}
