"""How long it takes to key and plan a graph of ten thousand jobs, beside a plain loop over the same data.

    python benchmarks/plan.py

The plain loop is what nobody can avoid: one SHA-256 of `json.dumps` for each job. Both run in this process.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from dataclasses import asdict, dataclass
from typing import Any

from w2slab.graph.job import Graph, Job
from w2slab.graph.runner import missing, state
from w2slab.graph.store import Store

N_JOBS = 10_000


@dataclass(frozen=True)
class RecipeSpec:
    """As large as a real recipe."""

    epochs: int = 5
    batch_size: int = 32
    lr: float = 1e-3
    warmup_frac: float = 0.1
    decay: str = "linear"
    weight_decay: float = 0.0
    gradient_clip: float | None = 1.0
    curve_points: int = 20
    curve_examples: int | None = None
    stop_at: str = "last"


@dataclass(frozen=True)
class FinetuneSpec:
    """As large as the spec of a real finetuning job."""

    model: Any
    objective: Any
    seed: int
    train_split: str = "student_train"
    train_range: tuple[int, int] | None = None
    labels: str = "soft"
    recipe: RecipeSpec = RecipeSpec()


def specs() -> list[FinetuneSpec]:
    objective = {"name": "auxiliary-confidence", "fields": {"max_weight": 0.5, "warmup_frac": 0.1}, "files": ()}
    return [
        FinetuneSpec({"name": f"model-{i % 20}", "fields": {"width": 64, "depth": 8}, "files": ()}, objective, i)
        for i in range(N_JOBS)
    ]


def plain(payloads: list[dict[str, Any]]) -> list[str]:
    return [hashlib.sha256(json.dumps(each, sort_keys=True).encode()).hexdigest() for each in payloads]


def plan(root: str) -> None:
    graph = Graph()
    data = Job(kind="prepare", version=1, run="m:f", spec={"task": "toy", "seed": 0})
    for spec in specs():
        graph.add(Job(kind="finetune", version=1, run="m:f", spec=spec, inputs={"data": data}), wanted=True)
    store = Store(root)
    states = state(graph, store)
    assert len(states) == len(missing(graph, store)) == N_JOBS + 1


def seconds(function: Any, *arguments: Any) -> float:
    began = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - began


def main() -> None:
    payloads = [{"kind": "finetune", "version": 1, "spec": asdict(each), "inputs": {"data": "key"}} for each in specs()]
    with tempfile.TemporaryDirectory() as root:
        pairs = [(seconds(plain, payloads), seconds(plan, root)) for _ in range(3)]
    loop, planned = min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)
    print(f"plan {N_JOBS} jobs: {planned:.2f} s; plain sha256-of-json loop: {loop:.2f} s; ratio {planned / loop:.1f}")


if __name__ == "__main__":
    main()
