"""Rank correlation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from w2slab.shapes import Array, Float64, Shaped


def ranks(values: Shaped[Array, " N"]) -> Float64[Array, " N"]:
    """Return ranks from 1; equal values share the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = counts.cumsum()
    shared: np.ndarray = (last - (counts - 1) / 2)[place]
    return shared


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    """Compute Spearman's rank correlation (1904): the correlation of ranks, ties sharing theirs.

    NaN for fewer than three pairs, since two are always in the same order or in the opposite one, and where all values
    of one side are equal.

    Args:
        first: Numbers, none of them NaN.
        second: As many others.
    """
    if len(first) < 3:
        return float("nan")
    one, other = (of - of.mean() for of in (ranks(np.asarray(first)), ranks(np.asarray(second))))
    scale = np.sqrt((one**2).sum() * (other**2).sum())
    return float((one * other).sum() / scale) if scale > 0 else float("nan")
