"""Data of a stack of heads on their device: features on one scale, labels, weights of examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from w2slab.errors import JobError
from w2slab.objectives import Objective
from w2slab.training.head_training import HeadTraining, objective_key
from w2slab.training.logistic import Scale
from w2slab.training.rows import Rows, rows_of


class Scaled(NamedTuple):
    """Examples on the scale of those that are learned: rows [R, D] on the device, and where they begin."""

    values: Tensor
    firsts: np.ndarray
    counts: np.ndarray


class Bank:
    """Features of all examples that a stack learns on, and of those that judge it.

    Args:
        groups: The heads of each order.
        constant: Whether a last column of ones is put beside the features.
        device: Where they are wanted.
    """

    def __init__(self, groups: Sequence[Sequence[HeadTraining]], constant: bool, device: torch.device) -> None:
        self.constant, self.device = constant, device
        unique = {id(group[0].examples): group[0].examples for group in groups}
        self._scales: dict[int, Scale] = {key: rows.scale() for key, rows in unique.items()}
        parts = [rows.on_scale(self._scales[key], constant=constant) for key, rows in unique.items()]
        before = dict(zip(unique, np.cumsum([0, *map(len, parts[:-1])]).tolist(), strict=True))
        self._values = torch.from_numpy(parts[0] if len(parts) == 1 else np.concatenate(parts)).to(device)
        self._keys = [id(group[0].examples) for group in groups]
        self._counts = {key: rows.counts for key, rows in unique.items()}
        self._firsts = {key: before[key] + np.cumsum(counts) - counts for key, counts in self._counts.items()}
        self._judging: dict[tuple[int, int], Scaled] = {}

    def examples(self, positions: np.ndarray) -> Tensor:
        """The rows of examples that have one each: [G, B, D], of the examples at positions [G, B] of each order."""
        rows = np.stack([self._firsts[key][row] for key, row in zip(self._keys, positions, strict=True)])
        found = self._values.index_select(0, torch.from_numpy(rows.ravel()).to(self.device))
        return found.view(*positions.shape, -1)

    def candidates(self, group: int, positions: np.ndarray) -> Tensor:
        """The rows of an order's examples, one per candidate: [M, D]."""
        key = self._keys[group]
        rows = rows_of(self._firsts[key][positions], self._counts[key][positions])
        return self._values.index_select(0, torch.from_numpy(rows).to(self.device))

    def counts(self, positions: np.ndarray) -> np.ndarray:
        """Rows of the examples at positions [G, B]: [G, B]."""
        return np.stack([self._counts[key][row] for key, row in zip(self._keys, positions, strict=True)])

    def scaled(self, group: int, rows: Rows, *, keep: bool = True) -> Scaled:
        """Other examples on an order's scale.

        Args:
            group: The order.
            rows: The examples.
            keep: Whether they will be asked for again.
        """
        key = (self._keys[group], id(rows))
        found = self._judging.get(key)
        if found is None:
            values = rows.on_scale(self._scales[key[0]], constant=self.constant)
            firsts = np.cumsum(rows.counts) - rows.counts
            found = Scaled(torch.from_numpy(values).to(self.device), firsts, rows.counts)
            if keep:
                self._judging[key] = found
        return found


class Labels:
    """Labels of all heads of a stack, and the weights of their examples; each array is held once.

    Args:
        groups: The heads of each order.
        device: Where they are wanted.
    """

    def __init__(self, groups: Sequence[Sequence[HeadTraining]], device: torch.device) -> None:
        self.device = device
        heads = [[group[h] for group in groups] for h in range(len(groups[0]))]
        targets = {id(head.targets): head.targets for row in heads for head in row}
        widest = max(array.shape[1] for array in targets.values())
        parts = [np.pad(array, ((0, 0), (0, widest - array.shape[1]))) for array in targets.values()]
        before = dict(zip(targets, np.cumsum([0, *map(len, parts[:-1])]).tolist(), strict=True))
        self._targets = torch.from_numpy(np.concatenate(parts).astype(np.float32)).to(device)
        self._first_target = torch.tensor([[before[id(head.targets)] for head in row] for row in heads], device=device)
        self._weights: Tensor | None = None
        if any(head.weights is not None for row in heads for head in row):
            self._place_weights(heads)

    def _place_weights(self, heads: list[list[HeadTraining]]) -> None:
        """Weights by position in the split, as labels are; one row of ones serves all heads without."""
        found: dict[tuple[int, int], np.ndarray] = {}
        firsts, start = np.zeros((len(heads), len(heads[0])), dtype=np.int64), {}
        size = 0
        for h, row in enumerate(heads):
            for g, head in enumerate(row):
                key = (id(head.weights), id(head.kept)) if head.weights is not None else (0, len(head.targets))
                if key not in found:
                    found[key] = np.ones(len(head.targets), dtype=np.float32)
                    if head.weights is not None:
                        found[key][head.kept] = head.weights
                    start[key], size = size, size + len(head.targets)
                firsts[h, g] = start[key]
        self._weights = torch.from_numpy(np.concatenate(list(found.values()))).to(self.device)
        self._first_weight = torch.from_numpy(firsts).to(self.device)

    def of(self, positions: np.ndarray, n_candidates: int | None = None) -> tuple[Tensor, Tensor | None]:
        """Labels [H, G, B, K] and weights [H, G, B] of the examples at positions [G, B]; weights may be `None`.

        Args:
            positions: In the split that each order learns on.
            n_candidates: K; `None` is as many as labels have.
        """
        places = torch.from_numpy(positions).to(self.device)
        rows = (self._first_target[:, :, None] + places).flatten()
        width = self._targets.shape[1]
        wanted = width if n_candidates is None else n_candidates
        found = self._targets if wanted >= width else self._targets[:, :wanted]
        targets = found.index_select(0, rows).view(*self._first_target.shape, positions.shape[1], -1)
        if wanted > width:
            targets = torch.nn.functional.pad(targets, (0, wanted - width))
        if self._weights is None:
            return targets, None
        rows = (self._first_weight[:, :, None] + places).flatten()
        return targets, self._weights.index_select(0, rows).view(targets.shape[:3])


def places_of(counts: np.ndarray, n_candidates: int, k: int, device: torch.device) -> Tensor:
    """Places of the outputs of candidates among the logits of their examples: int64 [k * sum(counts)].

    Args:
        counts: Candidates of each example, [B].
        n_candidates: K, as many as logits have room for.
        k: Parts of a mixture; logits stand as [B, k, K].
        device: Where they are wanted.
    """
    rows = np.repeat(np.arange(len(counts)), counts)
    columns = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    places = rows * (k * n_candidates) + columns + (np.arange(k) * n_candidates)[:, None]
    return torch.from_numpy(places.ravel()).to(device)


def slots(group: Sequence[HeadTraining]) -> list[tuple[Objective, slice]]:
    """The objectives of an order's heads, and which of the heads are theirs; heads of one stand side by side."""
    found: list[tuple[Objective, slice]] = []
    start = 0
    for h, head in enumerate(group):
        is_last = h + 1 == len(group) or objective_key(group[h + 1].objective) != objective_key(head.objective)
        if is_last:
            found.append((head.objective, slice(start, h + 1)))
            start = h + 1
    return found


def not_finite(head: HeadTraining, probs: dict[str, np.ndarray]) -> JobError | None:
    """The error of a head whose predictions are no numbers."""
    for split, found in probs.items():
        bad = np.flatnonzero(~np.isfinite(found).all(axis=1))
        if len(bad):
            ids = ", ".join(head.predicted[split].ids[i] for i in bad[:5])
            return JobError(f"predictions of {split} are not finite, first for {ids}; lower the learning rate")
    return None
