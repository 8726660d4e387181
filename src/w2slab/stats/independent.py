"""Differences of two independent sets of seeds, evaluated on the same test examples.

Test examples are paired, so that what both share of their luck cancels; seeds are not, and their variances add as those
of two independent samples do (Welch 1947):

    variance of the difference = variance over examples of the difference + variance over seeds of both / their numbers
"""

from __future__ import annotations

from math import inf, sqrt

from w2slab.stats.seeds import BySeed, Noise, noise


def difference_noise(first: BySeed, second: BySeed, *, n_units: int) -> tuple[Noise, Noise]:
    """Return the error of first minus second, once for the draws of each; they differ in `seed_scale` alone.

    A set of one seed says nothing of its variance over seeds; it is taken to vary as the other does. Where both have
    one seed there is none, and the error is of test examples only.

    Args:
        first: A metric under each of S seeds.
        second: The same under T other seeds, on the same resamples of examples.
        n_units: Independent test examples, or groups of them; at least 2, or all is infinite.
    """
    if n_units < 2:
        nothing = Noise(inf, 0.0, 1.0, 0.0)
        return nothing, nothing
    own = [noise(metric, n_units=n_units) for metric in (first, second)]
    numbers = [len(metric.observed) for metric in (first, second)]
    pooled = first.pooled - second.pooled
    examples = float(pooled.var()) * n_units / (n_units - 1)
    seeds, uncertain = 0.0, examples**2 / (n_units - 1)
    scales = [each.seed_scale for each in own]
    for place, (metric, n_seeds) in enumerate(zip((first, second), numbers, strict=True)):
        if n_seeds > 1:
            stands_for_both = min(numbers) == 1
            more = 1 + n_seeds if stands_for_both else 1  # 1/S + 1 in place of 1/S
            seeds += more * own[place].seeds
            uncertain += (more * float(metric.observed.var(ddof=1)) / n_seeds) ** 2 / (n_seeds - 1)
            scales[place] *= sqrt(more)
    degrees = max(1.0, (examples + seeds) ** 2 / uncertain) if uncertain > 0 else inf
    of_first, of_second = (Noise(examples, seeds, degrees, scale) for scale in scales)
    return of_first, of_second
