"""Speedup of a grid of heads that is trained together, and the distance of its solutions.

    OMP_NUM_THREADS=1 python benchmarks/heads.py

1,000 linear heads: 10 objectives x 10 relabelings x 10 seeds, on 2,000 examples of 256 features in two classes, 200
epochs of batches of 32. *Together* is `training.heads`, as the jobs of a study call it. *One at a time* is a plain loop
of PyTorch over the same batches with the same objective, its fused AdamW, the same warm-up and decay, and nothing else;
a sample of the heads, each objective once, is scaled up to all. Beside them a logistic regression of the naive
objective: scikit-learn's if it is installed, else the project's own fit by L-BFGS; it minimises another thing (no
batches, some l2) and is there for the time alone. One thread of one run.
"""

from __future__ import annotations

import argparse
import time
from importlib.util import find_spec
from typing import Any

import numpy as np

from w2slab.jobs.setup import prepare_worker

prepare_worker()

import torch  # noqa: E402

from w2slab import registry  # noqa: E402
from w2slab.randomness import rng  # noqa: E402
from w2slab.training import batches, logistic, schedules  # noqa: E402
from w2slab.training import stacked_heads as heads  # noqa: E402
from w2slab.training.head_training import HeadTraining  # noqa: E402
from w2slab.training.placement import Placement  # noqa: E402
from w2slab.training.recipe import HeadShape, Recipe  # noqa: E402
from w2slab.training.rows import Rows  # noqa: E402

N_TEST = 2000


def grid(asked: argparse.Namespace) -> list[HeadTraining]:
    """The heads: objectives x label vectors x seeds, on one set of examples."""
    generator = rng(0, "benchmark")
    n, total = asked.examples, asked.examples + N_TEST
    classes = generator.integers(2, size=total)
    values = generator.standard_normal((total, asked.features)) + 0.1 * (2 * classes[:, None] - 1)
    every = rows(values.astype(np.float32), total)
    learned = every.part(n)
    tested = Rows(every.ids[n:], every.values, every.firsts[n:], every.n_candidates[n:], True)
    recipe = Recipe(epochs=asked.epochs, batch_size=asked.batch_size, lr=1e-3, curve_points=0)
    kept, trainings = np.arange(n), []
    labels = [relabelled(classes[:n], share, generator) for share in np.linspace(0.0, 0.3, asked.relabelings)]
    for name in list(registry.table("objectives"))[: 3 * asked.objectives]:
        objective = registry.build("objectives", name, {})
        if (
            getattr(objective, "needs_features", False)
            or len(trainings) == asked.objectives * len(labels) * asked.seeds
        ):
            continue
        for targets in labels:
            for seed in range(asked.seeds):
                head = HeadTraining(
                    learned, kept, targets, None, objective, recipe, HeadShape(), seed, {}, {"test": tested}
                )
                trainings.append(head)
    return trainings


def rows(values: np.ndarray, n: int) -> Rows:
    """Examples with one row of features each, in two classes."""
    return Rows([str(i) for i in range(n)], values, np.arange(n), np.full(n, 2), True)


def relabelled(classes: np.ndarray, share: float, generator: np.random.Generator) -> np.ndarray:
    """Soft labels of which a share is wrong."""
    flipped = np.where(generator.random(len(classes)) < share, 1 - classes, classes)
    sure = generator.uniform(0.6, 1.0, len(classes))
    labels = np.stack([1 - sure, sure], axis=1)
    labels[flipped == 0] = labels[flipped == 0, ::-1]
    return labels.astype(np.float32)


def alone(head: HeadTraining) -> np.ndarray:
    """Probabilities of the test examples, from a plain loop."""
    recipe, objective, n = head.recipe, head.objective, len(head.kept)
    scale = head.examples.scale()
    x = torch.from_numpy(head.examples.on_scale(scale, constant=False))
    network = torch.nn.Linear(x.shape[1], head.targets.shape[1])
    torch.nn.init.zeros_(network.weight)
    torch.nn.init.zeros_(network.bias)
    targets = torch.from_numpy(head.targets)
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay, fused=True)
    step = 0
    for epoch in range(recipe.epochs):
        order = torch.from_numpy(batches.order(n, head.seed, epoch))
        for indices in order.split(recipe.batch_size):
            progress = (step + 0.5) / head.steps
            factor = schedules.rate_factor(progress, recipe.warmup_frac, recipe.decay)
            optimizer.param_groups[0]["lr"] = recipe.lr * factor
            logits, wanted = network(x[indices]), targets[indices]
            statistic = None
            if objective.needs_statistic(True):
                statistic = objective.statistic(logits.detach(), wanted, True)
            loss = objective(logits, wanted, progress, statistic).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
    tested = torch.from_numpy(head.predicted["test"].on_scale(scale, constant=False))
    with torch.no_grad():
        return np.asarray(network(tested).softmax(dim=1))


def logistic_seconds(head: HeadTraining) -> tuple[str, float]:
    """The time of one logistic regression on hard labels, and who made it."""
    x = head.examples.on_scale(head.examples.scale(), constant=False)
    choices = head.targets.argmax(axis=1)
    if find_spec("sklearn") is None:
        started = time.process_time()
        logistic.fit(x.astype(np.float64), np.eye(2)[choices], True, head.examples.n_candidates, 1 / len(x))
        return "training.logistic, L-BFGS (scikit-learn is not installed)", time.process_time() - started
    from sklearn.linear_model import LogisticRegression

    started = time.process_time()
    LogisticRegression(max_iter=1000).fit(x, choices)
    return "scikit-learn's LogisticRegression", time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("objectives", 10), ("relabelings", 10), ("seeds", 10), ("examples", 2000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    for name, default in (("features", 256), ("epochs", 200), ("batch-size", 32), ("sample", 10)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--stack-mib", type=int, default=heads.STACK_BYTES >> 20)
    asked = parser.parse_args()
    trainings = grid(asked)
    started = time.process_time()
    fitted: dict[int, Any] = dict(heads.fit(trainings, Placement("cpu"), stack_bytes=asked.stack_mib << 20))
    together = time.process_time() - started
    steps = trainings[0].steps
    print(f"{len(trainings)} heads together: {together:.1f} s, {1e6 * together / steps / len(trainings):.1f} us a step")
    sample = np.linspace(0, len(trainings) - 1, min(asked.sample, len(trainings))).astype(int)
    differences, started = [], time.process_time()
    for position in sample:
        differences.append(np.abs(alone(trainings[position]) - fitted[position].probs["test"]).max())
        name = type(trainings[position].objective).__name__
        print(f"  {name:28} largest difference of a probability {differences[-1]:.1e}")
    one = (time.process_time() - started) / len(sample)
    print(f"one at a time: {one:.2f} s each ({1e6 * one / steps:.0f} us a step), {one * len(trainings):,.0f} s for all")
    print(f"together is {one * len(trainings) / together:.1f} times as fast; largest difference {max(differences):.1e}")
    who, seconds = logistic_seconds(trainings[0])
    print(f"{who}: {seconds:.3f} s; a head together with the others: {together / len(trainings):.3f} s")


if __name__ == "__main__":
    main()
