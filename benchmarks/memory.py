"""Peak memory of finetuning a language model with and without gradient checkpointing, from the records of the jobs.

    OMP_NUM_THREADS=2 python benchmarks/memory.py

A Llama of about 100 million random weights learns one optimizer batch of texts of 256 tokens. Each way is a job in the
same worker process, which is why the second peak could not be smaller if records kept that of the whole process; a tiny
job before them shows what a worker takes by itself. Beside them stands what `w2slab doctor` would have said.
"""

from __future__ import annotations

import argparse
import json
import shutil
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from w2slab.data.splits import Splits
from w2slab.graph import runner
from w2slab.graph.executors import Processes
from w2slab.graph.job import Graph
from w2slab.graph.store import Store
from w2slab.jobs.finetune import FinetuneSpec
from w2slab.jobs.options import RunOptions
from w2slab.jobs.prepare import SplitSpec, TaskSpec
from w2slab.jobs.spec import FileDigests, job
from w2slab.models.hf.huggingface import HuggingFace
from w2slab.objectives import CrossEntropy
from w2slab.randomness import rng
from w2slab.tasks.text.own import Text
from w2slab.training.recipe import Recipe

RUNG = "text-100k"


def make_model(folder: Path, width: int, layers: int, inner: int) -> None:
    """A Llama of random weights that reads as the shipped ladder does."""
    import torch
    from transformers import AutoConfig, LlamaForCausalLM

    shipped = Path(str(files("w2slab"))) / "assets" / "text" / RUNG
    config = AutoConfig.from_pretrained(shipped)
    config.update(
        {
            "hidden_size": width,
            "num_hidden_layers": layers,
            "intermediate_size": inner,
            "num_attention_heads": width // 64,
            "num_key_value_heads": width // 64,
            "head_dim": 64,
            "max_position_embeddings": 512,
            "dtype": "float32",
        }
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        LlamaForCausalLM(config).save_pretrained(folder)
    for file in shipped.glob("tokenizer*"):
        shutil.copy(file, folder)


def make_texts(path: Path, n: int) -> None:
    """Texts of many words, each longer than what is read of it."""
    generator = rng(0, "memory")
    words = ["".join(generator.choice(list("abcdefghij"), 5)) for _ in range(500)]
    rows = [{"text": " ".join(generator.choice(words, 300)), "label": int(i % 2)} for i in range(n)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def graph_of(texts: Path, model: HuggingFace, batch_size: int) -> Graph:
    """A task, its splits, and one finetuning of one step."""
    graph, files = Graph(), FileDigests()
    task = job(TaskSpec(task=Text(data=texts)), title="texts", files=files)
    sizes = Splits(supervisor_train=2, student_train=batch_size, validation=2, test=4)
    data = job(SplitSpec(sizes=sizes, seed=0), title="splits", files=files, task=task)
    spec = FinetuneSpec(
        model=model,
        train_split="student_train",
        labels="true",
        objective=CrossEntropy(),
        recipe=Recipe(epochs=1, batch_size=batch_size, lr=1e-4, curve_points=0),
        seed=0,
    )
    graph.add(job(spec, title="finetuning", files=files, task=task, data=data), wanted=True)
    return graph


def record(graph: Graph, store: Store, executor: Processes, **options: Any) -> dict[str, Any]:
    """The record of the finetuning, done with these options."""
    outcome = runner.run(graph, store, executor, options=RunOptions(prediction_batch=4, **options))
    if outcome.exit_code:
        raise SystemExit(f"failed: {outcome.failed}")
    return store.record(graph.wanted[0].key)


def told(name: str, found: dict[str, Any]) -> str:
    """A line of the output."""
    facts = found["facts"]
    gpu = f", of the GPU {facts['peak_gpu_memory_bytes'] / 2**30:.2f} GiB" if "peak_gpu_memory_bytes" in facts else ""
    return f"{name:24} {found['peak_memory_bytes'] / 2**30:.2f} GiB{gpu}, {facts['seconds']:.1f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (
        ("width", 768),
        ("layers", 13),
        ("inner", 2048),
        ("batch", 16),
        ("length", 256),
        ("threads", 1),
    ):
        parser.add_argument(f"--{name}", type=int, default=value)
    a = parser.parse_args()
    with TemporaryDirectory() as place, Processes(1, a.threads) as worker:
        root = Path(place)
        make_texts(root / "texts.jsonl", 4 * a.batch + 40)
        make_model(root / "model", a.width, a.layers, a.inner)
        family = HuggingFace("large", path=root / "model", max_length=a.length)
        said = family.memory(a.batch)
        print(f"{family.n_parameters() / 1e6:.0f} M parameters, {a.batch} texts of {a.length} tokens, one step")
        small = HuggingFace(RUNG, max_length=a.length)
        base = record(graph_of(root / "texts.jsonl", small, 2), Store(root / "small"), worker)
        print(told("a worker by itself", base))
        graph = graph_of(root / "texts.jsonl", family, a.batch)
        peaks = {}
        for is_saving in (False, True):
            name = "with checkpointing" if is_saving else "without checkpointing"
            found = record(graph, Store(root / name), worker, gradient_checkpointing=is_saving)
            peaks[is_saving] = found["peak_memory_bytes"]
            print(told(name, found))
            kept = said["activations_checkpointed" if is_saving else "activations"]
            total = said["weights"] + said["gradients"] + said["optimizer"] + kept
            print(f"  foreseen, with the worker: {(total + base['peak_memory_bytes']) / 2**30:.2f} GiB")
        print(f"saved: {(peaks[False] - peaks[True]) / 2**30:.2f} GiB")


if __name__ == "__main__":
    main()
