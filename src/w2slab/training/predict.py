"""A trained network's probabilities over the candidates of each example."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from w2slab.errors import JobError
from w2slab.training.batches import Encoded, bucketed

if TYPE_CHECKING:
    import torch

    from w2slab.training.placement import Placement


def predict(network: torch.nn.Module, encoded: Encoded, placement: Placement, batch_size: int) -> np.ndarray:
    """Probabilities [N, K], float32; each row sums to one over its own candidates and is 0 beyond them.

    Batches hold examples of like length; company in a batch changes a row by rounding only.

    Raises:
        JobError: A logit is not a number.
    """
    import torch

    probs = np.zeros((len(encoded), int(encoded.n_candidates.max(initial=0))), dtype=np.float32)
    network.eval()
    with torch.no_grad():
        for indices in bucketed(encoded.lengths, batch_size):
            with placement.autocast():
                logits = network(**placement.to_device(encoded.batch(indices)))
            rows = logits.float().softmax(dim=-1).cpu().numpy()
            probs[indices, : rows.shape[1]] = rows[:, : probs.shape[1]]
    if not np.isfinite(probs).all():
        bad = [encoded.ids[i] for i in np.flatnonzero(~np.isfinite(probs).all(axis=1))[:5]]
        raise JobError(f"predictions are not finite, first for {', '.join(bad)}; lower the learning rate")
    probs[np.arange(probs.shape[1]) >= encoded.n_candidates[:, None]] = 0.0
    return probs
