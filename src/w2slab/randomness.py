"""Named generators: each random draw has its own, so that no draw moves another and nothing is seeded globally."""

from __future__ import annotations

import hashlib
import json

import numpy as np


def derived_seed(seed: int, *names: str) -> int:
    """A 63-bit seed for one named draw, the same on every machine; what `torch.Generator.manual_seed` takes."""
    text = json.dumps([seed, *names])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def rng(seed: int, *names: str) -> np.random.Generator:
    """The generator of one named draw, for example `rng(3, "split")`."""
    return np.random.Generator(np.random.PCG64(derived_seed(seed, *names)))
