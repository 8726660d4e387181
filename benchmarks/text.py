"""Speed of our finetuning of a text model, over a bare loop on the same examples.

    OMP_NUM_THREADS=2 python benchmarks/text.py

Two thousand examples of two classes, two epochs, 32 examples a step, a GPT-2 of random weights. The bare loop is that
of many scripts: each batch is tokenised when its turn comes and padded, here to the longest text of the batch and there
to the longest of the data. Ours counts in full: it tokenises all once, and then runs `training.loop` with its checks,
stop requests and a folder for checkpoints; the network computes a batch in parts of like length. Examples, shape,
batches, optimizer and schedule are the same; they take turns.

Texts are as long as those of SciQ, whose passage is read first or not; where the environment variable `W2SLAB_DATA`
names a folder with `sciq.zip`, they are SciQ's own.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from w2slab.jobs.setup import prepare_worker

prepare_worker()

import torch  # noqa: E402

from w2slab.data.examples import Examples  # noqa: E402
from w2slab.models.hf.huggingface import HuggingFace  # noqa: E402
from w2slab.objectives import CrossEntropy  # noqa: E402
from w2slab.randomness import rng  # noqa: E402
from w2slab.training import batches, classification, loop  # noqa: E402
from w2slab.training.placement import Placement  # noqa: E402
from w2slab.training.recipe import Recipe  # noqa: E402

RECIPE = Recipe(epochs=2, batch_size=32, lr=1e-4, curve_points=0)
SHAPES = {"4x128": (4, 128, 4), "6x256": (6, 256, 8)}
# Mean and deviation of the logarithm of how many words an example of SciQ has.
WORDS = {"question": (2.78, 0.31), "passage": (4.32, 0.73)}
VOCABULARY = 4096


def examples(kind: str, n: int) -> tuple[Examples, np.ndarray, str]:
    """Texts, labels, and where the texts are from."""
    import pyarrow as pa

    if (Path(os.environ.get("W2SLAB_DATA", "nowhere")) / "sciq.zip").exists():
        from w2slab.tasks.text.questions import Sciq

        labelled = Sciq(support=kind == "passage").load()
        chosen = rng(0, "examples").permutation(len(labelled.examples))[:n]
        labels = np.array([right[0] for right in labelled.truth.right])[chosen]
        return labelled.examples.take(chosen), labels, "SciQ"
    generator = rng(0, "texts", kind)
    syllables = ["ba", "ke", "li", "mo", "nu", "sa", "te", "ri", "vo", "dra", "ste", "phi"]
    words = ["".join(generator.choice(syllables, generator.integers(1, 5))) for _ in range(3000)]
    counts = np.exp(generator.normal(*WORDS[kind], n)).round().clip(6, 500).astype(int)
    texts = [" ".join(words[min(int(w), 2999)] for w in generator.pareto(0.9, c) * 10) for c in counts]
    names = [str(i) for i in range(n)]
    table = pa.table({"id": names, "group": names, "text": texts})
    return Examples(table, ("wrong", "right")), generator.integers(0, 2, n), "drawn"


def make_model(folder: Path, shape: str, texts: list[str]) -> None:
    """A GPT-2 and a byte-level BPE that was trained on the texts."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    layers, width, heads = SHAPES[shape]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=["<|end|>"], show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    end = "<|end|>"
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=end, pad_token=end).save_pretrained(folder)
    config = GPT2Config(vocab_size=VOCABULARY, n_embd=width, n_layer=layers, n_head=heads, n_positions=1024)
    GPT2LMHeadModel(config).save_pretrained(folder)


def bare(folder: Path, texts: list[str], labels: np.ndarray, longest: int | None) -> Callable[[], None]:
    """A plain loop; `longest` is what every batch is padded to, `None` its own longest text."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    network = AutoModelForSequenceClassification.from_pretrained(
        folder, num_labels=2, pad_token_id=tokenizer.pad_token_id, use_cache=False
    ).eval()
    wanted = torch.from_numpy(labels)
    padding: dict[str, Any] = {"padding": True} if longest is None else {"padding": "max_length", "max_length": longest}

    def train() -> None:
        parameters = list(network.parameters())
        optimizer = torch.optim.AdamW(parameters, lr=RECIPE.lr, weight_decay=RECIPE.weight_decay, fused=True)
        n_steps, step = RECIPE.epochs * -(-len(texts) // RECIPE.batch_size), 0
        for epoch in range(RECIPE.epochs):
            order = batches.order(len(texts), 0, epoch)
            for first in range(0, len(texts), RECIPE.batch_size):
                indices = order[first : first + RECIPE.batch_size]
                progress = (step + 0.5) / n_steps
                warm = progress / RECIPE.warmup_frac
                optimizer.param_groups[0]["lr"] = RECIPE.lr * min(warm, (1 - progress) / (1 - RECIPE.warmup_frac))
                batch = tokenizer([texts[i] for i in indices], truncation=True, **padding, return_tensors="pt")
                logits = network(**batch).logits
                loss = torch.nn.functional.cross_entropy(logits, wanted[torch.from_numpy(indices)])
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(parameters, 1.0)
                optimizer.step()
                step += 1

    return train


def ours(folder: Path, made: Examples, labels: np.ndarray) -> Callable[[], None]:
    """Tokenise all, then the project's loop."""
    family = HuggingFace("gpt2", path=folder)
    network = family.build(made, seed=0)
    targets = np.eye(2, dtype=np.float32)[labels]

    def train() -> None:
        encoded = batches.encode(family, made)
        training = classification.Training(encoded, targets, True, CrossEntropy(), RECIPE, seed=0)
        with TemporaryDirectory() as work:
            running = loop.Running(Placement("cpu"), work=Path(work))
            classification.finetune(network, training, running)

    return train


def timed(train: Callable[[], None]) -> tuple[float, float]:
    """Seconds of the clock and of the processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    train()
    return time.perf_counter() - wall, time.process_time() - cpu


def compare(shape: str, kind: str, n: int, turns: int) -> None:
    """Print times and ratios for one shape and one kind of texts."""
    made, labels, source = examples(kind, n)
    columns = [made.table.column(c).to_pylist() for c in ("text", "answer") if c in made.table.column_names]
    texts = ["".join(parts) for parts in zip(*columns, strict=True)]
    with TemporaryDirectory() as name:
        folder = Path(name)
        make_model(folder, shape, texts)
        lengths = HuggingFace("gpt2", path=folder).encode(made).lengths
        ways = {
            "ours": lambda: ours(folder, made, labels),
            "bare, padded to the batch": lambda: bare(folder, texts, labels, None),
            "bare, padded to the data": lambda: bare(folder, texts, labels, int(lengths.max())),
        }
        seconds: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
        for turn in range(turns):
            for way in list(ways) if turn % 2 == 0 else reversed(list(ways)):
                seconds[way].append(timed(ways[way]()))
    print(
        f"{shape}, {n} texts ({kind}, {source}), half up to {np.median(lengths):.0f} tokens, all up to {lengths.max()}"
    )
    for way, measured in seconds.items():
        wall, cpu = (statistics.median(each[k] for each in measured) for k in (0, 1))
        faster = [
            statistics.median(b[k] / a[k] for a, b in zip(seconds["ours"], measured, strict=True)) for k in (0, 1)
        ]
        print(f"  {way:26} {wall:7.2f} s, processor {cpu:7.2f} s; ours is {faster[0]:.2f}x as fast ({faster[1]:.2f}x)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--examples", type=int, default=2000)
    parser.add_argument("--shapes", nargs="*", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--texts", nargs="*", choices=WORDS, default=list(WORDS))
    asked = parser.parse_args()
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    torch.manual_seed(0)
    for shape in asked.shapes:
        for kind in asked.texts:
            compare(shape, kind, asked.examples, asked.turns)


if __name__ == "__main__":
    main()
