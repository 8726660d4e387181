"""A trained network's probabilities over the candidates of each example."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from w2slab.errors import JobError
from w2slab.training import memory
from w2slab.training.batches import Encoded, bucketed, cut

if TYPE_CHECKING:
    import torch

    from w2slab.training.placement import Placement


def predict(network: torch.nn.Module, encoded: Encoded, placement: Placement, batch_size: int) -> np.ndarray:
    """Probabilities [N, K], float32; each row sums to one over its own candidates and is 0 beyond them.

    Batches hold examples of similar length; batch composition changes a row by rounding only. Where a batch does not
    fit into memory, it and those after it are halved. Several processes share the batches, and each gets all rows.

    Raises:
        JobError: A logit is not a number, or a single example does not fit into memory.
    """
    import torch

    probs = np.zeros((len(encoded), int(encoded.n_candidates.max(initial=0))), dtype=np.float32)
    network.eval()
    batches = bucketed(encoded.lengths, batch_size)  # the same in every process, whatever fits into which
    todo = batches[placement.rank :: placement.world]
    n_idle = placement.idle_passes(len(batches), len(todo))
    if todo and placement.largest_prediction is not None:
        todo = cut(np.concatenate(todo), min(batch_size, placement.largest_prediction))
    with torch.no_grad():
        while todo:
            indices = todo.pop(0)
            try:
                with placement.autocast():
                    logits = network(**placement.to_device(encoded.batch(indices)))
                rows = logits.float().softmax(dim=-1).cpu().numpy()
            except RuntimeError as error:
                if not memory.ran_out(error):
                    raise
            else:
                probs[indices, : rows.shape[1]] = rows[:, : probs.shape[1]]
                continue
            placement.free()
            if len(indices) == 1 or placement.sharded:
                raise memory.does_not_fit(f'the prediction of example "{encoded.ids[indices[0]]}"')
            placement.largest_prediction = -(-len(indices) // 2)
            todo = cut(np.concatenate([indices, *todo]), placement.largest_prediction)
        for _ in range(n_idle):
            network(**placement.to_device(encoded.batch(batches[0][:1])))
    if placement.world > 1:
        probs = placement.sum(torch.from_numpy(probs).to(placement.device)).cpu().numpy()
    if not np.isfinite(probs).all():
        bad = [encoded.ids[i] for i in np.flatnonzero(~np.isfinite(probs).all(axis=1))[:5]]
        raise JobError(f"predictions are not finite, first for {', '.join(bad)}; lower the learning rate")
    probs[np.arange(probs.shape[1]) >= encoded.n_candidates[:, None]] = 0.0
    return probs
