"""Coverage of the intervals: studies are simulated with a known PGR, and judged by the code that judges real ones.

    python benchmarks/coverage.py --out coverage.csv          all cells, hours of one core; cells in the file are kept
    python benchmarks/coverage.py --out coverage.csv --table  the file as the tables of docs/statistics.md

Models get an example right where its ease, shared by all, and noise of their own stay below a level; each seed may add
a shift of its own (`seed noise`: 1.4 points of accuracy, one standard deviation, each model apart, as in re-runs of the
paper). Supervisors are right on 45 %; PGR is 0.4. With one seed the truth is that of the models as they were trained;
with several it is that of the recipe.
"""

from __future__ import annotations

import argparse
import csv
import time
from itertools import product
from math import isnan
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from w2slab.stats.pgr import performance_gap_recovered, undefined_reason
from w2slab.stats.ratio import Ratio
from w2slab.stats.resampling import Estimate, interval, resample_means, resample_seeds
from w2slab.stats.seeds import BySeed, mean_draws, noise

GAPS, SEEDS, EXAMPLES, SEED_NOISE = (0.02, 0.05, 0.1, 0.2, 0.5), (1, 2, 3, 5, 10), (200, 1000, 10_000), (0.0, 0.04)
SUPERVISOR, PGR, SHARED, LEVEL, MIN_GAP = 0.45, 0.4, 0.6, 0.95, 0.01
STUDIES = {200: 2000, 1000: 2000, 10_000: 600}
INTERVALS = ("percentile", "bca", "fieller", "student", "difference")


class Cell(NamedTuple):
    """The factors that are varied."""

    n_test: int
    n_seeds: int
    gap: float
    seed_noise: float


class Models(NamedTuple):
    """Supervisor, student and ceiling of one simulated study.

    Args:
        right: Bool [3, S, N].
        truth: Their true accuracies, [3].
    """

    right: np.ndarray
    truth: np.ndarray


def simulate(cell: Cell, rng: np.random.Generator) -> Models:
    """One study."""
    accuracies = np.array([SUPERVISOR, SUPERVISOR + PGR * cell.gap, SUPERVISOR + cell.gap])
    levels = ndtri(accuracies) * np.sqrt(1 + cell.seed_noise**2)
    shifts = cell.seed_noise * rng.normal(size=(3, cell.n_seeds, 1))
    ease = np.sqrt(SHARED) * rng.normal(size=cell.n_test)
    own = np.sqrt(1 - SHARED) * rng.normal(size=(3, cell.n_seeds, cell.n_test))
    right = ease + own + shifts < levels[:, None, None]
    is_single = cell.n_seeds == 1
    return Models(right, ndtr(levels - shifts[:, 0, 0]) if is_single else accuracies)


def judge(cell: Cell, models: Models, rng: np.random.Generator, n_resamples: int) -> dict[str, bool | None]:
    """Return True for each interval that holds the truth, `None` where it is not given; `defined`: True if PGR is."""
    n = cell.n_test
    draws = resample_means(models.right.reshape(-1, n), rng=rng, n_resamples=n_resamples)
    draws = draws.reshape(n_resamples, 3, cell.n_seeds)
    supervisor, student, ceiling = (BySeed(models.right[k].mean(axis=1), draws[:, k]) for k in range(3))
    seed_draws = resample_seeds(cell.n_seeds, rng=rng, n_resamples=n_resamples)

    def mean(metric: BySeed) -> Estimate:
        resampled = mean_draws(metric, seed_draws, noise(metric, n_units=n), level=LEVEL, n_units=n)
        return Estimate(metric.value, *interval(resampled, LEVEL))

    gap = mean(ceiling - supervisor)
    found: dict[str, bool | None] = {
        "student": holds(mean(student)[1:], models.truth[1]),
        "difference": holds(gap[1:], models.truth[2] - models.truth[0]),
        "defined": undefined_reason(gap, min_gap=MIN_GAP, n_units=n) is None,
    }
    if gap.value <= 0:
        return found | dict.fromkeys(("percentile", "bca", "fieller"))
    ratio = Ratio(student - supervisor, ceiling - supervisor, n, LEVEL)
    scores = models.right[1] - ratio.value * models.right[2] - (1 - ratio.value) * models.right[0]
    pgr_draws = ratio.draws(seed_draws)
    truth = performance_gap_recovered(*models.truth)
    return found | {
        "percentile": holds(ratio.estimate(pgr_draws)[1:], truth),
        "bca": holds(ratio.bca(pgr_draws, scores.mean(axis=0)), truth),
        "fieller": holds(ratio.fieller(), truth),
    }


def holds(ends: tuple[float, float], truth: float) -> bool | None:
    """Return True if an interval holds the truth; `None` where there is none."""
    return None if isnan(ends[0]) else ends[0] <= truth <= ends[1]


def coverage(cell: Cell, n_studies: int, n_resamples: int) -> dict[str, float]:
    """Coverage of each interval, wherever it is given and where PGR is defined: shares of the studies."""
    rng = np.random.default_rng([20, cell.n_test, cell.n_seeds, round(1000 * cell.gap), round(1000 * cell.seed_noise)])
    found = [judge(cell, simulate(cell, rng), rng, n_resamples) for _ in range(n_studies)]
    row: dict[str, float] = {"studies": n_studies, "defined": float(np.mean([f["defined"] for f in found]))}
    for name in INTERVALS:
        given = [f[name] for f in found if f[name] is not None]
        of_defined = [f[name] for f in found if f[name] is not None and f["defined"]]
        row[name] = float(np.mean(given)) if given else float("nan")
        row[f"{name}_given"] = len(given) / n_studies
        row[f"{name}_defined"] = float(np.mean(of_defined)) if of_defined else float("nan")
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--examples", type=int, nargs="*", default=EXAMPLES)
    parser.add_argument("--studies", type=int, help="of each cell")
    parser.add_argument("--resamples", type=int, default=500)
    asked = parser.parse_args()
    if asked.table:
        print(tables(read(asked.out)))
        return
    done = {cell for cell, _ in read(asked.out)}
    for cell in (Cell(*c) for c in product(asked.examples, SEEDS, GAPS, SEED_NOISE)):
        if cell in done:
            continue
        started = time.monotonic()
        row = coverage(cell, asked.studies or STUDIES.get(cell.n_test, 1000), asked.resamples)
        write(asked.out, cell, row)
        print(cell, {k: round(100 * v, 1) for k, v in row.items()}, f"{time.monotonic() - started:.0f} s", flush=True)


def write(path: Path, cell: Cell, row: dict[str, float]) -> None:
    """Add a line to the file."""
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if is_new:
            writer.writerow([*cell._fields, *row])
        writer.writerow([*cell, *(f"{value:.4g}" for value in row.values())])


def read(path: Path) -> list[tuple[Cell, dict[str, float]]]:
    """The file's lines."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    return [
        (
            Cell(int(r["n_test"]), int(r["n_seeds"]), r["gap"], r["seed_noise"]),
            {k: r[k] for k in r if k not in Cell._fields},
        )
        for r in rows
    ]


def tables(rows: list[tuple[Cell, dict[str, float]]]) -> str:
    """Markdown: coverage of the percentile interval by gap, and the range over gaps of all intervals."""
    lines = []
    for seed_noise, n_test in product(SEED_NOISE, EXAMPLES):
        own = {(c.n_seeds, c.gap): row for c, row in rows if (c.n_test, c.seed_noise) == (n_test, seed_noise)}
        if own:
            studies = min(row["studies"] for row in own.values())
            lines += [f"{n_test:,} test examples, {noise_words(seed_noise)}, {studies:,.0f} studies a cell:", ""]
            heads = ["seeds", *(f"gap of {100 * gap:g}" for gap in GAPS)]
            cells = [[str(n), *(_cell(own.get((n, gap))) for gap in GAPS)] for n in SEEDS]
            lines += [*markdown(heads, cells), ""]
    lines += [
        "Of all intervals, the lowest and the highest over gaps and numbers of examples, cells in which an interval is "
        "given in less than a fifth of the studies left out:",
        "",
    ]
    cells = []
    for seed_noise, n_seeds in product(SEED_NOISE, SEEDS):
        own_rows = [row for c, row in rows if (c.n_seeds, c.seed_noise) == (n_seeds, seed_noise)]
        if own_rows:
            cells.append([f"{n_seeds}, {noise_words(seed_noise)}", *(_range(own_rows, name) for name in INTERVALS)])
    heads = ["seeds", "PGR, percentile", "PGR, BCa", "PGR, Fieller", "student's accuracy", "gap"]
    return "\n".join(lines + markdown(heads, cells))


def noise_words(seed_noise: float) -> str:
    """Standard deviation over seeds."""
    return "seeds that differ" if seed_noise else "seeds alike"


def markdown(heads: list[str], rows: list[list[str]]) -> list[str]:
    """A table."""
    return [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|", *(f"| {' | '.join(row)} |" for row in rows)]


def _cell(row: dict[str, float] | None) -> str:
    if row is None:
        return ""
    return f"{_percent(row['percentile'])}, {_percent(row['percentile_defined'])} ({_percent(row['defined'])})"


def _range(rows: list[dict[str, float]], name: str) -> str:
    shares = [row[name] for row in rows if row[f"{name}_given"] > 0.2]
    return f"{_percent(min(shares))} to {_percent(max(shares))}" if shares else "–"


def _percent(share: float) -> str:
    return "–" if isnan(share) else f"{100 * share:.0f}"


if __name__ == "__main__":
    main()
