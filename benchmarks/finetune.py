"""How fast our training loop is, as a share of a bare hand-written loop on the same batches.

    OMP_NUM_THREADS=1 python benchmarks/finetune.py

Both loops do the same arithmetic (AdamW, warm-up and decay, clipping, soft labels, one process, 32 examples a step).
The bare one has nothing else: no check of the loss, no curve, no checkpoint, no stopping. They take turns; the median
ratio counts. Time is processor time of one thread, which neighbours on a busy machine disturb least. 1 is as fast, less
is slower.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from w2slab.jobs.setup import prepare_worker

prepare_worker()

import torch  # noqa: E402
from torch import nn  # noqa: E402

from w2slab.randomness import rng  # noqa: E402
from w2slab.specs import RecipeSpec  # noqa: E402
from w2slab.training import batches, loop  # noqa: E402
from w2slab.training.batches import Encoded  # noqa: E402
from w2slab.training.objectives import AuxiliaryConfidence, CrossEntropy, Objective  # noqa: E402
from w2slab.training.placement import Placement  # noqa: E402


class Attention(nn.Module):
    """A transformer of the chessformer's shape: 33 tokens in, a logit for each of 2 classes out."""

    def __init__(self, width: int = 64, layers: int = 2) -> None:
        super().__init__()
        self.embed = nn.Embedding(64, width)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(width, 4, 4 * width, dropout=0.0, batch_first=True, norm_first=True)
            for _ in range(layers)
        )
        self.head = nn.Linear(width, 2)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Logits [B, 2] of token ids [B, 33]."""
        x = self.embed(input)
        for block in self.blocks:
            x = block(x)
        return self.head(x[:, 0])


def linear(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Linear(32, 2)


def transformer(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return Attention()


def bare(network: nn.Module, rows: torch.Tensor, targets: torch.Tensor, recipe: RecipeSpec, confident: bool) -> float:
    """Processor seconds of a plain loop."""
    network.eval()
    parameters = list(network.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=recipe.lr, weight_decay=recipe.weight_decay, fused=True)
    n_steps = recipe.epochs * -(-len(rows) // recipe.batch_size)
    started, step = time.process_time(), 0
    for epoch in range(recipe.epochs):
        order = torch.from_numpy(batches.order(len(rows), 0, epoch))
        for indices in order.split(recipe.batch_size):
            progress = (step + 0.5) / n_steps
            warm = progress / recipe.warmup_frac
            optimizer.param_groups[0]["lr"] = recipe.lr * min(warm, (1 - progress) / (1 - recipe.warmup_frac))
            logits = network(rows[indices])
            wanted = targets[indices]
            if confident:
                weight = 0.5 * min(progress / 0.2, 1)
                n_ones = int(wanted[:, 1].sum().item() + 0.5)
                odds = (logits[:, 1] - logits[:, 0]).detach()
                hard = torch.zeros_like(wanted)
                hard[:, 0] = 1
                ones = odds.argsort(descending=True)[:n_ones]
                hard[ones] = torch.tensor([0.0, 1.0])
                wanted = (1 - weight) * wanted + weight * hard
            loss = nn.functional.cross_entropy(logits, wanted)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, recipe.gradient_clip)
            optimizer.step()
            step += 1
    return time.process_time() - started


def ours(
    network: nn.Module, rows: torch.Tensor, targets: torch.Tensor, recipe: RecipeSpec, objective: Objective
) -> float:
    """Processor seconds of the project's loop, with its checks, stop requests and a folder for checkpoints."""
    n = len(rows)
    encoded = Encoded(
        ids=[str(i) for i in range(n)],
        rows=rows,
        collate=lambda rows, indices: {"input": rows[torch.from_numpy(indices)]},
        lengths=np.ones(n, dtype=np.int64),
        n_candidates=np.full(n, 2),
    )
    training = loop.Training(encoded, targets.numpy(), True, objective, recipe, seed=0)
    with TemporaryDirectory() as folder:
        running = loop.Running(Placement({"device": "cpu"}), work=Path(folder))
        started = time.process_time()
        loop.finetune(network, training, running)
        return time.process_time() - started


def compare(make: Callable[[int], nn.Module], rows: torch.Tensor, epochs: int, turns: int, confident: bool) -> None:
    """Print the ratio of one network and objective."""
    generator = rng(0, "benchmark")
    targets = torch.from_numpy(generator.dirichlet((1, 1), len(rows)).astype(np.float32))
    recipe = RecipeSpec(epochs=epochs, curve_points=0)
    objective = AuxiliaryConfidence() if confident else CrossEntropy()
    ratios, speeds = [], []
    for turn in range(turns + 1):
        first = ours(make(0), rows, targets, recipe, objective) if turn % 2 else None
        plain = bare(make(0), rows, targets, recipe, confident)
        own = first if first is not None else ours(make(0), rows, targets, recipe, objective)
        if turn:  # the first turn warms up
            ratios.append(plain / own)
            speeds.append(epochs * len(rows) / own)
    name = f"{make.__name__}, {'auxiliary confidence' if confident else 'cross entropy'}"
    low, high = min(ratios), max(ratios)
    print(
        f"{name:36} {statistics.median(ratios):.3f} of the bare loop ({low:.3f} to {high:.3f}, {turns} turns), "
        f"{statistics.median(speeds):,.0f} examples a second"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=15)
    turns = parser.parse_args().turns
    generator = rng(0, "benchmark", "rows")
    features = torch.from_numpy(generator.standard_normal((3200, 32)).astype(np.float32))
    tokens = torch.from_numpy(generator.integers(0, 64, (320, 33)))
    for confident in (False, True):
        compare(linear, features, 10, turns, confident)
        compare(transformer, tokens, 2, turns, confident)


if __name__ == "__main__":
    main()
