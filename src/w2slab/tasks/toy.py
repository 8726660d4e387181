"""A synthetic task on which weak-to-strong generalization happens in seconds, on any machine."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from w2slab.data.examples import Examples, Labelled, Truth
from w2slab.randomness import rng
from w2slab.tasks.task import Task


@dataclass(frozen=True)
class Toy(Task):
    """Classes told apart by many faint Gaussian features.

    Every feature is an independent measurement of the class, right a little more often than chance. A model that
    sees more of them is stronger. Models of the `linear` family see different ones if their sizes differ by a factor
    of two or more, so a student cannot copy its supervisor's errors: it sees only what those labels say of the class.
    That is why it generalizes beyond them.

    Args:
        n_examples: All examples, of all splits together.
        n_classes: Classes; equally likely, but for `majority`.
        n_features: Features of an example.
        separation: Distance of a feature's class means from their centre, in standard deviations of its noise.
        group_size: Examples in one group; a group shares its class and is never split.
        label_noise: Share of examples whose ground truth is replaced by another class, in every split.
        majority: Share of the first class; `None` makes all equally likely.
        seed: Decides the examples.
    """

    n_examples: Annotated[int, Field(ge=8)] = 6000
    n_classes: Annotated[int, Field(ge=2, le=100)] = 2
    n_features: Annotated[int, Field(ge=1)] = 64
    separation: Annotated[float, Field(ge=0)] = 0.25
    group_size: Annotated[int, Field(ge=1)] = 1
    label_noise: Annotated[float, Field(ge=0, lt=1)] = 0.0
    majority: Annotated[float, Field(gt=0, lt=1)] | None = None
    seed: int = 0

    balanced: ClassVar[bool] = True

    def load(self) -> Labelled:
        """Every example of the task."""
        import pyarrow as pa

        groups = np.arange(self.n_examples) // self.group_size
        classes = self._classes(int(groups[-1]) + 1)[groups]
        noise = rng(self.seed, "toy", "noise").standard_normal((self.n_examples, self.n_features))
        features = (self.separation * self._means()[classes] + noise).astype(np.float32)
        labels = self._labels(classes)
        offsets = np.arange(0, features.size + 1, self.n_features, dtype=np.int32)
        ids = [f"toy-{hashlib.sha256(row.tobytes()).hexdigest()[:16]}" for row in features]
        table = pa.table(
            {
                "id": ids,
                "group": [f"toy-{self.seed}-{group}" for group in groups],
                "features": pa.ListArray.from_arrays(pa.array(offsets), pa.array(features.ravel())),
            }
        )
        names = tuple(f"class {index}" for index in range(self.n_classes))
        return Labelled(Examples(table, names), Truth(ids, [[int(label)] for label in labels]))

    def _classes(self, n_groups: int) -> np.ndarray:
        shares = np.full(self.n_classes, 1.0 / self.n_classes)
        if self.majority is not None:
            shares[0] = self.majority
            shares[1:] = (1.0 - self.majority) / (self.n_classes - 1)
        return rng(self.seed, "toy", "classes").choice(self.n_classes, size=n_groups, p=shares)

    def _means(self) -> np.ndarray:
        """Class means of each feature, with centre 0 and spread 1: float64 [classes, features]."""
        draws = rng(self.seed, "toy", "means").standard_normal((self.n_classes, self.n_features))
        draws -= draws.mean(axis=0)
        return np.asarray(draws / draws.std(axis=0))

    def _labels(self, classes: np.ndarray) -> np.ndarray:
        generator = rng(self.seed, "toy", "labels")
        flipped = generator.random(len(classes)) < self.label_noise
        others = (classes + generator.integers(1, self.n_classes, len(classes))) % self.n_classes
        return np.where(flipped, others, classes)
