"""Differences of two independent sets of seeds, evaluated on the same test examples.

Test examples are paired, so that what both share of their luck cancels; seeds are not, and their variances add as those
of two independent samples do (Welch 1947):

    variance of the difference = variance over examples of the difference + variance over seeds of both / their numbers
"""

from __future__ import annotations

from math import inf, sqrt

import numpy as np

from w2slab.stats.seeds import BySeed, Noise, noise, plain


def difference_noise(first: BySeed, second: BySeed, *, n_units: int) -> tuple[Noise, Noise]:
    """Return the error of first minus second, once for the draws of each; they differ in `seed_scale` alone.

    A set of one seed says nothing of its variance over seeds; it is taken to vary as the other does. Where both have
    one seed there is none, and the error is of test examples only.

    Args:
        first: A metric under each of S seeds.
        second: The same under T other seeds, on the same resamples of examples.
        n_units: Independent test examples, or groups of them; at least 2, or all is infinite.
    """
    own = [noise(metric, n_units=n_units) for metric in (first, second)]
    if n_units < 2:
        return own[0], own[1]
    numbers = [metric.observed.shape[-1] for metric in (first, second)]
    examples = (first.pooled - second.pooled).var(axis=-1) * n_units / (n_units - 1)
    seeds, uncertain = np.zeros(np.shape(examples)), examples**2 / (n_units - 1)
    scales = [np.asarray(each.seed_scale) for each in own]
    for place, (metric, n_seeds) in enumerate(zip((first, second), numbers, strict=True)):
        if n_seeds > 1:
            stands_for_both = min(numbers) == 1
            more = 1 + n_seeds if stands_for_both else 1  # 1/S + 1 in place of 1/S
            seeds = seeds + more * np.asarray(own[place].seeds)
            spread = metric.observed.var(axis=-1, ddof=1)
            uncertain = uncertain + (more * spread / n_seeds) ** 2 / (n_seeds - 1)
            scales[place] = scales[place] * sqrt(more)
    degrees = np.divide((examples + seeds) ** 2, uncertain, out=np.full(np.shape(uncertain), inf), where=uncertain > 0)
    common = Noise(*map(plain, (examples, seeds, np.maximum(1.0, degrees), scales[0])))
    return common, common._replace(seed_scale=plain(scales[1]))
