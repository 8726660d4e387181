"""Compute and provenance of a study, from the records of its jobs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from w2slab.analysis import Results
    from w2slab.analysis.outcomes import Reading
    from w2slab.graph.job import Job

Row = dict[str, Any]


def by_job(graph: Iterable[Job], store: Reading) -> list[Row]:
    """A row for each job that is done; what a record does not tell is `None`.

    `examples_per_second` counts the examples that a model was trained on, once for every pass over them, in a second
    of training alone, without reading and predicting.
    """
    rows = []
    for job in graph:
        if store.has(job.key):
            record = store.record(job.key)
            rows.append(
                {
                    "kind": job.kind,
                    "job": job.title or job.key,
                    "seconds": record.get("seconds"),
                    "cpu_seconds": record.get("cpu_seconds"),
                    "peak_memory_bytes": record.get("peak_memory_bytes"),
                    "examples_per_second": (record.get("facts") or {}).get("examples_per_second"),
                    "key": job.key,
                }
            )
    return rows


def by_kind(jobs: Iterable[Row]) -> list[Row]:
    """Jobs, seconds, largest memory and median speed by kind of job, and a last row of all of them."""
    jobs = list(jobs)
    kinds = {kind: [job for job in jobs if job["kind"] == kind] for kind in dict.fromkeys(job["kind"] for job in jobs)}
    rows = [_summed(kind, own) for kind, own in kinds.items()]
    return [*rows, _summed(None, jobs) | {"examples_per_second": None}] if len(rows) > 1 else rows


def _summed(kind: str | None, jobs: list[Row]) -> Row:
    speeds = [job["examples_per_second"] for job in jobs if job["examples_per_second"]]
    return {
        "kind": kind,
        "n_jobs": len(jobs),
        "seconds": sum(job["seconds"] or 0.0 for job in jobs),
        "longest": max((job["seconds"] or 0.0 for job in jobs), default=0.0),
        "cpu_seconds": sum(job["cpu_seconds"] or 0.0 for job in jobs),
        "peak_memory_bytes": max((job["peak_memory_bytes"] or 0 for job in jobs), default=0),
        "examples_per_second": median(speeds) if speeds else None,
    }


def made(results: Results, graph: Iterable[Job], store: Reading) -> list[tuple[str, str]]:
    """Versions, seeds and settings; nothing of the machine."""
    packages: dict[str, Counter[str]] = {}
    for record in (store.record(job.key) for job in graph if store.has(job.key)):
        for name, number in (record.get("packages") or {}).items():
            packages.setdefault(name, Counter())[number] += 1
        if record.get("python"):
            packages.setdefault("Python", Counter())[record["python"]] += 1
    seeds = sorted({seed for row in results.summary for seed in row["seeds"]})
    used = ", ".join(f"{name} {' and '.join(sorted(numbers))}" for name, numbers in sorted(packages.items()))
    return [
        ("Report by", f"w2slab {_own_version()}"),
        ("Jobs made with", used or "not recorded"),
        ("Seeds", ", ".join(map(str, seeds)) or "none"),
        ("Confidence intervals", f"{100 * results.level:g}%, from {results.n_resamples:,} resamples"),
        ("Smallest gap that counts", f"{100 * results.min_gap:g}% of test examples"),
    ]


def _own_version() -> str:
    try:
        return version("w2slab")
    except PackageNotFoundError:
        return "(not installed)"
