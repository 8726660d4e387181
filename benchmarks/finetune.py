"""Speed of our training loop, as a share of a bare hand-written loop on the same batches; and of students in stacks.

    OMP_NUM_THREADS=1 python benchmarks/finetune.py
    W2SLAB_DATA=... OMP_NUM_THREADS=1 python benchmarks/finetune.py --stacked

Without `--stacked`: both loops do the same arithmetic (AdamW, warm-up and decay, clipping, one process, 32 examples a
step) on the same encoded examples. The bare one has nothing else: no check of the loss, no curve, no checkpoint, no
stopping. They take turns; the median ratio counts. Time is processor time of one thread, which neighbours on a busy
machine disturb least. 1 is as fast, less is slower.

With `--stacked`: students that start from the same shipped weights, read the same batches and differ in labels and
objective. Two processes of one thread each train them with our loop, one at a time, as a run on two cores does. Against
it stand two processes of one thread that train stacks of S students each, and one process of two threads that trains
stacks of 2 S; a stack makes each batch once, and each step for all. Every way trains the same students for the same
steps, in short turns, and the ratio of their wall clock times counts. Stacks are made by `torch.func.vmap` of the
network as it is, and for chessformers also by a forward pass written for stacks. The text rung learns SST-2, and is
left out where `W2SLAB_DATA` is not set.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from w2slab.jobs.setup import prepare_worker

prepare_worker()

import torch  # noqa: E402
from torch import nn  # noqa: E402

from w2slab.models.chessformer.chessformer import Chessformer  # noqa: E402
from w2slab.models.hf.huggingface import HuggingFace  # noqa: E402
from w2slab.models.linear.linear import Linear  # noqa: E402
from w2slab.objectives import AuxiliaryConfidence, CrossEntropy  # noqa: E402
from w2slab.tasks.chess.puzzle_task import Chess  # noqa: E402
from w2slab.tasks.text.sentiment import Sst2  # noqa: E402
from w2slab.tasks.toy import Toy  # noqa: E402
from w2slab.training import batches, classification, loop  # noqa: E402
from w2slab.training.batches import Encoded  # noqa: E402
from w2slab.training.placement import Placement  # noqa: E402
from w2slab.training.recipe import Recipe  # noqa: E402


class Case(NamedTuple):
    """A network and the examples it learns on."""

    name: str
    make: Callable[[], nn.Module]
    encoded: Encoded
    targets: np.ndarray
    is_shared: bool
    epochs: int


def case(family: Linear | Chessformer | HuggingFace, task: Toy | Chess | Sst2, n: int, epochs: int) -> Case:
    """The first examples of a task, as a family reads them."""
    labelled = task.load()
    examples = labelled.examples.take(np.arange(n))
    targets = labelled.truth.probs(labelled.examples.n_candidates)[:n, : examples.n_candidates.max()]
    encoded = batches.encode(family, examples)
    return Case(family.name, lambda: family.build(examples, 0), encoded, targets, examples.classes is not None, epochs)


def bare(case: Case, recipe: Recipe, confident: bool) -> float:
    """Processor seconds of a plain loop."""
    network, n = case.make().eval(), len(case.encoded)
    targets = torch.from_numpy(case.targets)
    parameters = list(network.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=recipe.lr, weight_decay=recipe.weight_decay, fused=True)
    n_steps = recipe.epochs * -(-n // recipe.batch_size)
    started, step = time.process_time(), 0
    for epoch in range(recipe.epochs):
        order = batches.order(n, 0, epoch)
        for first in range(0, n, recipe.batch_size):
            indices = order[first : first + recipe.batch_size]
            progress = (step + 0.5) / n_steps
            warm = progress / recipe.warmup_frac
            optimizer.param_groups[0]["lr"] = recipe.lr * min(warm, (1 - progress) / (1 - recipe.warmup_frac))
            logits = network(**case.encoded.batch(indices))
            wanted = targets[torch.from_numpy(indices)][:, : logits.shape[1]]
            if confident:
                weight = 0.5 * min(progress / 0.2, 1)
                wanted = (1 - weight) * wanted + weight * hardened(logits.detach(), wanted, case.is_shared)
            loss = nn.functional.cross_entropy(logits, wanted)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, recipe.gradient_clip)
            optimizer.step()
            step += 1
    return time.process_time() - started


def hardened(logits: torch.Tensor, wanted: torch.Tensor, is_shared: bool) -> torch.Tensor:
    """The model's own choices; with two common classes as many of class 1 as the labels have."""
    hard = torch.zeros_like(logits)
    if not is_shared:
        return hard.scatter_(1, logits.argmax(dim=1, keepdim=True), 1.0)
    hard[:, 0] = 1
    n_ones = int(wanted[:, 1].sum().item() + 0.5)
    hard[(logits[:, 1] - logits[:, 0]).argsort(descending=True)[:n_ones]] = torch.tensor([0.0, 1.0])
    return hard


def ours(case: Case, recipe: Recipe, confident: bool) -> float:
    """Processor seconds of the project's loop, with its checks, stop requests and a folder for checkpoints."""
    objective = AuxiliaryConfidence() if confident else CrossEntropy()
    network = case.make()
    training = classification.Training(case.encoded, case.targets, case.is_shared, objective, recipe, seed=0)
    with TemporaryDirectory() as folder:
        running = loop.Running(Placement("cpu"), work=Path(folder))
        started = time.process_time()
        classification.finetune(network, training, running)
        return time.process_time() - started


def compare(case: Case, turns: int, confident: bool) -> None:
    """Print the ratio of one network and objective."""
    recipe = Recipe(epochs=case.epochs, curve_points=0)
    ratios, speeds = [], []
    for turn in range(turns + 1):
        first = ours(case, recipe, confident) if turn % 2 else None
        plain = bare(case, recipe, confident)
        own = first if first is not None else ours(case, recipe, confident)
        if turn:  # the first turn warms up
            ratios.append(plain / own)
            speeds.append(case.epochs * len(case.encoded) / own)
    name = f"{case.name}, {'auxiliary confidence' if confident else 'cross entropy'}"
    print(
        f"{name:36} {statistics.median(ratios):.3f} of the bare loop ({min(ratios):.3f} to {max(ratios):.3f}, "
        f"{turns} turns), {statistics.median(speeds):,.0f} examples a second"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, help="9, or 3 with --stacked")
    parser.add_argument("--stacked", action="store_true", help="students in stacks against one at a time")
    asked = parser.parse_args()
    if asked.stacked:
        import stacks

        stacks.compare_stacks(turns=asked.turns or 3)
        return
    cases = [
        case(Linear("linear", 32), Toy(), 2000, 10),
        case(Chessformer("chess-8k"), Chess(), 640, 2),
        case(Chessformer("chess-90k"), Chess(), 320, 2),
    ]
    for each in cases:
        for confident in (False, True):
            compare(each, asked.turns or 9, confident)


if __name__ == "__main__":
    main()
