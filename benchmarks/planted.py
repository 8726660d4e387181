"""Error rates of verdicts: studies with a planted difference between two methods, and with none.

    python benchmarks/planted.py

Every study is written to disk as jobs would have written it and judged by `collect`. Its test examples are a sample.
Students of one method are truly right on so many points more than naive ones; each model varies from seed to seed,
by 0.6 points of accuracy if not told otherwise.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from itertools import product
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.report.fake_study import FakePlan, FakeStore, Simulation, text_task
from w2slab.analysis import collect
from w2slab.graph.job import Graph

SUPERVISOR, CEILING, NAIVE = 0.62, 0.84, 0.5


def verdicts(
    points: float, n_seeds: int, *, n_studies: int, seed_noise: float = 0.6, n_test: int = 1000, resamples: int = 500
) -> list[str]:
    """Return the verdict on the method in each of so many studies.

    Args:
        points: By how much it is better, in points of accuracy; 0 is a planted null.
        n_seeds: Of each study.
        n_studies: How many studies.
        seed_noise: Standard deviation of a model's accuracy from seed to seed, in points.
        n_test: Test examples of each.
        resamples: Of each.
    """
    share = NAIVE + points / 100 / (CEILING - SUPERVISOR)
    found = []
    for number in range(n_studies):
        with tempfile.TemporaryDirectory() as folder:
            store, graph = FakeStore(Path(folder)), Graph()
            task = text_task(n_test, np.random.default_rng([7, number]))
            accuracies = {"tiny": SUPERVISOR, "medium": CEILING}
            methods = {"naive": NAIVE, "planted": share}
            simulation = Simulation(
                store, task, accuracies, methods, curves=False, seed_noise=seed_noise / 100, is_sampled=True
            )
            seeds = [n_seeds * number + place for place in range(n_seeds)]
            plan = FakePlan(graph, simulation.plan(seeds, graph))
            found.append(collect(plan, store, resamples=resamples).differences[0]["verdict"])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=100)
    parser.add_argument("--points", type=float, nargs="*", default=(0, 1, 2, 4, 8))
    parser.add_argument("--seed-noise", type=float, default=0.6, help="points of accuracy, one standard deviation")
    parser.add_argument("--seeds", type=int, nargs="*", default=(1, 3, 5))
    asked = parser.parse_args()
    print("points better | seeds | better | worse | not significant")
    for points, n_seeds in product(asked.points, asked.seeds):
        found = verdicts(points, n_seeds, n_studies=asked.studies, seed_noise=asked.seed_noise)
        shares = [found.count(verdict) for verdict in ("better", "worse", "not significant")]
        print(f"{points:13g} | {n_seeds:5} | {' | '.join(map(str, shares))}  of {len(found)}", flush=True)


if __name__ == "__main__":
    main()
