"""Two sets of seeds that have nothing to do with each other, judged on the same test examples.

Test examples are paired, so that what both share of their luck cancels; seeds are not, and their variances add as those
of two independent samples do (Welch 1947):

    variance of the difference = variance over examples of the difference + variance over seeds of both / their numbers
"""

from __future__ import annotations

from math import inf

from w2slab.stats.seeds import BySeed, Noise, noise


def difference_noise(first: BySeed, second: BySeed, *, n_units: int) -> tuple[Noise, Noise]:
    """The error of first minus second; once for the draws of each, which differ in `seed_scale` alone.

    A set of one seed says nothing of its variance over seeds, and adds none.

    Args:
        first: A metric under each of S seeds, its draws [R, S].
        second: The same under T other seeds, on the same resamples of examples: [R, T].
        n_units: Independent test examples, or groups of them; at least 2, or all is infinite.
    """
    if n_units < 2:
        nothing = Noise(inf, 0.0, 1.0, 0.0)
        return nothing, nothing
    own = [noise(metric, n_units=n_units) for metric in (first, second)]
    pooled = first.draws.mean(axis=1) - second.draws.mean(axis=1)
    examples = float(pooled.var()) * n_units / (n_units - 1)
    seeds = own[0].seeds + own[1].seeds
    uncertain = examples**2 / (n_units - 1)
    for metric in (first, second):
        n_seeds = len(metric.observed)
        if n_seeds > 1:
            uncertain += (float(metric.observed.var(ddof=1)) / n_seeds) ** 2 / (n_seeds - 1)
    degrees = max(1.0, (examples + seeds) ** 2 / uncertain) if uncertain > 0 else inf
    of_first, of_second = (Noise(examples, seeds, degrees, each.seed_scale) for each in own)
    return of_first, of_second
