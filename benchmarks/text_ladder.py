"""Accuracy of each rung of a study's ladder on each of its tasks, finetuned on the ground truth.

    python benchmarks/text_ladder.py benchmarks/text_ladder.yaml --random text-100k text-3m --out ladder.json

Every rung of the study learns `supervisor_train` and is judged on `test`; so does, for the `hf` rungs named by
`--random`, the same architecture from random weights: what pretraining is worth. Jobs lie in a store, so a run that was
stopped goes on, and a study on the same tasks and sizes finds its supervisors made.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from w2slab.data.artifacts import read_predictions
from w2slab.data.task_data import TaskData
from w2slab.experiment import run as api
from w2slab.graph import runner
from w2slab.graph.executors import Processes
from w2slab.graph.job import Graph, Job
from w2slab.graph.store import Store
from w2slab.jobs.options import RunOptions
from w2slab.randomness import derived_seed
from w2slab.study.reading import load_study


def main() -> None:
    asked = arguments()
    store = Store(asked.store or asked.study.parent / ".w2slab")
    text = yaml.safe_load(asked.study.read_text())
    if asked.random:
        text["ladder"] += [twin(r, store.root / "random") for r in text["ladder"] if r["name"] in asked.random]
    # So that the weakest and the strongest rung alike learn the same examples.
    text |= {"ceiling_learns_on": "supervisor_train", "pairs": "all"}
    written = asked.study.with_suffix(".measured.yaml")
    written.write_text(yaml.safe_dump(text, sort_keys=False))
    try:
        planned = api.plan(load_study(written, asked.set))
    finally:
        written.unlink()
    jobs = finetuned(planned)
    graph = Graph()
    for found in jobs.values():
        graph.add(found, wanted=True)
    executor = Processes(asked.workers)
    try:
        outcome = runner.run(graph, store, executor, options=RunOptions(device=asked.device), on_event=tell)
    finally:
        executor.close()
    report(jobs, store, asked)
    sys.exit(outcome.exit_code)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", type=Path)
    parser.add_argument("--random", nargs="*", default=[], metavar="RUNG", help="rungs to measure from random weights")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="as for w2slab run")
    parser.add_argument("--store", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, help="JSON file of the figures")
    return parser.parse_args()


def twin(rung: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The rung's architecture with random weights, as a rung; its folder is made where it is not there."""
    import torch
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoTokenizer

    from w2slab.models.hf.huggingface import HuggingFace

    own = {name: value for name, value in rung.items() if name in ("name", "path", "package")}
    (source,) = HuggingFace(**own).files()
    out = folder / rung["name"]
    if not out.exists():
        config = AutoConfig.from_pretrained(source)
        kind = AutoModelForCausalLM if config.architectures[0].endswith("ForCausalLM") else AutoModel
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derived_seed(0, "random", rung["name"]))
            network = kind.from_config(config)
        network.save_pretrained(out)
        AutoTokenizer.from_pretrained(source).save_pretrained(out)
    kept = {name: value for name, value in rung.items() if name not in ("package", "path")}
    return kept | {"name": f"{rung['name']}-random", "path": str(out.resolve())}


def finetuned(planned: Any) -> dict[tuple[str, str, int], Job]:
    """The job that finetunes each rung, by task, rung and seed."""
    found = {}
    for c in planned.comparisons:
        found[c.task, c.weak, c.seed] = c.supervisor
        found[c.task, c.strong, c.seed] = c.ceiling
    return found


def tell(event: Any) -> None:
    if event.kind in ("finished", "failed"):
        print(f"{event.kind:7} {event.job.title} {getattr(event, 'message', '')}", file=sys.stderr, flush=True)


def report(jobs: dict[tuple[str, str, int], Job], store: Store, asked: argparse.Namespace) -> None:
    """A row per task and rung: mean accuracy over seeds."""
    table: dict[tuple[str, str], list[float]] = {}
    sizes, seconds = {}, {}
    for (task, rung, _), found in jobs.items():
        if store.has(found.key):
            truth = TaskData.made_by(found.inputs["data"], store.folder).truth("test")
            predicted = read_predictions(store.folder(found.key), "test")
            table.setdefault((task, rung), []).append(float(truth.is_right(predicted.choices).mean()))
            record = store.record(found.key)
            sizes[rung], seconds[task, rung] = record["facts"]["n_parameters"], record["seconds"]
    tasks, rungs = list(dict.fromkeys(t for t, _ in table)), sorted(sizes, key=lambda r: (sizes[r], r))
    print("| task | " + " | ".join(rungs) + " |\n|---|" + "---:|" * len(rungs))
    for task in tasks:
        cells = [f"{100 * np.mean(table[task, r]):.1f}" if (task, r) in table else "–" for r in rungs]
        print(f"| {task} | " + " | ".join(cells) + " |")
    if asked.out:
        rows = [
            {"task": t, "rung": r, "n_parameters": sizes[r], "accuracy": a, "seconds": seconds[t, r]}
            for (t, r), a in table.items()
        ]
        asked.out.write_text(json.dumps({"command": shlex.join(["python", *sys.argv]), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
