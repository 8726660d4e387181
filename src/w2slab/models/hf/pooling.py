"""Pooling: one state of a text from the states of its tokens."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from w2slab.models.hf.hf_sources import Readout


def read_out(states: Any, mask: Tensor, readout: Readout) -> Tensor:
    """Return one state per row, `[R, D]`, from the output of a model of transformers and the mask `[R, T]`."""
    if readout == "pooler":
        pooled: Tensor = states.pooler_output
        return pooled
    return read_state(states.last_hidden_state, mask, readout)


def read_state(hidden: Tensor, mask: Tensor, readout: Readout) -> Tensor:
    """Return one state per row, `[R, D]`, from those of its tokens `[R, T, D]`."""
    if readout == "mean":
        weights = mask.to(hidden.dtype)[:, :, None]
        return (hidden * weights).sum(dim=1) / weights.sum(dim=1)
    columns = torch.arange(mask.shape[1], device=mask.device)
    if readout == "last":
        chosen = (mask * columns).argmax(dim=1)
    else:
        chosen = (mask * (columns.flip(0) + 1)).argmax(dim=1)
    return hidden[torch.arange(len(hidden), device=hidden.device), chosen]
